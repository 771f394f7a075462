/** A grid of generated items over the map, at the zoom of the moment; where there is no data the map stays bare. */

import { pathOf, rangeOf } from "../content/lines";
import { paint } from "../content/pixels";
import type { Content } from "../protocol";
import type { Theme } from "./colour";
import type { View } from "./view";

/** Pixels from one item to the next, at least; and how large one is drawn. */
const SPACING = 54;
const SIDE = 46;
const WIDE = 88;
/** After the last move of the view, in milliseconds. */
const REST = 140;
const MOST = 1000;

type Ask = (x: number, y: number, step: number, columns: number, rows: number) => Promise<(Content | null)[]>;

export class Generated {
  private step = 0;
  private readonly cells = new Map<string, Content | null>();
  private readonly drawn = new WeakMap<Content, HTMLCanvasElement>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private asking = false;

  constructor(
    private readonly wide: boolean,
    /** The field of a record that stands for it. */
    private readonly field: () => string | null,
    private readonly ask: Ask,
    private readonly arrived: () => void,
    private readonly failed: (sentence: string) => void,
  ) {}

  /** How many items are on the screen of late. */
  shown = 0;

  /** Steps are powers of the root of two, so that panning and small zooms keep what is there. */
  private stepFor(view: View): number {
    return 2 ** (Math.ceil(2 * Math.log2((this.wide ? 1.75 : 1) * SPACING / view.scale)) / 2);
  }

  draw(pen: CanvasRenderingContext2D, view: View, theme: Theme): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.fill(view), REST);
    this.shown = 0;
    if (!this.step) return;
    pen.save();
    pen.setLineDash([3, 2]);
    pen.lineWidth = 1.25;
    pen.strokeStyle = theme.generated;
    pen.font = "600 11px system-ui, sans-serif";
    pen.textBaseline = "middle";
    pen.textAlign = "center";
    for (const [column, row] of this.inSight(view, this.step)) {
      const content = this.cells.get(`${column},${row}`);
      if (content) this.item(pen, content, view.toScreen(column * this.step, row * this.step), theme);
    }
    pen.restore();
  }

  private item(pen: CanvasRenderingContext2D, content: Content, [x, y]: [number, number], theme: Theme): void {
    this.shown++;
    if (content.kind === "image") {
      let made = this.drawn.get(content);
      if (!made) {
        made = document.createElement("canvas");
        paint(made, content);
        this.drawn.set(content, made);
      }
      const scale = SIDE / Math.max(made.width, made.height);
      const [w, h] = [made.width * scale, made.height * scale];
      pen.imageSmoothingEnabled = scale < 1;
      pen.drawImage(made, x - w / 2, y - h / 2, w, h);
      pen.strokeRect(x - w / 2 - 1, y - h / 2 - 1, w + 2, h + 2);
      return;
    }
    const [w, h] = [WIDE, content.kind === "signal" ? 30 : 18];
    pen.fillStyle = theme.css.ground;
    pen.fillRect(x - w / 2, y - h / 2, w, h);
    pen.strokeRect(x - w / 2, y - h / 2, w, h);
    pen.fillStyle = theme.generated;
    if (content.kind === "signal") {
      const lines = content.lines.slice(0, 3);
      pen.save();
      pen.setLineDash([]);
      pen.translate(x - w / 2 + 3, y - h / 2 + 3);
      for (const line of lines) pen.stroke(new Path2D(pathOf(line, w - 6, h - 6, rangeOf(lines))));
      pen.restore();
    } else {
      const cell = content.fields.find((f) => f.name === this.field()) ?? content.fields[0];
      pen.fillText(cell?.value ?? "", x, y, w - 8);
    }
  }

  /** (column, row) of the grid's places in sight, in units of the step. */
  private inSight(view: View, step: number): [number, number][] {
    const [x0, y0, x1, y1] = view.sight();
    const out: [number, number][] = [];
    for (let row = Math.floor(y1 / step); row >= Math.ceil(y0 / step); row--) {
      for (let column = Math.ceil(x0 / step); column <= Math.floor(x1 / step); column++) out.push([column, row]);
    }
    return out.slice(0, MOST);
  }

  /** Asks for the smallest rectangle that holds what is missing. One question at a time; the view may have moved since. */
  private async fill(view: View): Promise<void> {
    if (this.asking) return;
    const step = this.stepFor(view);
    const fresh = step !== this.step;
    const missing = this.inSight(view, step).filter(([c, r]) => fresh || !this.cells.has(`${c},${r}`));
    if (!missing.length) return;
    const [left, right] = [Math.min(...missing.map((m) => m[0])), Math.max(...missing.map((m) => m[0]))];
    const [low, high] = [Math.min(...missing.map((m) => m[1])), Math.max(...missing.map((m) => m[1]))];
    const columns = right - left + 1;
    this.asking = true;
    try {
      const found = await this.ask(left * step, high * step, step, columns, high - low + 1);
      if (fresh) this.cells.clear();
      this.step = step;
      found.forEach((content, i) => this.cells.set(`${left + (i % columns)},${high - Math.floor(i / columns)}`, content));
      this.arrived();
    } catch (error) {
      this.failed((error as Error).message);
    } finally {
      this.asking = false;
    }
  }
}
