/** What the points are coloured by, which of them count, and which are context. */

import type { Backend, ColumnData } from "./backend/backend";
import { colouring, missingCode, MISSING, OTHER, slotColour, type Colouring } from "./map/colour";
import type { ColumnInfo, SpaceInfo } from "./protocol";
import { number } from "./words";

export class ColourState {
  info: ColumnInfo | null = $state.raw(null);
  data: ColumnData | null = $state.raw(null);
  colouring: Colouring | null = $state.raw(null);
  busy = $state(false);
  error: string | null = $state(null);
  /** Categories that are lit; empty: all of them. */
  lit: ReadonlySet<number> = $state.raw(new Set());
  /** Lit range of a numeric column; null: all of it. */
  range: [number, number] | null = $state.raw(null);
  /** Ascending rows of a lasso; null: no selection. */
  selection: Uint32Array | null = $state.raw(null);

  private readonly kept = new Map<number, Promise<ColumnData>>();
  private asked = 0;

  constructor(private readonly backend: Backend) {}

  get filtered(): boolean {
    return this.lit.size > 0 || this.range !== null;
  }

  /** 1 for every row that is context only; null when all count. */
  readonly context: Uint8Array | null = $derived.by(() => {
    const { data, lit, range, selection } = this;
    if (!data || (!lit.size && !range && !selection)) return null;
    const out = new Uint8Array(data.length);
    if (selection) {
      out.fill(1);
      for (const i of selection) out[i] = 0;
    }
    if (lit.size) {
      for (let i = 0; i < out.length; i++) if (!lit.has(data[i]!)) out[i] = 1;
    }
    if (range) {
      const [low, high] = range;
      for (let i = 0; i < out.length; i++) if (!(data[i]! >= low && data[i]! <= high)) out[i] = 1;
    }
    return out;
  });

  readonly counted: number = $derived.by(() => {
    if (!this.context) return this.data?.length ?? 0;
    let n = 0;
    for (const c of this.context) n += 1 - c;
    return n;
  });

  /** A column's values, fetched once. */
  values(info: ColumnInfo): Promise<ColumnData> {
    let kept = this.kept.get(info.index);
    if (!kept) {
      kept = this.backend.column(info);
      kept.catch(() => this.kept.delete(info.index));
      this.kept.set(info.index, kept);
    }
    return kept;
  }

  async by(info: ColumnInfo): Promise<void> {
    const ask = ++this.asked;
    this.busy = true;
    this.error = null;
    try {
      const data = await this.values(info);
      if (ask !== this.asked) return;
      this.lit = new Set();
      this.range = null;
      this.data = data;
      this.colouring = colouring(info, data);
      this.info = info;
    } catch (error) {
      if (ask === this.asked) this.error = (error as Error).message;
    } finally {
      if (ask === this.asked) this.busy = false;
    }
  }

  /** Nothing to colour by: every point alike. */
  plain(n: number): void {
    this.data = new Uint8Array(n);
  }

  toggle(category: number): void {
    const next = new Set(this.lit);
    if (!next.delete(category)) next.add(category);
    this.lit = next;
  }

  only(category: number): void {
    this.lit = this.lit.size === 1 && this.lit.has(category) ? new Set() : new Set([category]);
  }

  clearFilter(): void {
    this.lit = new Set();
    this.range = null;
  }

  /** What the current column says of a row, and in which colour. */
  valueOf(row: number): { text: string; colour: string } | null {
    const { info, data, colouring } = this;
    if (!info || !data || !colouring || row >= data.length) return null;
    const value = data[row]!;
    const code = colouring.codes[row]!;
    if (code === MISSING) return { text: "missing", colour: "var(--missing)" };
    if (colouring.kind === "categorical") {
      if (value === missingCode(data)) return { text: "missing", colour: "var(--missing)" };
      return { text: info.categories?.[value] ?? String(value), colour: slotColour(Math.min(code, OTHER)) };
    }
    return { text: number(value, colouring), colour: sequentialCss(code / 254) };
  }
}

/** A colour of the sequential scale as CSS. */
export function sequentialCss(t: number): string {
  const at = Math.min(Math.max(t, 0), 1) * 7;
  const i = Math.min(Math.floor(at), 6);
  return `color-mix(in srgb, var(--seq-${i + 1}) ${Math.round((at - i) * 100)}%, var(--seq-${i}))`;
}

/** The column that says most about the rows: the server's choice, else a target, else any category, else the first. */
export function firstColumn(space: SpaceInfo, wanted: string | null): ColumnInfo | null {
  const { columns } = space;
  return (
    columns.find((c) => c.name === wanted) ??
    columns.find((c) => c.index === space.defaultColour) ??
    columns.find((c) => c.role === "target") ??
    columns.find((c) => c.categories !== null) ??
    columns[0] ??
    null
  );
}
