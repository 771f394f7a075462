/** Numbers on a grid over the map: looked up at places, and as lines of equal height. */

export interface Raster {
  /** The middle of the first cell, lowest in y. */
  origin: [number, number];
  cell: number;
  columns: number;
  rows: number;
  values: Float32Array | Uint8Array;
}

/** Segments x0, y0, x1, y1 in the map's coordinates along which the grid has this height (marching squares). */
export function contour(grid: Raster, level: number): Float32Array {
  const { columns, rows, values, cell } = grid;
  const [x0, y0] = grid.origin;
  const out: number[] = [];
  const share = (a: number, b: number) => (level - a) / (b - a);
  for (let r = 0; r + 1 < rows; r++) {
    for (let c = 0; c + 1 < columns; c++) {
      const at = r * columns + c;
      const [a, b, d, e] = [values[at]!, values[at + 1]!, values[at + columns]!, values[at + columns + 1]!];
      const code = (a >= level ? 1 : 0) | (b >= level ? 2 : 0) | (e >= level ? 4 : 0) | (d >= level ? 8 : 0);
      if (code === 0 || code === 15) continue;
      // Where the line crosses the four sides: below, right, above, left.
      const sides: [number, number][] = [
        [c + share(a, b), r], [c + 1, r + share(b, e)], [c + share(d, e), r + 1], [c, r + share(a, d)],
      ];
      for (const [from, to] of SIDES[code]!) {
        const [p, q] = [sides[from]!, sides[to]!];
        out.push(x0 + p[0] * cell, y0 + p[1] * cell, x0 + q[0] * cell, y0 + q[1] * cell);
      }
    }
  }
  return Float32Array.from(out);
}

const SIDES: readonly (readonly (readonly [number, number])[])[] = [
  [], [[3, 0]], [[0, 1]], [[3, 1]], [[1, 2]], [[3, 0], [1, 2]], [[0, 2]], [[3, 2]],
  [[2, 3]], [[2, 0]], [[0, 1], [2, 3]], [[2, 1]], [[1, 3]], [[1, 0]], [[0, 3]], [],
];

/** With empty cells (NaN) filled from those beside them, a few cells far: rows stand on the edge of what was measured. */
export function filled(grid: Raster, times = 3): Raster {
  const { columns, rows } = grid;
  let values = Float32Array.from(grid.values);
  for (let t = 0; t < times; t++) {
    const next = values.slice();
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        if (!Number.isNaN(values[r * columns + c]!)) continue;
        let [sum, n] = [0, 0];
        for (let dr = -1; dr <= 1; dr++) {
          for (let dc = -1; dc <= 1; dc++) {
            if (r + dr < 0 || r + dr >= rows || c + dc < 0 || c + dc >= columns) continue;
            const v = values[(r + dr) * columns + c + dc]!;
            if (!Number.isNaN(v)) [sum, n] = [sum + v, n + 1];
          }
        }
        if (n) next[r * columns + c] = sum / n;
      }
    }
    values = next;
  }
  return { ...grid, values };
}

/** The grid's value at each row's place, between cells; NaN where it has none. */
export function sampled(grid: Raster, positions: Float32Array): Float32Array {
  const { columns, rows, values, cell, origin } = grid;
  const out = new Float32Array(positions.length >> 1);
  const [right, above] = [Math.max(columns - 2, 0), Math.max(rows - 2, 0)];
  const [next, up] = [columns > 1 ? 1 : 0, rows > 1 ? columns : 0];
  for (let i = 0; i < out.length; i++) {
    const u = Math.min(Math.max((positions[2 * i]! - origin[0]) / cell, 0), columns - 1);
    const v = Math.min(Math.max((positions[2 * i + 1]! - origin[1]) / cell, 0), rows - 1);
    const c = Math.min(Math.floor(u), right);
    const r = Math.min(Math.floor(v), above);
    let sum = 0;
    let weight = 0;
    for (let corner = 0; corner < 4; corner++) {
      const w = (corner & 1 ? u - c : 1 - u + c) * (corner & 2 ? v - r : 1 - v + r);
      const value = values[r * columns + c + (corner & 1 ? next : 0) + (corner & 2 ? up : 0)]!;
      if (w <= 0 || Number.isNaN(value)) continue;
      sum += w * value;
      weight += w;
    }
    out[i] = weight > 0 ? sum / weight : NaN;
  }
  return out;
}
