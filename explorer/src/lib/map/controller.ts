/** Draws the map when something changed: points below, marks above, and moves between views. */

import type { Bounds } from "../protocol";
import { readTheme, type Theme } from "./colour";
import { drawMarks, type Marks } from "./overlay";
import type { Generated } from "./generated";
import { affordable, pointLook, thinned, type MapRenderer, type Palette } from "./renderer";
import { View, type Insets } from "./view";
import { WebGLRenderer } from "./webgl";

const MOVE = 400;

/** The view is told to have moved once it has been still for so long. */
const REST = 250;

/** After the last change, all points are drawn again where a part of them had to do. */
const SETTLE = 120;

/** Draws over the points, between them and the marks. */
export type Draw = (pen: CanvasRenderingContext2D, view: View, theme: Theme) => void;

const ease = (t: number): number => (t < 0.5 ? 4 * t ** 3 : 1 - (-2 * t + 2) ** 3 / 2);

export class MapController {
  readonly view = new View();
  readonly renderer: MapRenderer;
  theme: Theme;
  marks: Marks = { hover: null, pinned: null, neighbours: [], place: null, lasso: null };
  generated: Generated | null = null;
  /** Told when the view has come to rest somewhere else; null: everything is in sight. */
  rested: ((look: { cx: number; cy: number; scale: number } | null) => void) | null = null;
  private readonly layers: Draw[] = [];
  private resting: ReturnType<typeof setTimeout> | undefined;
  frames = 0;
  private readonly pen: CanvasRenderingContext2D;
  private n = 0;
  private bounds: Bounds = [-1, -1, 1, 1];
  private queued = 0;
  private arrivedAt = -Infinity;
  private duration = MOVE;
  private flight: { from: [number, number, number]; to: { cx: number; cy: number; scale: number }; at: number } | null = null;
  private ratio = 1;
  /** Whether the points have to be drawn again, and from where they were seen last. */
  private stale = true;
  private seen = [0, 0, 0];
  private changedAt = -Infinity;
  private settling: ReturnType<typeof setTimeout> | undefined;
  /** How many points the last frame showed. */
  drawn = 0;

  constructor(
    points: HTMLCanvasElement,
    private readonly overlay: HTMLCanvasElement,
    readonly insets: () => Insets,
  ) {
    this.renderer = new WebGLRenderer(points, () => this.repaint());
    this.pen = overlay.getContext("2d")!;
    this.theme = readTheme(overlay.parentElement ?? document.body);
  }

  private get still(): boolean {
    return matchMedia("(prefers-reduced-motion: reduce)").matches;
  }

  resize(width: number, height: number, ratio: number): void {
    const first = this.view.width <= 1;
    const [x, y] = [this.view.cx, this.view.cy];
    Object.assign(this.view, { width, height });
    this.ratio = ratio;
    this.stale = true;
    this.renderer.resize(width, height, ratio);
    this.overlay.width = Math.round(width * ratio);
    this.overlay.height = Math.round(height * ratio);
    if (first) this.fit(false);
    else Object.assign(this.view, { cx: x, cy: y, home: this.view.fitted(this.bounds, this.insets()).scale });
    this.draw(performance.now());
  }

  add(draw: Draw): void {
    this.layers.push(draw);
  }

  /** Look from there at once. */
  lookFrom(look: { cx: number; cy: number; scale: number }): void {
    this.flight = null;
    Object.assign(this.view, look);
    this.redraw();
  }

  private moved(): void {
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      const { cx, cy, scale } = this.view;
      this.rested?.(this.fits() ? null : { cx, cy, scale });
    }, REST);
  }

  /** New places. With `animate`, points that were there move over. */
  setPoints(positions: Float32Array, bounds: Bounds, animate: boolean, refit: boolean): void {
    const first = this.n === 0;
    this.n = positions.length >> 1;
    this.bounds = bounds;
    const now = performance.now();
    this.renderer.setPoints(positions, animate ? ease(this.come(now)) : null);
    this.duration = animate && !this.still ? MOVE : 0;
    this.arrivedAt = now;
    if (first || (refit && !this.fits())) this.fit(!first);
    this.repaint();
  }

  /** How far points have come on their way, 0..1. */
  private come(now: number): number {
    return this.duration ? Math.min(Math.max((now - this.arrivedAt) / this.duration, 0), 1) : 1;
  }

  /** Is the view, or where it is flying to, near enough to the one that shows everything? */
  private fits(): boolean {
    const now = this.flight?.to ?? this.view;
    const to = this.view.fitted(this.bounds, this.insets());
    const off = Math.hypot(now.cx - to.cx, now.cy - to.cy) * to.scale;
    return Math.abs(Math.log(now.scale / to.scale)) < 0.08 && off < 24;
  }

  setColours(codes: Uint8Array, palette: Palette): void {
    this.renderer.setColours(codes, palette);
    this.repaint();
  }

  setContext(context: Uint8Array | null): void {
    this.renderer.setContext(context);
    this.repaint();
  }

  retheme(): void {
    this.theme = readTheme(this.overlay.parentElement ?? document.body);
    this.repaint();
  }

  fit(animate = true): void {
    const to = this.view.fitted(this.bounds, this.insets());
    this.view.home = to.scale;
    if (animate && !this.still) {
      this.flight = { from: [this.view.cx, this.view.cy, this.view.scale], to, at: performance.now() };
    } else {
      this.flight = null;
      Object.assign(this.view, to);
    }
    this.moved();
    this.redraw();
  }

  /** Bring a place into sight, when it is not, without changing the zoom. */
  reveal(x: number, y: number, margin = 40): void {
    const [px, py] = this.view.toScreen(x, y);
    const inset = this.insets();
    const [left, right] = [inset.left + margin, this.view.width - inset.right - margin];
    const [top, bottom] = [inset.top + margin, this.view.height - inset.bottom - margin];
    const dx = px < left ? left - px : px > right ? right - px : 0;
    const dy = py < top ? top - py : py > bottom ? bottom - py : 0;
    if (!dx && !dy) return;
    this.flight = null;
    this.view.pan(dx, dy);
    this.moved();
    this.redraw();
  }

  /** Moves the view, and only where it must goes farther off, until these bounds lie free of the panels and of `below`
   * pixels at the foot. */
  clear(bounds: Bounds, below: number, margin = 24): void {
    const { view } = this;
    const free = this.insets();
    const inset = { ...free, bottom: Math.max(free.bottom, below) };
    const [left, top] = view.toScreen(bounds[0], bounds[3]);
    const [right, bottom] = view.toScreen(bounds[2], bounds[1]);
    const inside = left >= inset.left && right <= view.width - inset.right && top >= inset.top && bottom <= view.height - inset.bottom;
    if (inside) return;
    const room = { left: inset.left + margin, right: inset.right + margin, top: inset.top + margin, bottom: inset.bottom + margin };
    const whole = view.fitted(bounds, room);
    const scale = Math.min(whole.scale, view.scale);
    const to = {
      scale,
      cx: (bounds[0] + bounds[2]) / 2 - (room.left - room.right) / 2 / scale,
      cy: (bounds[1] + bounds[3]) / 2 + (room.top - room.bottom) / 2 / scale,
    };
    if (this.still) this.lookFrom(to);
    else this.flight = { from: [view.cx, view.cy, view.scale], to, at: performance.now() };
    this.moved();
    this.redraw();
  }

  pan(dx: number, dy: number): void {
    this.flight = null;
    this.view.pan(dx, dy);
    this.moved();
    this.redraw();
  }

  zoomAt(px: number, py: number, factor: number): void {
    this.flight = null;
    this.view.zoomAt(px, py, factor);
    this.moved();
    this.redraw();
  }

  /** Draws the points again too; `redraw` does where the view has changed, and else what lies over them. */
  private repaint(): void {
    this.stale = true;
    this.redraw();
  }

  redraw(): void {
    this.queued ||= requestAnimationFrame((now) => {
      this.queued = 0;
      this.draw(now);
    });
  }

  get look() {
    return pointLook(this.n, this.view);
  }

  private fly(now: number): void {
    if (!this.flight) return;
    const t = Math.min(Math.max((now - this.flight.at) / MOVE, 0), 1);
    const e = ease(t);
    const { from, to } = this.flight;
    this.view.cx = from[0] + (to.cx - from[0]) * e;
    this.view.cy = from[1] + (to.cy - from[1]) * e;
    this.view.scale = from[2] * (to.scale / from[2]) ** e;
    if (t >= 1) this.flight = null;
    else this.redraw();
  }

  private draw(now: number): void {
    this.fly(now);
    const t = this.come(now);
    if (t < 1) this.redraw();
    this.drawPoints(now, t);
    this.pen.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    this.pen.clearRect(0, 0, this.view.width, this.view.height);
    for (const draw of this.layers) draw(this.pen, this.view, this.theme);
    drawMarks(this.pen, this.view, this.theme, this.marks, this.look.size);
    this.frames++;
  }

  /** All points where there is time for them, else a fair part, and all once nothing changes any more. */
  private drawPoints(now: number, t: number): void {
    const { cx, cy, scale } = this.view;
    const [x, y, s] = this.seen;
    if (this.stale || t < 1 || cx !== x || cy !== y || scale !== s) this.changedAt = now;
    else if (this.drawn === this.n || now - this.changedAt < SETTLE) return;
    this.stale = false;
    this.seen = [cx, cy, scale];
    const most = now - this.changedAt < SETTLE ? affordable(this.n, this.renderer.pace) : this.n;
    const { ground, context } = this.theme;
    const unit = (c: [number, number, number]): [number, number, number] => [c[0] / 255, c[1] / 255, c[2] / 255];
    const look = most < this.n ? thinned(this.look, most / this.n) : this.look;
    this.renderer.draw(this.view, { ...look, ground: unit(ground), context: unit(context) }, ease(t), most);
    this.drawn = most;
    clearTimeout(this.settling);
    if (most < this.n) this.settling = setTimeout(() => this.redraw(), SETTLE + 16);
  }

  destroy(): void {
    clearTimeout(this.resting);
    clearTimeout(this.settling);
    cancelAnimationFrame(this.queued);
    this.renderer.destroy();
  }
}
