/** A stable choice of rows that do not lie on top of each other on the screen, for pictures and labels. */

import type { GridIndex } from "./grid";
import type { View } from "./view";

const MOST_VISITED = 120_000;

/**
 * At most one row a cell of about `pixels`, among those in sight. Cells belong to the world, at sizes that are powers
 * of two, so that a choice stays while one pans, and most of it while one zooms.
 */
export function spreadOut(grid: GridIndex, view: View, pixels: number, accept?: (i: number) => boolean): number[] {
  const cell = 2 ** Math.ceil(Math.log2(pixels / view.scale));
  const chosen = new Map<number, number>();
  let visited = 0;
  grid.inRect(view.sight(), (i) => {
    if (++visited > MOST_VISITED) return false;
    if (accept && !accept(i)) return;
    const key = Math.floor(grid.positions[2 * i]! / cell) * 1e6 + Math.floor(grid.positions[2 * i + 1]! / cell);
    const best = chosen.get(key);
    // The lowest row wins, whatever order they are visited in.
    if (best === undefined || i < best) chosen.set(key, i);
    return;
  });
  return [...chosen.values()];
}
