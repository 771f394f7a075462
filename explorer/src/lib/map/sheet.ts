/** Something costly over the map, drawn once on a sheet larger than the window and then moved along with it. */

import { View } from "./view";

/** The sheet's sides in those of the window: panning a quarter of a window draws nothing anew. */
const SIZE = 1.5;
/** While one zooms the sheet is stretched; so long after the last change it is drawn anew. */
const REST = 120;

export class Sheet {
  /** How often the sheet was drawn. */
  drawings = 0;
  private canvas: HTMLCanvasElement | null = null;
  private readonly at = new View();
  private stale = true;
  private scale = 0;
  private scaledAt = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly render: (pen: CanvasRenderingContext2D, view: View) => void,
    private readonly redraw: () => void,
  ) {}

  /** What is on it has changed. */
  discard(): void {
    this.stale = true;
  }

  draw(pen: CanvasRenderingContext2D, view: View): void {
    const now = performance.now();
    if (view.scale !== this.scale) [this.scale, this.scaledAt] = [view.scale, now];
    const stretched = this.canvas !== null && this.at.scale !== view.scale;
    if (this.stale || (!stretched && !this.covers(view)) || (stretched && now - this.scaledAt >= REST)) this.renew(pen, view);
    else if (stretched) {
      clearTimeout(this.timer);
      this.timer = setTimeout(this.redraw, REST);
    }
    const { at, canvas } = this;
    if (!canvas) return;
    const ratio = pen.getTransform().a;
    const k = view.scale / at.scale;
    const [x, y] = view.toScreen(at.cx, at.cy);
    const snap = (v: number) => (k === 1 ? Math.round(v * ratio) / ratio : v);
    pen.drawImage(canvas, snap(x - (at.width * k) / 2), snap(y - (at.height * k) / 2), at.width * k, at.height * k);
  }

  private covers(view: View): boolean {
    const { at } = this;
    const [dx, dy] = [Math.abs(view.cx - at.cx) * view.scale, Math.abs(view.cy - at.cy) * view.scale];
    return dx * 2 + view.width <= at.width + 1 && dy * 2 + view.height <= at.height + 1;
  }

  private renew(pen: CanvasRenderingContext2D, view: View): void {
    const ratio = pen.getTransform().a;
    this.canvas ??= document.createElement("canvas");
    Object.assign(this.at, { cx: view.cx, cy: view.cy, scale: view.scale, home: view.home, width: view.width * SIZE, height: view.height * SIZE });
    this.canvas.width = Math.round(this.at.width * ratio);
    this.canvas.height = Math.round(this.at.height * ratio);
    const own = this.canvas.getContext("2d")!;
    own.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.render(own, this.at);
    this.stale = false;
    this.drawings++;
  }
}
