/** What a running fit has told so far. */

import type { Phase, Preview, Progress, Session } from "../protocol";

export const PHASES: { phase: Phase; doing: string; why: string }[] = [
  { phase: "loading", doing: "Reading the data", why: "types are inferred, missing cells found" },
  { phase: "training", doing: "Learning", why: "the model learns to compress each row and to restore it" },
  { phase: "encoding", doing: "Placing every row", why: "each row gets its place in the learned space" },
  { phase: "mapping", doing: "Drawing the map", why: "two dimensions that keep neighbours together, with a way back" },
  { phase: "measuring", doing: "Measuring", why: "how far the space and the map can be trusted" },
  { phase: "saving", doing: "Saving", why: "one folder, whole or absent" },
];

export class TrainingState {
  /** One entry an epoch of the training phase. */
  history: Progress[] = $state.raw([]);
  preview: Preview | null = $state.raw(null);
  stopping = $state(false);
  private last: Phase | null = null;

  heard(session: Session): void {
    const progress = session.progress;
    if (session.phase === "loading" && this.last !== "loading") this.history = [];
    this.last = session.phase;
    if (session.phase !== "training") this.stopping = false;
    if (!progress || progress.phase !== "training" || progress.elbo == null) return;
    const at = this.history.at(-1);
    if (at && progress.epoch < at.epoch) this.history = [progress];
    else if (at && progress.epoch === at.epoch) this.history = [...this.history.slice(0, -1), progress];
    else this.history = [...this.history, progress];
  }
}
