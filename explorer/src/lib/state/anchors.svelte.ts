/** Places that were marked one after the other, for paths and for everything that starts somewhere. */

import type { Part } from "./address.svelte";

/** A real row, or a position on the map. */
export type Anchor = { row: number } | { x: number; y: number; axes?: string };

/** As the server names places: `row:12`, `at:1.5,-2`, on other axes than the map's `at:1.5,-2@pca`. */
export function placeOf(anchor: Anchor): string {
  if ("row" in anchor) return `row:${anchor.row}`;
  return `at:${short(anchor.x)},${short(anchor.y)}${anchor.axes ? `@${anchor.axes}` : ""}`;
}

const short = (value: number): number => Number(value.toPrecision(6));

export function anchorOf(place: string): Anchor | null {
  const row = /^row:(\d{1,10})$/.exec(place);
  if (row) return { row: Number(row[1]) };
  const at = /^at:([^,]+),([^,@]+)(?:@(.+))?$/.exec(place);
  const [x, y] = at ? [Number(at[1]), Number(at[2])] : [NaN, NaN];
  return Number.isFinite(x) && Number.isFinite(y) ? { x, y, ...(at![3] ? { axes: at![3] } : {}) } : null;
}

export class Anchors implements Part {
  list: readonly Anchor[] = $state.raw([]);

  constructor(private readonly n: () => number) {}

  /** Every anchor as the server names it. */
  readonly places: readonly string[] = $derived(this.list.map(placeOf));

  /** Marks a place; the same one twice in a row stays one. */
  add(anchor: Anchor): void {
    const place = placeOf(anchor);
    if (this.places.at(-1) !== place) this.list = [...this.list, anchorOf(place)!];
  }

  remove(at: number): void {
    this.list = this.list.filter((_, i) => i !== at);
  }

  /** Puts the anchor at `from` in the place of the one at `to`. */
  move(from: number, to: number): void {
    const rest = this.list.filter((_, i) => i !== from);
    this.list = [...rest.slice(0, to), this.list[from]!, ...rest.slice(to)];
  }

  reverse(): void {
    this.list = [...this.list].reverse();
  }

  clear(): void {
    this.list = [];
  }

  write(values: URLSearchParams): void {
    if (this.list.length) values.set("path", this.places.join(";"));
  }

  read(values: URLSearchParams): void {
    const text = values.get("path") ?? "";
    if (text === this.places.join(";")) return;
    const found = text.split(";").map(anchorOf);
    this.list = found.filter((a): a is Anchor => a !== null && (!("row" in a) || a.row < this.n()));
  }
}
