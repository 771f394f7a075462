/** Where the map is looked at from: world coordinates (y up) to CSS pixels (y down), and back. */

import type { Bounds } from "../protocol";

export interface Insets {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

export class View {
  width = 1;
  height = 1;
  cx = 0;
  cy = 0;
  /** CSS pixels a unit. */
  scale = 1;
  /** The scale at which everything is in sight; zoom is measured against it. */
  home = 1;

  get zoom(): number {
    return this.scale / this.home;
  }

  toScreen(x: number, y: number): [number, number] {
    return [this.width / 2 + (x - this.cx) * this.scale, this.height / 2 - (y - this.cy) * this.scale];
  }

  toWorld(px: number, py: number): [number, number] {
    return [this.cx + (px - this.width / 2) / this.scale, this.cy - (py - this.height / 2) / this.scale];
  }

  pan(dx: number, dy: number): void {
    this.cx -= dx / this.scale;
    this.cy += dy / this.scale;
  }

  /** Zoom by a factor so that the place under (px, py) stays there. */
  zoomAt(px: number, py: number, factor: number): void {
    const [x, y] = this.toWorld(px, py);
    this.scale = Math.min(Math.max(this.scale * factor, this.home * 0.3), this.home * 4000);
    const [qx, qy] = this.toScreen(x, y);
    this.pan(px - qx, py - qy);
  }

  /** Everything in sight, in the middle of what the panels leave free. */
  fit(bounds: Bounds, insets: Insets): void {
    const target = this.fitted(bounds, insets);
    this.cx = target.cx;
    this.cy = target.cy;
    this.scale = target.scale;
    this.home = target.scale;
  }

  fitted(bounds: Bounds, insets: Insets): { cx: number; cy: number; scale: number } {
    const [x0, y0, x1, y1] = bounds;
    const free = [this.width - insets.left - insets.right, this.height - insets.top - insets.bottom];
    const spanX = Math.max(x1 - x0, 1e-9);
    const spanY = Math.max(y1 - y0, 1e-9);
    const scale = Math.max(Math.min(Math.max(free[0]!, 80) / spanX, Math.max(free[1]!, 80) / spanY), 1e-9);
    return {
      scale,
      cx: (x0 + x1) / 2 - (insets.left - insets.right) / 2 / scale,
      cy: (y0 + y1) / 2 + (insets.top - insets.bottom) / 2 / scale,
    };
  }

  /** The part of the world that is in sight. */
  sight(): Bounds {
    const [x0, y1] = this.toWorld(0, 0);
    const [x1, y0] = this.toWorld(this.width, this.height);
    return [x0, y0, x1, y1];
  }
}

/** Bounds of x, y pairs; a unit square around the origin when there are none. */
export function boundsOf(positions: Float32Array): Bounds {
  let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i + 1 < positions.length; i += 2) {
    const x = positions[i]!;
    const y = positions[i + 1]!;
    if (!(Number.isFinite(x) && Number.isFinite(y))) continue;
    if (x < x0) x0 = x;
    if (x > x1) x1 = x;
    if (y < y0) y0 = y;
    if (y > y1) y1 = y;
  }
  return x0 <= x1 ? [x0, y0, x1, y1] : [-1, -1, 1, 1];
}
