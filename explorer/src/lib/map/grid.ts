/** A uniform grid over the points: which is nearest, and which lie in a rectangle. Built once, O(n), when first asked. */

import { boundsOf } from "./view";
import type { Bounds } from "../protocol";

const PER_CELL = 3;
const MOST_CELLS = 1 << 20;

interface Cells {
  columns: number;
  lines: number;
  /** World units a side. */
  size: number;
  /** Where the rows of each cell begin in `items`, line by line. */
  starts: Uint32Array;
  items: Uint32Array;
}

/** What `runs` tells: rows of cells that an outline crosses, and of runs of cells that it does not, with a place in them. */
export interface Runs {
  crossed(rows: Uint32Array): void;
  between(rows: Uint32Array, x: number, y: number): void;
}

export class GridIndex {
  readonly bounds: Bounds;
  private made: Cells | null = null;

  /** Rows without a place (NaN) are in no cell. */
  constructor(readonly positions: Float32Array) {
    this.bounds = boundsOf(positions);
  }

  /** Rows in all. */
  get count(): number {
    return this.positions.length >> 1;
  }

  private get cells(): Cells {
    return (this.made ??= this.build());
  }

  private build(): Cells {
    const { positions, count: n } = this;
    const [x0, y0, x1, y1] = this.bounds;
    const width = Math.max(x1 - x0, 1e-9);
    const height = Math.max(y1 - y0, 1e-9);
    const wanted = Math.min(Math.max(1, n / PER_CELL), MOST_CELLS);
    const size = Math.max(Math.sqrt((width * height) / wanted), Math.max(width, height) / 4096);
    const columns = Math.floor(width / size) + 1;
    const lines = Math.floor(height / size) + 1;
    const starts = new Uint32Array(columns * lines + 1);
    const of = new Uint32Array(n);
    let placed = 0;
    for (let i = 0; i < n; i++) {
      const x = positions[2 * i]!;
      const y = positions[2 * i + 1]!;
      // One past the last cell: nowhere.
      let cell = columns * lines;
      if (x - x === 0 && y - y === 0) {
        const c = Math.min(((x - x0) / size) | 0, columns - 1);
        const l = Math.min(((y - y0) / size) | 0, lines - 1);
        cell = l * columns + c;
        starts[cell + 1]!++;
        placed++;
      }
      of[i] = cell;
    }
    for (let c = 0; c < columns * lines; c++) starts[c + 1]! += starts[c]!;
    const next = starts.slice(0, -1);
    const items = new Uint32Array(placed);
    for (let i = 0; i < n; i++) if (of[i]! < columns * lines) items[next[of[i]!]!++] = i;
    return { columns, lines, size, starts, items };
  }

  private column({ columns, size }: Cells, x: number): number {
    return Math.min(Math.max(Math.floor((x - this.bounds[0]) / size) || 0, 0), columns - 1);
  }

  private line({ lines, size }: Cells, y: number): number {
    return Math.min(Math.max(Math.floor((y - this.bounds[1]) / size) || 0, 0), lines - 1);
  }

  /** Visit the rows inside a rectangle until `visit` returns false. */
  inRect([x0, y0, x1, y1]: Bounds, visit: (i: number) => boolean | void): void {
    if (x1 < this.bounds[0] || x0 > this.bounds[2] || y1 < this.bounds[1] || y0 > this.bounds[3]) return;
    const { cells, positions } = this;
    const [c0, c1] = [this.column(cells, x0), this.column(cells, x1)];
    for (let l = this.line(cells, y0); l <= this.line(cells, y1); l++) {
      const from = cells.starts[l * cells.columns + c0]!;
      const to = cells.starts[l * cells.columns + c1 + 1]!;
      for (let k = from; k < to; k++) {
        const i = cells.items[k]!;
        const x = positions[2 * i]!;
        const y = positions[2 * i + 1]!;
        if (x >= x0 && x <= x1 && y >= y0 && y <= y1 && visit(i) === false) return;
      }
    }
  }

  /** The rows in a rectangle, told by runs of cells that a closed outline (x, y in turn) crosses or does not. */
  runs([x0, y0, x1, y1]: Bounds, outline: readonly number[], to: Runs): void {
    if (x1 < this.bounds[0] || x0 > this.bounds[2] || y1 < this.bounds[1] || y0 > this.bounds[3]) return;
    const { cells } = this;
    const crossed = this.crossedBy(cells, outline);
    const [c0, c1] = [this.column(cells, x0), this.column(cells, x1)];
    for (let l = this.line(cells, y0); l <= this.line(cells, y1); l++) {
      const y = this.bounds[1] + (l + 0.5) * cells.size;
      for (let c = c0; c <= c1; ) {
        const start = c;
        const kind = crossed[l * cells.columns + c]!;
        while (c <= c1 && crossed[l * cells.columns + c] === kind) c++;
        const rows = cells.items.subarray(cells.starts[l * cells.columns + start], cells.starts[l * cells.columns + c]);
        if (kind) to.crossed(rows);
        else to.between(rows, this.bounds[0] + (start + 0.5) * cells.size, y);
      }
    }
  }

  /** 1 for each cell that an edge of the outline touches: line by line, all columns between where it enters and leaves. */
  private crossedBy(cells: Cells, outline: readonly number[]): Uint8Array {
    const crossed = new Uint8Array(cells.columns * cells.lines);
    const [bx, by] = this.bounds;
    const slack = 1e-6 * cells.size;
    for (let i = 0, j = outline.length - 2; i < outline.length; j = i, i += 2) {
      let [ax, ay, zx, zy] = [outline[j]!, outline[j + 1]!, outline[i]!, outline[i + 1]!];
      if (ay > zy) [ax, ay, zx, zy] = [zx, zy, ax, ay];
      const slope = zy > ay ? (zx - ax) / (zy - ay) : 0;
      const last = this.line(cells, zy + slack);
      for (let l = this.line(cells, ay - slack); l <= last; l++) {
        // The outermost lines also stand for what lies beyond them; there are no rows there.
        const low = Math.max(ay, by + l * cells.size - slack);
        const high = Math.min(zy, by + (l + 1) * cells.size + slack);
        const [enter, leave] = zy > ay ? [ax + slope * (low - ay), ax + slope * (high - ay)] : [ax, zx];
        const from = Math.floor((Math.min(enter, leave) - bx - slack) / cells.size);
        const to = Math.floor((Math.max(enter, leave) - bx + slack) / cells.size);
        if (to < 0 || from >= cells.columns) continue;
        crossed.fill(1, l * cells.columns + Math.max(from, 0), l * cells.columns + Math.min(to, cells.columns - 1) + 1);
      }
    }
    return crossed;
  }

  /** The nearest row within a distance for which `accept` holds, or -1. */
  nearest(x: number, y: number, within: number, accept?: (i: number) => boolean): number {
    let best = -1;
    let least = within * within;
    this.inRect([x - within, y - within, x + within, y + within], (i) => {
      const d = (this.positions[2 * i]! - x) ** 2 + (this.positions[2 * i + 1]! - y) ** 2;
      if (d <= least && (!accept || accept(i))) {
        least = d;
        best = i;
      }
    });
    return best;
  }
}
