/** Latent dimensions set by hand, from a place to start at: where that is, and what it decodes to. */

import type { Backend } from "../backend/backend";
import type { Mixed } from "../protocol";
import type { Part } from "./address.svelte";
import { placeOf } from "./anchors.svelte";
import { MAP } from "./axes.svelte";
import { Latest } from "./latest";

export type From = "pinned" | "cursor" | "average";
const FROM: readonly string[] = ["pinned", "cursor", "average"];

/** What the page knows of places that a walk may start from. */
interface Known {
  readonly pinnedIndex: number | null;
  /** Where the cursor rests. */
  readonly detail: { x: number; y: number } | null;
  readonly axes: { readonly name: string };
}

interface Wanted { place: string; moves: ReadonlyMap<number, number>; axes: string }

export class Mix implements Part {
  /** Dimensions that were set, with their values. */
  moves: ReadonlyMap<number, number> = $state.raw(new Map());
  /** Where one would like to start; where that is not there, the next is taken: `place`. */
  from: From = $state("pinned");
  /** Factors of the whole space, or of the place. */
  local = $state(false);
  /** The place to start at, as it is. */
  start: Mixed | null = $state.raw(null);
  /** With what was set. */
  made: Mixed | null = $state.raw(null);
  failure: string | null = $state(null);
  private readonly latest: Latest<Wanted, [Mixed, Mixed]>;
  private started = "";

  constructor(
    private readonly backend: Backend,
    private readonly known: Known,
  ) {
    this.latest = new Latest(
      async ({ place, moves, axes }) => {
        const start = this.start && this.started === `${axes} ${place}` ? this.start : await this.backend.mix(place, new Map());
        return [start, moves.size ? await this.backend.mix(place, moves) : start];
      },
      ([start, made], { place, axes }) => {
        this.started = `${axes} ${place}`;
        this.start = start;
        this.made = made;
        this.failure = null;
      },
      (error) => (this.failure = error.message),
    );
  }

  /** Which of the places to start at is taken. */
  get taken(): From {
    if (this.from === "cursor" && this.known.detail) return "cursor";
    return this.from !== "average" && this.known.pinnedIndex !== null ? "pinned" : "average";
  }

  /** As the server names it. */
  get place(): string {
    if (this.taken === "pinned") return placeOf({ row: this.known.pinnedIndex! });
    if (this.taken === "average") return "mean";
    const { x, y } = this.known.detail!;
    const axes = this.known.axes.name;
    return placeOf(axes === MAP ? { x, y } : { x, y, axes });
  }

  /** Asks for what the place and the moves decode to. */
  ask(): void {
    this.latest.want({ place: this.place, moves: this.moves, axes: this.known.axes.name });
  }

  /** Null: as the place has it. */
  set(dimension: number, value: number | null): void {
    const next = new Map(this.moves);
    if (value === null) next.delete(dimension);
    else next.set(dimension, value);
    this.moves = next;
  }

  reset(): void {
    this.moves = new Map();
  }

  write(values: URLSearchParams): void {
    if (this.moves.size) values.set("set", [...this.moves].map(([d, v]) => `${d}:${v}`).join(","));
    if (this.from !== "pinned") values.set("start", this.from);
    if (this.local) values.set("local", "1");
  }

  read(values: URLSearchParams): void {
    const pairs = (values.get("set") ?? "").split(",").map((part) => /^(\d{1,5}):(-?[\d.e+-]+)$/.exec(part));
    const kept = pairs.filter((p) => p !== null).map((p) => [Number(p[1]), Number(p[2])] as const);
    this.moves = new Map(kept.filter(([, value]) => Number.isFinite(value)));
    const from = values.get("start") ?? "";
    this.from = FROM.includes(from) ? (from as From) : "pinned";
    this.local = values.get("local") === "1";
  }
}
