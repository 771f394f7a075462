/** A predictor's decision: each place in the colour of its outcome, a line where it changes, hatched where the picture and
 * the predictor disagree. Dashed where places decode, solid where it is the rows around that are decided. */

import { untrack } from "svelte";
import type { Drawing } from "../../backend/decisions";
import { MAP } from "../../state/axes.svelte";
import type { Explorer } from "../../state/explorer.svelte";
import type { Theme } from "../colour";
import type { MapController } from "../controller";
import type { Raster } from "../raster";
import { Sheet } from "../sheet";
import { hatching, stencil } from "./mask.svelte";
import { pieces } from "./paths.svelte";

/** How much of an outcome's colour lies over the map. */
const TINT = 0.17;
const DASHES = [5, 2.5];
const WIDTH = 1.5;
/** Lines that would be smaller, in pixels, wait until one looks nearer; their tint is there. */
const LEAST = 6;
const NONE = 255;
/** What stands below the drawer, in pixels. */
const FOOT = 58;
/** Narrower than this, tools and tabs stand in two lines. */
const NARROW = 620;
/** More outcomes than colours are not told apart. */
const MOST = 10;

/** Where a grid lies on the screen: left, top, width, height. */
function frame(grid: Raster, view: { toScreen(x: number, y: number): [number, number]; scale: number }): [number, number, number, number] {
  const half = grid.cell / 2;
  const [left, bottom] = view.toScreen(grid.origin[0] - half, grid.origin[1] - half);
  const [width, height] = [grid.columns * grid.cell * view.scale, grid.rows * grid.cell * view.scale];
  return [left, bottom - height, width, height];
}

/** The outcomes as a picture, a pixel a place, the highest row first. */
function tinted(drawing: Drawing, theme: Theme, outcomes: number): HTMLCanvasElement {
  const { columns, rows, values } = drawing;
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [columns, rows];
  const image = new ImageData(columns, rows);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const outcome = values[r * columns + c]!;
      const colour = outcome === NONE || outcomes > MOST ? undefined : theme.categories[outcome];
      if (colour) image.data.set([...colour, 255], 4 * ((rows - 1 - r) * columns + c));
    }
  }
  canvas.getContext("2d")!.putImageData(image, 0, 0);
  return canvas;
}

/** The longer side of what a line covers. */
function spanOf(line: readonly number[]): number {
  const [low, high] = [[Infinity, Infinity], [-Infinity, -Infinity]];
  line.forEach((v, i) => {
    low[i % 2] = Math.min(low[i % 2]!, v);
    high[i % 2] = Math.max(high[i % 2]!, v);
  });
  return Math.max(high[0]! - low[0]!, high[1]! - low[1]!);
}

export function decision(explorer: Explorer, map: MapController): void {
  let drawing: Drawing | null = null;
  let spans: number[] = [];
  let picture: HTMLCanvasElement | null = null;
  let doubtful: { grid: Raster; data: HTMLCanvasElement } | null = null;
  const lines = new Sheet((pen, view) => {
    if (!drawing || !picture) return;
    pen.globalAlpha = TINT;
    pen.drawImage(picture, ...frame(drawing, view));
    pen.globalAlpha = 1;
    pen.lineJoin = "round";
    pen.beginPath();
    for (const [k, line] of drawing.lines.entries()) {
      if (spans[k]! * view.scale < LEAST) continue;
      for (let i = 0; i < line.length; i += 2) {
        const [x, y] = view.toScreen(line[i]!, line[i + 1]!);
        if (i) pen.lineTo(x, y);
        else pen.moveTo(x, y);
      }
    }
    pen.strokeStyle = map.theme.css.ground;
    pen.globalAlpha = 0.8;
    pen.lineWidth = WIDTH + 2;
    pen.stroke();
    pen.globalAlpha = 1;
    pen.strokeStyle = map.theme.css.ink;
    pen.lineWidth = WIDTH;
    if (drawing.view === "generative") pen.setLineDash(DASHES);
    pen.stroke();
    pen.setLineDash([]);
  }, () => map.redraw());
  const hatches = new Sheet((pen, view) => {
    if (!doubtful) return;
    pen.imageSmoothingQuality = "high";
    pen.drawImage(doubtful.data, ...frame(doubtful.grid, view));
    pen.globalCompositeOperation = "source-in";
    pen.fillStyle = hatching(pen, map.theme.warning, true);
    pen.fillRect(0, 0, view.width, view.height);
  }, () => map.redraw());
  const shown = (): boolean => explorer.shown.has("boundary") && explorer.axes.name === MAP;
  map.add((pen, view) => {
    if (!shown()) return;
    if (doubtful) hatches.draw(pen, view);
    if (drawing) lines.draw(pen, view);
  });
  // The way to a counterfactual is generated, as every way is.
  map.add((pen, view, theme) => {
    const { way } = explorer.decisions;
    if (!way || way.path.length < 2 || explorer.drawer !== "decisions" || explorer.axes.name !== MAP) return;
    const [x0, y0, x1, y1] = explorer.grid!.bounds;
    const { runs, leaps } = pieces(way.path, view, Math.hypot(x1 - x0, y1 - y0));
    const strokes: [string, number, number[], [number, number][][]][] = [
      [theme.css.ground, 5, [], [...runs, ...leaps]], [theme.generated, 2.5, [4, 3], runs], [theme.generated, 1, [1, 5], leaps],
    ];
    for (const [colour, width, dashes, parts] of strokes) {
      pen.beginPath();
      for (const part of parts) part.forEach(([x, y], i) => (i ? pen.lineTo(x, y) : pen.moveTo(x, y)));
      pen.strokeStyle = colour;
      pen.lineWidth = width;
      pen.setLineDash(dashes);
      pen.stroke();
    }
    pen.setLineDash([]);
    const [x, y] = view.toScreen(...way.path.at(-1)!);
    pen.beginPath();
    pen.arc(x, y, 5, 0, 2 * Math.PI);
    pen.fillStyle = theme.generated;
    pen.fill();
    pen.lineWidth = 1.5;
    pen.strokeStyle = theme.css.ground;
    pen.stroke();
  });

  // Shown from when somebody first looks at the predictor on.
  $effect(() => {
    void explorer.decisions.found;
    void explorer.decisions.view;
    if (explorer.ready && shown()) untrack(() => explorer.decisions.need());
  });

  $effect(() => {
    void explorer.themed;
    const { decisions } = explorer;
    drawing = decisions.drawing;
    spans = drawing ? drawing.lines.map(spanOf) : [];
    picture = drawing && tinted(drawing, map.theme, decisions.predictor?.outcomes.length ?? 0);
    lines.discard();
    map.redraw();
  });

  $effect(() => {
    void explorer.themed;
    const { doubt } = explorer.decisions;
    doubtful = doubt && { grid: doubt, data: stencil(doubt) };
    hatches.discard();
    map.redraw();
  });

  $effect(() => {
    void [shown(), explorer.decisions.way, explorer.drawer];
    map.redraw();
  });

  // The drawer must not cover what it speaks of: once, where all was in sight.
  let cleared = false;
  $effect(() => {
    const { drawer, drawerHeight, grid, look, decisions } = explorer;
    if (cleared || drawer !== "decisions" || !drawerHeight || !grid || !decisions.drawing) return;
    cleared = true;
    if (look) return;
    const inset = map.insets();
    const foot = map.view.width - inset.left - inset.right < NARROW ? 2 * FOOT : FOOT;
    untrack(() => map.clear(grid.bounds, drawerHeight + foot, 14));
  });
}
