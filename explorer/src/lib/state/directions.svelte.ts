/** The direction between two groups that is looked at, and those found before in this session. */

import type { ColumnInfo, Direction } from "../protocol";
import type { Part } from "./address.svelte";
import type { Explorer } from "./explorer.svelte";
import { groupOf, packed, type Group } from "./groups";

export type Method = "means" | "logistic";

/** What is asked; without B it is the rest. */
export interface Asked {
  a: Group;
  b: Group | null;
  method: Method;
}

export interface Found extends Asked {
  direction: Direction;
  scores: Float32Array;
}

/** Columns of this name hold how far along a direction the rows lie. */
const ALONG = "toward ";

export class Directions implements Part {
  a: Group | null = $state.raw(null);
  b: Group | null = $state.raw(null);
  method: Method = $state("means");
  busy = $state(false);
  failure: string | null = $state(null);
  /** What has been found, the latest last. */
  list: readonly Found[] = $state.raw([]);
  private at: Found | null = $state.raw(null);
  private asking: AbortController | null = null;

  constructor(private readonly explorer: Explorer) {}

  readonly found: Direction | null = $derived(this.at?.direction ?? null);
  readonly scores: Float32Array | null = $derived(this.at?.scores ?? null);

  /** The rows that count now, as a group. */
  get current(): Group | null {
    return groupOf(this.explorer.filters);
  }

  set(side: "a" | "b", group: Group | null): Promise<void> {
    this[side] = group;
    return this.find();
  }

  by(method: Method): Promise<void> {
    this.method = method;
    return this.find();
  }

  swap(): Promise<void> {
    if (this.b) [this.a, this.b] = [this.b, this.a];
    return this.find();
  }

  /** One that was found before. */
  again(found: Found): Promise<void> {
    ({ a: this.a, b: this.b, method: this.method } = found);
    return this.find();
  }

  clear(): void {
    this.asking?.abort();
    this.a = this.b = this.at = this.failure = null;
    this.busy = false;
  }

  async find(): Promise<void> {
    this.asking?.abort();
    const { a, b, method } = this;
    this.at = null;
    this.failure = null;
    this.busy = a !== null;
    if (!a) return;
    const known = this.list.find((f) => same(f.a, a) && same(f.b, b) && f.method === method);
    const asking = (this.asking = new AbortController());
    try {
      const { backend } = this.explorer;
      const direction = known?.direction ?? (await backend.direction({ positive: packed(a), negative: b && packed(b), method }, asking.signal));
      const scores = known?.scores ?? (await backend.directionScores(direction.id));
      if (asking.signal.aborted) return;
      this.at = known ?? { a, b, method, direction, scores };
      if (!known) this.list = [...this.list, this.at];
    } catch (error) {
      if (!asking.signal.aborted) this.failure = (error as Error).message;
    } finally {
      if (!asking.signal.aborted) this.busy = false;
    }
  }

  /** The column of how far along the rows lie; made when it is first asked for. */
  column(): ColumnInfo | null {
    const { explorer, at } = this;
    const space = explorer.space;
    if (!at || !space) return null;
    const name = `${ALONG}${at.a.name}${at.b ? ` from ${at.b.name}` : ""}${at.method === "logistic" ? " (logistic)" : ""}`;
    const known = space.columns.find((c) => c.name === name);
    if (known) return known;
    let [minimum, maximum] = [Infinity, -Infinity];
    for (const score of at.scores) [minimum, maximum] = [Math.min(minimum, score), Math.max(maximum, score)];
    const info: ColumnInfo = {
      index: Math.max(-1, ...space.columns.map((c) => c.index)) + 1, name, kind: "numeric", role: "figure", group: "figure",
      encoding: "f32", categories: null, counts: null, minimum, maximum, missing: 0,
    };
    explorer.columns.keep(info, at.scores);
    explorer.space = { ...space, columns: [...space.columns, info] };
    return info;
  }

  async colour(): Promise<void> {
    const info = this.column();
    if (info) await this.explorer.colour.by(info);
  }

  // In the address

  write(values: URLSearchParams): void {
    // A selection too long for an address has none.
    if (!this.a?.spec) return;
    values.set("toward", this.a.spec);
    if (this.b) values.set("from", this.b.spec);
    if (this.method !== "means") values.set("normal", this.method);
  }

  async read(values: URLSearchParams): Promise<void> {
    const spec = [values.get("toward") ?? "", values.get("from") ?? ""];
    const method = values.get("normal") === "logistic" ? "logistic" : "means";
    if (spec[0] === (this.a?.spec ?? "") && spec[1] === (this.b?.spec ?? "") && method === this.method) return;
    const { filters } = this.explorer;
    const [a, b] = await Promise.all(spec.map(async (s) => (s ? groupOf(await filters.beside(new URLSearchParams(s))) : null)));
    [this.a, this.b, this.method] = [a ?? null, b ?? null, method];
    const finding = this.find();
    // Colours and filters by a direction need it before them.
    if (!values.get("colour")?.startsWith(ALONG) && ![...values.keys()].some((k) => k.startsWith(`filter.${ALONG}`))) return;
    await finding;
    this.column();
  }
}

function same(one: Group | null, other: Group | null): boolean {
  return one === other || (one !== null && other !== null && one.spec !== "" && one.spec === other.spec);
}
