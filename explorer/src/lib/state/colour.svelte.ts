/** What the points are coloured by. */

import type { ColumnData } from "../backend/backend";
import { colouring, missingCode, MISSING, OTHER, slotColour, type Colouring } from "../map/colour";
import type { ColumnInfo, SpaceInfo } from "../protocol";
import type { Part } from "./address.svelte";
import type { Columns } from "./columns";
import { number } from "../words";

export class ColourState implements Part {
  info: ColumnInfo | null = $state.raw(null);
  data: ColumnData | null = $state.raw(null);
  colouring: Colouring | null = $state.raw(null);
  busy = $state(false);
  error: string | null = $state(null);
  private asked = 0;

  constructor(
    private readonly columns: Columns,
    private readonly space: () => SpaceInfo | null,
  ) {}

  async by(info: ColumnInfo): Promise<void> {
    const ask = ++this.asked;
    this.busy = true;
    this.error = null;
    try {
      const data = await this.columns.values(info);
      if (ask !== this.asked) return;
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

  write(values: URLSearchParams): void {
    const space = this.space();
    if (space && this.info && this.info.index !== firstColumn(space, null)?.index) values.set("colour", this.info.name);
  }

  async read(values: URLSearchParams): Promise<void> {
    const space = this.space();
    const wanted = space && firstColumn(space, values.get("colour"));
    if (wanted) {
      if (wanted.index !== this.info?.index) await this.by(wanted);
    } else if (space) this.plain(space.n);
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
