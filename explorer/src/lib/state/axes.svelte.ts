/** The two dimensions that the map is drawn along: its own, principal components, two latents, two own columns, or a layer's map. */

import type { Backend } from "../backend/backend";
import type { AxesInfo, ColumnInfo, SpaceInfo } from "../protocol";
import type { Part } from "./address.svelte";

export const MAP = "map";
/** Before a layer's name: the map of what it tells apart, once that was made. */
export const LAYER = "layer:";
/** Positions of a million rows are 8 MB. */
const KEPT = 4;
const NUMBERS = ["numeric", "integer", "date"];

/** Columns that can be an axis. */
export function numbersOf(space: SpaceInfo): ColumnInfo[] {
  return space.columns.filter((c) => c.group === "column" && NUMBERS.includes(c.kind) && !c.categories && c.minimum !== c.maximum);
}

export class AxesState implements Part {
  /** What is on the screen; null: the map itself. */
  info: AxesInfo | null = $state.raw(null);
  /** The name of what was asked for and is not there yet. */
  coming: string | null = $state(null);
  private readonly kept = new Map<string, Promise<Float32Array>>();
  /** The last two of each kind, to come back to. */
  private readonly last = new Map<string, string>();
  private asked = 0;

  constructor(
    private readonly backend: Backend,
    private readonly space: () => SpaceInfo | null,
    private readonly show: (positions: Float32Array) => void,
    private readonly failed: (sentence: string) => void,
  ) {}

  readonly name: string = $derived(this.info?.name ?? MAP);
  readonly kind: AxesInfo["kind"] = $derived(this.info?.kind ?? MAP);
  /** How far what is on the screen keeps neighbours. */
  get trust(): Pick<AxesInfo, "trustworthiness" | "continuity" | "n"> | null {
    return this.info ?? this.space()?.map ?? null;
  }

  /** Where each row lies on these axes, fetched once. */
  positions(name: string): Promise<Float32Array> {
    let found = this.kept.get(name);
    if (!found) {
      found = this.backend.positions(name);
      found.catch(() => this.kept.delete(name));
    }
    this.kept.delete(name);
    this.kept.set(name, found);
    for (const other of this.kept.keys()) if (this.kept.size > KEPT && other !== MAP) this.kept.delete(other);
    return found;
  }

  /** Look along these axes from now on. */
  async to(name: string): Promise<void> {
    const ask = ++this.asked;
    this.coming = name;
    try {
      const info = name === MAP ? null : await this.backend.describe(name);
      const positions = await this.positions(name);
      if (ask !== this.asked) return;
      this.info = info;
      if (info) this.last.set(info.kind, info.name);
      this.backend.axes = name;
      this.show(positions);
    } catch (error) {
      if (ask === this.asked) this.failed((error as Error).message);
    } finally {
      if (ask === this.asked) this.coming = null;
    }
  }

  /** What a kind of axes begins with: what was last looked at, else the strongest latents or the first columns. */
  async first(kind: string): Promise<string | null> {
    const space = this.space();
    if (!space || (kind !== "columns" && kind !== "layer" && kind !== MAP && space.latentDim < 2)) return null;
    if (kind === MAP || kind === "pca") return kind;
    const known = this.last.get(kind);
    if (known || kind === "layer") return known ?? null;
    if (kind === "latent") {
      const { factors } = await this.backend.factors();
      return `latent:${factors[0]!.index},${factors[1]!.index}`;
    }
    const [x, y] = numbersOf(space);
    return x && y ? `columns:${x.name},${y.name}` : null;
  }

  /** The next kind of axes, or the one before. */
  async step(by: number): Promise<void> {
    const kinds = [MAP, "pca", "latent", "columns", "layer"];
    const from = kinds.indexOf((this.coming ?? this.name).split(":")[0]!);
    for (let i = 1; i < kinds.length; i++) {
      const name = await this.first(kinds[(from + i * by + kinds.length * kinds.length) % kinds.length]!);
      if (name) return this.to(name);
    }
  }

  write(values: URLSearchParams): void {
    if (this.name !== MAP) values.set("axes", this.name);
  }

  async read(values: URLSearchParams): Promise<void> {
    const wanted = values.get("axes") ?? MAP;
    // Maps of layers are made when somebody opens them, which comes back here (`LayerMaps`).
    const there = !wanted.startsWith(LAYER) || (await this.backend.networks.maps().catch(() => null))?.state === "ready";
    if (there && (wanted !== this.name || !this.backend.axes)) await this.to(wanted);
    // An address that names axes which are not there shows the map.
    if (!this.backend.axes) await this.to(MAP);
  }
}
