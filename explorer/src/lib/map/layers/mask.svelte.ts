/** Fine hatching where there is no data. */

import { MAP } from "../../state/axes.svelte";
import type { Explorer } from "../../state/explorer.svelte";
import type { MapController } from "../controller";
import type { Raster } from "../raster";
import { Sheet } from "../sheet";

/** Pixels from one line to the next, along the axes. */
const PITCH = 7;

export function mask(explorer: Explorer, map: MapController): void {
  let data: HTMLCanvasElement | null = null;
  let grid: Raster | null = null;
  const sheet = new Sheet((pen, view) => {
    if (!data || !grid) return;
    const half = grid.cell / 2;
    const [left, bottom] = view.toScreen(grid.origin[0] - half, grid.origin[1] - half);
    const [width, height] = [grid.columns * grid.cell * view.scale, grid.rows * grid.cell * view.scale];
    pen.fillRect(0, 0, view.width, view.height);
    pen.globalCompositeOperation = "destination-out";
    pen.imageSmoothingQuality = "high";
    pen.drawImage(data, left, bottom - height, width, height);
    pen.globalCompositeOperation = "source-in";
    pen.fillStyle = hatching(pen, map.theme.nodata);
    pen.fillRect(0, 0, view.width, view.height);
  }, () => map.redraw());
  map.add((pen, view) => {
    if (explorer.shown.has("mask") && explorer.axes.name === MAP && data) sheet.draw(pen, view);
  });

  $effect(() => {
    void explorer.themed;
    if (!explorer.ready || !explorer.shown.has("mask")) return map.redraw();
    explorer.layers.needPresence();
    const { presence } = explorer.layers;
    if (presence !== grid) {
      grid = presence;
      data = presence && stencil(presence);
    }
    sheet.discard();
    map.redraw();
  });
}

/** Opaque where there is data, a pixel a cell, the highest row first. */
export function stencil(grid: Raster): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = grid.columns;
  canvas.height = grid.rows;
  const image = new ImageData(grid.columns, grid.rows);
  for (let r = 0; r < grid.rows; r++) {
    for (let c = 0; c < grid.columns; c++) {
      image.data[4 * ((grid.rows - 1 - r) * grid.columns + c) + 3] = grid.values[r * grid.columns + c] ? 255 : 0;
    }
  }
  canvas.getContext("2d")!.putImageData(image, 0, 0);
  return canvas;
}

/** Diagonal lines, rising or falling, sharp at the screen's own resolution. */
export function hatching(pen: CanvasRenderingContext2D, colour: string, falling = false): CanvasPattern {
  const ratio = pen.getTransform().a;
  const side = Math.round(PITCH * ratio);
  const tile = document.createElement("canvas");
  tile.width = tile.height = side;
  const own = tile.getContext("2d")!;
  own.strokeStyle = colour;
  own.lineWidth = ratio;
  own.beginPath();
  for (const d of [-side, 0, side]) {
    own.moveTo(d - 1, falling ? -1 : side + 1);
    own.lineTo(d + side + 1, falling ? side + 1 : -1);
  }
  own.stroke();
  const pattern = pen.createPattern(tile, "repeat")!;
  pattern.setTransform(new DOMMatrix([1 / ratio, 0, 0, 1 / ratio, 0, 0]));
  return pattern;
}
