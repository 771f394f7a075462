/** Rows inside an outline: freehand or a box. */

import type { Bounds } from "../protocol";
import type { GridIndex } from "./grid";

/** Corners as x, y in turn; the outline closes by itself. Even-odd rule. */
export function contains(outline: ArrayLike<number>, x: number, y: number): boolean {
  let inside = false;
  const n = outline.length;
  for (let i = 0, j = n - 2; i < n; j = i, i += 2) {
    const yi = outline[i + 1]!;
    const yj = outline[j + 1]!;
    if (yi > y !== yj > y) {
      const xi = outline[i]!;
      if (x < ((outline[j]! - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
    }
  }
  return inside;
}

/** The rectangle between the first and the last corner of a drag, as an outline. */
export function boxOf(drag: readonly number[]): number[] {
  const [x0, y0, x1, y1] = [drag[0]!, drag[1]!, drag.at(-2)!, drag.at(-1)!];
  return [x0, y0, x1, y0, x1, y1, x0, y1];
}

/** Smallest rectangle around an outline. */
export function around(outline: readonly number[]): Bounds {
  const box: Bounds = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < outline.length; i += 2) {
    box[0] = Math.min(box[0], outline[i]!);
    box[1] = Math.min(box[1], outline[i + 1]!);
    box[2] = Math.max(box[2], outline[i]!);
    box[3] = Math.max(box[3], outline[i + 1]!);
  }
  return box;
}

/**
 * Ascending rows inside the outline, in world coordinates. Only rows in cells that the outline crosses are tested one by
 * one; a run of cells between two crossings lies inside or outside as a whole.
 */
export function select(grid: GridIndex, outline: readonly number[]): Uint32Array {
  if (outline.length < 6) return new Uint32Array(0);
  const inside = new Uint8Array(grid.count);
  let found = 0;
  const take = (rows: Uint32Array): void => {
    for (const row of rows) inside[row] = 1;
    found += rows.length;
  };
  grid.runs(around(outline), outline, {
    crossed(rows) {
      for (const row of rows) {
        if (contains(outline, grid.positions[2 * row]!, grid.positions[2 * row + 1]!)) {
          inside[row] = 1;
          found++;
        }
      }
    },
    between(rows, x, y) {
      if (rows.length && contains(outline, x, y)) take(rows);
    },
  });
  // Marked and collected again: rows come out ascending without a sort.
  const out = new Uint32Array(found);
  for (let row = 0, k = 0; k < found; row++) if (inside[row]) out[k++] = row;
  return out;
}
