/** A uniform grid over the points: which is nearest, and which lie in a rectangle. Built once, O(n). */

import { boundsOf } from "./view";
import type { Bounds } from "../protocol";

const PER_CELL = 3;
const MOST_CELLS = 1 << 20;

export class GridIndex {
  readonly bounds: Bounds;
  private readonly columns: number;
  private readonly lines: number;
  private readonly size: number;
  private readonly starts: Uint32Array;
  private readonly items: Uint32Array;

  constructor(readonly positions: Float32Array) {
    const n = positions.length >> 1;
    this.bounds = boundsOf(positions);
    const [x0, y0, x1, y1] = this.bounds;
    const width = Math.max(x1 - x0, 1e-9);
    const height = Math.max(y1 - y0, 1e-9);
    const cells = Math.min(Math.max(1, n / PER_CELL), MOST_CELLS);
    this.size = Math.max(Math.sqrt((width * height) / cells), Math.max(width, height) / 4096);
    this.columns = Math.floor(width / this.size) + 1;
    this.lines = Math.floor(height / this.size) + 1;
    this.starts = new Uint32Array(this.columns * this.lines + 1);
    this.items = new Uint32Array(n);
    for (let i = 0; i < n; i++) this.starts[this.cellOf(i) + 1]!++;
    for (let c = 0; c < this.columns * this.lines; c++) this.starts[c + 1]! += this.starts[c]!;
    const next = this.starts.slice(0, -1);
    for (let i = 0; i < n; i++) this.items[next[this.cellOf(i)]!++] = i;
  }

  get count(): number {
    return this.items.length;
  }

  private column(x: number): number {
    return Math.min(Math.max(Math.floor((x - this.bounds[0]) / this.size) || 0, 0), this.columns - 1);
  }

  private line(y: number): number {
    return Math.min(Math.max(Math.floor((y - this.bounds[1]) / this.size) || 0, 0), this.lines - 1);
  }

  private cellOf(i: number): number {
    return this.line(this.positions[2 * i + 1]!) * this.columns + this.column(this.positions[2 * i]!);
  }

  /** Visit the rows inside a rectangle until `visit` returns false. */
  inRect([x0, y0, x1, y1]: Bounds, visit: (i: number) => boolean | void): void {
    if (x1 < this.bounds[0] || x0 > this.bounds[2] || y1 < this.bounds[1] || y0 > this.bounds[3]) return;
    const [c0, c1] = [this.column(x0), this.column(x1)];
    for (let l = this.line(y0); l <= this.line(y1); l++) {
      const from = this.starts[l * this.columns + c0]!;
      const to = this.starts[l * this.columns + c1 + 1]!;
      for (let k = from; k < to; k++) {
        const i = this.items[k]!;
        const x = this.positions[2 * i]!;
        const y = this.positions[2 * i + 1]!;
        if (x >= x0 && x <= x1 && y >= y0 && y <= y1 && visit(i) === false) return;
      }
    }
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
