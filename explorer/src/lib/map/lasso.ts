/** Rows inside a freehand outline. */

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

/** Ascending rows inside the outline, in world coordinates. */
export function select(grid: GridIndex, outline: readonly number[]): Uint32Array {
  if (outline.length < 6) return new Uint32Array(0);
  const box: Bounds = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < outline.length; i += 2) {
    box[0] = Math.min(box[0], outline[i]!);
    box[1] = Math.min(box[1], outline[i + 1]!);
    box[2] = Math.max(box[2], outline[i]!);
    box[3] = Math.max(box[3], outline[i + 1]!);
  }
  const found: number[] = [];
  grid.inRect(box, (i) => {
    if (contains(outline, grid.positions[2 * i]!, grid.positions[2 * i + 1]!)) found.push(i);
  });
  return Uint32Array.from(found).sort();
}
