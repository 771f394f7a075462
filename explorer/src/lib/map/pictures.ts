/** Thumbnails of real rows on the map, from sprite sheets, where they have room. */

import type { SpriteInfo } from "../protocol";
import type { RGB, Theme } from "./colour";
import type { GridIndex } from "./grid";
import { spreadOut } from "./spread";
import type { View } from "./view";

/** Between these zooms pictures fade in by themselves. */
const NEAR: [number, number] = [2.2, 3.2];
const MOST = 900;

export interface Tile {
  sheet: number;
  x: number;
  y: number;
  width: number;
  height: number;
}

export function tileOf(info: SpriteInfo, row: number): Tile {
  const [width, height] = info.tile;
  const at = row % info.perSheet;
  return {
    sheet: Math.floor(row / info.perSheet),
    x: (at % info.columns) * width,
    y: Math.floor(at / info.columns) * height,
    width,
    height,
  };
}

export class Pictures {
  always = false;
  accept: ((i: number) => boolean) | undefined;
  colourOf: ((i: number) => RGB) | null = null;
  private readonly sheets = new Map<number, HTMLImageElement>();

  constructor(
    private readonly info: SpriteInfo,
    private readonly grid: GridIndex,
    private readonly address: (sheet: number) => string,
    private readonly arrived: () => void,
  ) {}

  private sheet(index: number): HTMLImageElement | null {
    let image = this.sheets.get(index);
    if (!image) {
      image = new Image();
      image.onload = this.arrived;
      image.src = this.address(index);
      this.sheets.set(index, image);
    }
    return image.complete && image.naturalWidth ? image : null;
  }

  draw(pen: CanvasRenderingContext2D, view: View, theme: Theme): void {
    const share = (view.zoom - NEAR[0]) / (NEAR[1] - NEAR[0]);
    const alpha = this.always ? 1 : Math.min(Math.max(share, 0), 1);
    if (alpha <= 0) return;
    const [width, height] = this.info.tile;
    const side = Math.min(Math.max(24, 14 * view.zoom ** 0.5), 44);
    const scale = side / Math.max(width, height);
    const rows = spreadOut(this.grid, view, side * 1.15, this.accept).slice(0, MOST);
    pen.imageSmoothingEnabled = scale < 1;
    pen.globalAlpha = alpha;
    for (const row of rows) {
      const tile = tileOf(this.info, row);
      const sheet = this.sheet(tile.sheet);
      if (!sheet) continue;
      const [x, y] = view.toScreen(this.grid.positions[2 * row]!, this.grid.positions[2 * row + 1]!);
      const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
      const [left, top] = [Math.round(x - w / 2), Math.round(y - h / 2)];
      const colour = this.colourOf?.(row);
      pen.fillStyle = colour ? `rgb(${colour.join(" ")})` : theme.css.ink;
      pen.fillRect(left - 1.5, top - 1.5, w + 3, h + 3);
      pen.drawImage(sheet, tile.x, tile.y, tile.width, tile.height, left, top, w, h);
    }
    pen.globalAlpha = 1;
  }
}
