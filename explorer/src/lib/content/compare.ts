/** Which fields of two records differ, most different first. */

import type { Cell, ColumnInfo } from "../protocol";

export interface Differs {
  name: string;
  other: string;
  gap: number;
}

/** Numbers count as alike within this share of their column's range. */
const ALIKE = 0.02;

const value = (text: string): number => Number(text.replaceAll(",", "").replaceAll("\u2212", "-"));

/** A gap is a share of the column's range for numbers and 1 for unlike names; names come after numbers further apart. */
export function compare(here: readonly Cell[], there: readonly Cell[], columns: readonly ColumnInfo[]): Differs[] {
  const others = new Map(there.map((c) => [c.name, c.value]));
  const ranges = new Map(columns.map((c) => [c.name, (c.maximum ?? 0) - (c.minimum ?? 0)]));
  const found: Differs[] = [];
  for (const cell of here) {
    const other = others.get(cell.name);
    if (other === undefined || other === cell.value) continue;
    let gap = 0.5;
    if (cell.kind === "numeric" || cell.kind === "integer") {
      const [a, b] = [value(cell.value), value(other)];
      const range = ranges.get(cell.name) ?? 0;
      gap = Number.isFinite(a) && Number.isFinite(b) && range > 0 ? Math.abs(a - b) / range : 0.5;
      if (gap < ALIKE) continue;
    }
    found.push({ name: cell.name, other, gap });
  }
  return found.sort((a, b) => b.gap - a.gap);
}
