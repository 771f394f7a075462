/** Groups of rows, as the filters and the selection that let them in: named, packed for the server, and as Python. */

import type { ColumnInfo, GroupRequest, SpaceInfo } from "../protocol";
import { count, number, plain } from "../words";
import type { ColourState } from "./colour.svelte";
import type { Filters } from "./filters.svelte";
import { quoted, rowLines } from "./python";

export interface Group {
  /** The address of the filters that let the rows in. */
  spec: string;
  name: string;
  /** 1 for a row of the group. */
  mask: Uint8Array;
  n: number;
  columns: string[];
  /** Lines that give the rows this name in a script that has a `space`. */
  python: (name: string) => string[];
}

/** The rows that count now, as a group; null where all do. */
export function groupOf(filters: Filters): Group | null {
  if (!filters.context || !filters.counted) return null;
  const values = new URLSearchParams();
  filters.write(values);
  // Now, since the filters of the page go on changing.
  const python = pythonOf(filters);
  return {
    spec: values.toString(),
    name: nameOf(filters),
    mask: filters.context.map((out) => 1 - out),
    n: filters.counted,
    columns: filters.active.filter((c) => c.group === "column").map((c) => c.name),
    python: (variable) => python.map((line) => line.replace(/^group =/, `${variable} =`)),
  };
}

/** The column whose categories are groups to start from: what the map is coloured by, else the target. */
export function labels(explorer: { colour: ColourState; space: SpaceInfo | null }): ColumnInfo | null {
  const coloured = explorer.colour.info;
  return coloured?.categories ? coloured : (explorer.space?.columns.find((c) => c.role === "target" && c.categories) ?? null);
}

/** The rows that have one category. */
export async function labelled(filters: Filters, info: ColumnInfo, category: number): Promise<Group | null> {
  const alone = await filters.beside(new URLSearchParams());
  await alone.by(info, { kind: "categories", codes: new Set([category]) });
  return groupOf(alone);
}

/** For the server: one bit a row, the first in the lowest bit of the first byte. */
export function packed(group: Group): GroupRequest {
  const bytes = new Uint8Array(Math.ceil(group.mask.length / 8));
  for (let i = 0; i < group.mask.length; i++) if (group.mask[i]) bytes[i >> 3]! |= 1 << (i & 7);
  let text = "";
  for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return { name: group.name.slice(0, 200), bits: btoa(text), columns: group.columns };
}

function nameOf(filters: Filters): string {
  const words = filters.active.map((info) => {
    const filter = filters.of(info)!;
    if (filter.kind === "range") {
      const [low, high] = [filter.low, filter.high].map((v) => (Number.isFinite(v) ? number(v, { date: info.kind === "date" }) : ""));
      return low && high ? `${plain(info.name)} ${low} to ${high}` : low ? `${plain(info.name)} from ${low}` : `${plain(info.name)} up to ${high}`;
    }
    const names = [...filter.codes].map((c) => info.categories![c]!);
    return `${plain(info.name)} = ${names.length > 3 ? `${names.slice(0, 2).join(" or ")} or ${names.length - 2} more` : names.join(" or ")}`;
  });
  const { selection } = filters;
  if (selection) {
    const kind = selection.from.split(":")[0];
    words.push(kind === "rows" ? `${count(selection.rows.length)} chosen rows` : `${kind} of ${count(selection.rows.length)}`);
  }
  return words.join(" and ");
}

/** Categories of one column as they are, everything else by way of `rows`. */
function pythonOf(filters: Filters): string[] {
  const [info] = filters.active;
  if (filters.active.length !== 1 || filters.selection || !info?.categories) return [...rowLines(filters), "group = rows"];
  const names = [...filters.codes(info)].map((c) => quoted(info.categories![c]!));
  return [`group = {${quoted(info.name)}: ${names.length === 1 ? names[0] : `[${names.join(", ")}]`}}`];
}
