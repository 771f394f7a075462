/** Which rows count and which are context: filters on columns and a selection of rows, all of which must hold. */

import type { ColumnData } from "../backend/backend";
import type { ColumnInfo } from "../protocol";
import type { Part } from "./address.svelte";
import type { Columns } from "./columns";

/** A set of category codes, or a range of numbers with both ends in it. */
export type Filter = { kind: "categories"; codes: ReadonlySet<number> } | { kind: "range"; low: number; high: number };

/** Rows, ascending, and how they were chosen: the same words choose the same rows again (`lasso:x,y,...`, `rows:1,2`). */
export interface Selection {
  rows: Uint32Array;
  from: string;
}

/** Gives the rows that the words after a selection's kind stand for, or null. */
export type Resolve = (words: string) => Uint32Array | null | Promise<Uint32Array | null>;

interface Set_ {
  info: ColumnInfo;
  filter: Filter;
  /** 1 for a row that the filter leaves out. */
  mask: Uint8Array;
}

const FILTER = "filter.";

export class Filters implements Part {
  private set: ReadonlyMap<number, Set_> = $state.raw(new Map());
  selection: Selection | null = $state.raw(null);
  /** Rows in all. */
  n = $state(0);
  private readonly resolvers = new Map<string, Resolve>();

  constructor(
    private readonly columns: Columns,
    private readonly infos: () => readonly ColumnInfo[],
  ) {
    this.resolvers.set("rows", (words) => {
      const rows = [...new Set(words.split(",").map(Number))].filter((r) => Number.isInteger(r) && r >= 0 && r < this.n);
      return Uint32Array.from(rows).sort();
    });
  }

  /** Columns with a filter, in the order they came. */
  readonly active: readonly ColumnInfo[] = $derived([...this.set.values()].map((s) => s.info));
  readonly any: boolean = $derived(this.set.size > 0 || this.selection !== null);

  /** 1 for every row that is context only; null when all count. */
  readonly context: Uint8Array | null = $derived(this.leftOut(null));

  readonly counted: number = $derived.by(() => {
    if (!this.context) return this.n;
    let n = 0;
    for (const c of this.context) n += 1 - c;
    return n;
  });

  /** The rows that count, ascending. */
  rows(): Uint32Array {
    const { context, counted } = this;
    const out = new Uint32Array(counted);
    for (let i = 0, k = 0; k < counted; i++) if (!context || !context[i]) out[k++] = i;
    return out;
  }

  of(info: ColumnInfo): Filter | null {
    return this.set.get(info.index)?.filter ?? null;
  }

  /** What the others leave out, so that a column's own histogram shows what its filter could let in. */
  without(info: ColumnInfo): Uint8Array | null {
    return this.set.has(info.index) ? this.leftOut(info.index) : this.context;
  }

  private leftOut(but: number | null): Uint8Array | null {
    const masks = [...this.set].filter(([index]) => index !== but).map(([, s]) => s.mask);
    if (!masks.length && !this.selection) return null;
    const out = this.selection ? new Uint8Array(this.n).fill(1) : masks.shift()!.slice();
    if (this.selection) for (const row of this.selection.rows) out[row] = 0;
    for (const mask of masks) for (let i = 0; i < out.length; i++) out[i]! |= mask[i]!;
    return out;
  }

  /** Filter by a column, or no longer. */
  async by(info: ColumnInfo, filter: Filter | null): Promise<void> {
    const empty = filter?.kind === "categories" && !filter.codes.size;
    const data = filter && !empty ? await this.columns.values(info) : null;
    const next = new Map(this.set);
    if (filter && data) next.set(info.index, setOf(info, filter, data));
    else next.delete(info.index);
    this.set = next;
  }

  /** Light a category beside those that are lit, or put it out. */
  toggle(info: ColumnInfo, category: number): Promise<void> {
    const codes = new Set(this.codes(info));
    if (!codes.delete(category)) codes.add(category);
    return this.by(info, { kind: "categories", codes });
  }

  /** Light a category alone, or all again. */
  only(info: ColumnInfo, category: number): Promise<void> {
    const codes = this.codes(info);
    return this.by(info, codes.size === 1 && codes.has(category) ? null : { kind: "categories", codes: new Set([category]) });
  }

  codes(info: ColumnInfo): ReadonlySet<number> {
    const filter = this.of(info);
    return filter?.kind === "categories" ? filter.codes : new Set();
  }

  range(info: ColumnInfo): [number, number] | null {
    const filter = this.of(info);
    return filter?.kind === "range" ? [filter.low, filter.high] : null;
  }

  /** Rows chosen one by one. */
  pick(rows: ArrayLike<number>): void {
    const sorted = Uint32Array.from(rows).sort();
    this.selection = sorted.length ? { rows: sorted, from: `rows:${sorted.join(",")}` } : null;
  }

  clear(): void {
    this.set = new Map();
    this.selection = null;
  }

  // In the address

  /** How a selection of this kind is found again. */
  resolve(kind: string, how: Resolve): void {
    this.resolvers.set(kind, how);
  }

  /** The filters and the selection of another address, beside these. */
  async beside(values: URLSearchParams): Promise<Filters> {
    const other = new Filters(this.columns, this.infos);
    other.n = this.n;
    for (const [kind, how] of this.resolvers) other.resolvers.set(kind, how);
    await other.read(values);
    return other;
  }

  write(values: URLSearchParams): void {
    for (const { info, filter } of this.set.values()) {
      values.set(FILTER + info.name, filter.kind === "range" ? `${end(filter.low)}..${end(filter.high)}` : names(info, filter.codes));
    }
    if (this.selection && this.selection.from.length < MOST) values.set("select", this.selection.from);
  }

  async read(values: URLSearchParams): Promise<void> {
    const next = new Map<number, Set_>();
    for (const info of this.infos()) {
      const text = values.get(FILTER + info.name);
      const filter = text === null ? null : parse(info, text);
      const now = this.set.get(info.index);
      if (filter && now && same(filter, now.filter)) next.set(info.index, now);
      else if (filter) next.set(info.index, setOf(info, filter, await this.columns.values(info)));
    }
    if (next.size || this.set.size) this.set = next;
    const from = values.get("select");
    if (from === (this.selection?.from ?? null)) return;
    const [kind, words] = from === null ? ["", ""] : [from.slice(0, from.indexOf(":")), from.slice(from.indexOf(":") + 1)];
    const rows = (await this.resolvers.get(kind)?.(words)) ?? null;
    this.selection = rows?.length ? { rows, from: from! } : null;
  }
}

/** Addresses longer than this are cut off by some programs; a selection beyond it is not shared. */
const MOST = 6000;

/** Ends are rounded as the address writes them, so that a shared address lets the same rows in. */
function setOf(info: ColumnInfo, given: Filter, data: ColumnData): Set_ {
  const filter = given.kind === "range" ? { ...given, low: rounded(given.low), high: rounded(given.high) } : given;
  return { info, filter, mask: maskOf(filter, data) };
}

function maskOf(filter: Filter, data: ColumnData): Uint8Array {
  const out = new Uint8Array(data.length);
  if (filter.kind === "range") {
    // The values came as float32, and an end that is one of them has to let it in.
    const [low, high] = [Math.fround(filter.low), Math.fround(filter.high)];
    for (let i = 0; i < out.length; i++) if (!(data[i]! >= low && data[i]! <= high)) out[i] = 1;
    return out;
  }
  const lit = new Uint8Array(65536);
  for (const code of filter.codes) lit[code] = 1;
  for (let i = 0; i < out.length; i++) out[i] = 1 - lit[data[i]!]!;
  return out;
}

const rounded = (value: number): number => Number(value.toPrecision(7));
const end = (value: number): string => (Number.isFinite(value) ? String(rounded(value)) : "");

/** Category names, or their numbers where a name holds the separator. */
function names(info: ColumnInfo, codes: ReadonlySet<number>): string {
  return [...codes].sort((a, b) => a - b).map((c) => (/[|#]/.test(info.categories![c]!) ? `#${c}` : info.categories![c]!)).join("|");
}

function parse(info: ColumnInfo, text: string): Filter | null {
  if (!info.categories) {
    const ends = text.split("..");
    if (ends.length !== 2) return null;
    const low = ends[0] === "" ? -Infinity : Number(ends[0]);
    const high = ends[1] === "" ? Infinity : Number(ends[1]);
    return Number.isNaN(low) || Number.isNaN(high) ? null : { kind: "range", low, high };
  }
  const known = info.categories;
  const codes = text.split("|").map((name) => (name.startsWith("#") ? Number(name.slice(1)) : known.indexOf(name)));
  const kept = codes.filter((c) => Number.isInteger(c) && c >= 0 && c < known.length);
  return kept.length ? { kind: "categories", codes: new Set(kept) } : null;
}

function same(a: Filter, b: Filter): boolean {
  if (a.kind === "range") return b.kind === "range" && end(a.low) === end(b.low) && end(a.high) === end(b.high);
  return b.kind === "categories" && a.codes.size === b.codes.size && [...a.codes].every((c) => b.codes.has(c));
}
