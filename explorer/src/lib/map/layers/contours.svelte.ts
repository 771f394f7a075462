/** Lines around the smallest areas that hold 50, 80 and 95 % of the rows. The names of regions are in RegionLabels. */

import { MAP } from "../../state/axes.svelte";
import type { Explorer } from "../../state/explorer.svelte";
import type { MapController } from "../controller";
import { contour } from "../raster";
import { Sheet } from "../sheet";

/** Of the lines, the innermost first. */
const INK = [0.75, 0.5, 0.34];

export function contours(explorer: Explorer, map: MapController): void {
  let lines: Float32Array[] = [];
  const sheet = new Sheet((pen, view) => {
    pen.lineWidth = 1;
    pen.lineCap = "round";
    pen.strokeStyle = map.theme.css.ink;
    lines.forEach((segments, i) => {
      pen.globalAlpha = INK[i] ?? INK.at(-1)!;
      pen.beginPath();
      for (let k = 0; k < segments.length; k += 4) {
        pen.moveTo(...view.toScreen(segments[k]!, segments[k + 1]!));
        pen.lineTo(...view.toScreen(segments[k + 2]!, segments[k + 3]!));
      }
      pen.stroke();
    });
  }, () => map.redraw());
  map.add((pen, view) => {
    if (!explorer.shown.has("contours") || explorer.axes.name !== MAP || !lines.length) return;
    sheet.draw(pen, view);
    explorer.layers.drawings = sheet.drawings;
  });

  $effect(() => {
    void explorer.themed;
    if (!explorer.ready || !explorer.shown.has("contours")) return map.redraw();
    explorer.layers.needDensity();
    const { density } = explorer.layers;
    lines = density ? density.levels.map((level) => contour(density, level)) : [];
    explorer.layers.segments = lines.map((l) => l.length / 4);
    sheet.discard();
    map.redraw();
  });
}
