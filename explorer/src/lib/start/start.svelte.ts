/** The state of the start page: what there is to choose from, what was chosen, and what it is taken for. */

import type { Corrections, Desk, Fit, Look, Offers } from "./desk";
import { arranged, type Picked } from "./files";

export interface Sending {
  name: string;
  sent: number;
  size: number;
}

export class StartState {
  offers: Offers | null = $state.raw(null);
  /** A sentence about what went wrong last. */
  failure: string | null = $state(null);
  /** What is being waited for, in words. */
  busy: string | null = $state(null);
  sending: Sending | null = $state.raw(null);

  look: Look | null = $state.raw(null);
  corrections: Corrections = $state.raw({});
  /** Why the corrections cannot be followed. */
  objection: string | null = $state(null);
  looking = $state(false);

  private under: AbortController | null = null;

  constructor(private readonly desk: Desk) {}

  async begin(): Promise<void> {
    await this.trying(null, async () => { this.offers = await this.desk.offers(); });
  }

  open(path: string): Promise<void> {
    return this.trying("Opening", async () => void (await this.desk.open(path)));
  }

  resume(path: string): Promise<void> {
    return this.trying("Going on", async () => void (await this.desk.resume(path)));
  }

  discard(path: string): Promise<void> {
    return this.trying("Discarding", async () => { this.offers = await this.desk.discard(path); });
  }

  forget(path: string): Promise<void> {
    return this.trying(null, async () => { this.offers = await this.desk.forget(path); });
  }

  /** Sends files and looks at what they are. */
  async take(picked: readonly Picked[]): Promise<void> {
    if (!picked.length) {
      this.failure = "There is no file in what was dropped.";
      return;
    }
    const size = picked.reduce((sum, p) => sum + p.file.size, 0);
    const { files, source } = arranged(picked, new Date().toISOString().slice(0, 19).replace(/\D/g, ""));
    if (this.offers && size > this.offers.room) {
      this.failure = `'${source}' has ${bytes(size)} and the disk has room for ${bytes(this.offers.room)}; free some space, or name its place on this machine instead.`;
      return;
    }
    await this.trying(null, async (signal) => {
      let done = 0;
      let single = "";
      for (const { file, name } of files) {
        single = await this.desk.upload(file, name, (sent) => (this.sending = { name, sent: done + sent, size }), signal);
        done += file.size;
      }
      this.sending = null;
      // What the server made of the name is what it is found under.
      await this.consider(files.length === 1 && !files[0]!.name.includes("/") ? single : `upload:${source}`, signal);
    });
    this.sending = null;
  }

  /** Looks at data that the server can reach. */
  choose(source: string): Promise<void> {
    return this.trying(null, (signal) => this.consider(source, signal));
  }

  private async consider(source: string, signal: AbortSignal): Promise<void> {
    this.busy = "Reading the data";
    this.look = await this.desk.look(source, {}, signal);
    this.corrections = {};
    this.objection = null;
  }

  /** Looks again with other corrections; what cannot be followed is said, and stays to be mended. */
  async correct(corrections: Corrections): Promise<void> {
    const now = this.look;
    if (!now) return;
    this.under?.abort();
    const under = (this.under = new AbortController());
    this.corrections = corrections;
    this.looking = true;
    try {
      const look = await this.desk.look(now.source, corrections, under.signal);
      if (under.signal.aborted) return;
      this.look = look;
      this.objection = null;
    } catch (error) {
      if (under.signal.aborted) return;
      this.objection = (error as Error).message;
    }
    this.looking = false;
  }

  learn(settings: Omit<Fit, "source" | "corrections">): Promise<void> {
    const { look, corrections } = this;
    if (!look) return Promise.resolve();
    const wanted = { source: look.source, corrections, ...settings };
    return this.trying("Beginning", async () => void (await this.desk.fit(wanted)));
  }

  /** Back to the choice; what is under way is given up. */
  back(): void {
    this.under?.abort();
    this.look = null;
    this.objection = null;
    this.failure = null;
    this.busy = null;
    this.sending = null;
    this.looking = false;
    void this.begin();
  }

  private async trying(busy: string | null, act: (signal: AbortSignal) => Promise<void>): Promise<void> {
    this.under?.abort();
    const under = (this.under = new AbortController());
    this.failure = null;
    this.busy = busy;
    try {
      await act(under.signal);
    } catch (error) {
      if (!under.signal.aborted) this.failure = (error as Error).message;
    }
    if (this.under === under) this.busy = null;
  }
}

export function bytes(n: number): string {
  const units = ["bytes", "KB", "MB", "GB", "TB"];
  const at = Math.min(Math.floor(Math.log10(Math.max(n, 1)) / 3), units.length - 1);
  return `${at ? (n / 1000 ** at).toPrecision(3) : n} ${units[at]}`;
}
