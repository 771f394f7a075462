/** What the map asks of whatever draws its points. */

import type { View } from "./view";

/** 256 colours as RGBA bytes; a point's code says which one it has. */
export type Palette = Uint8Array;

export interface Look {
  /** Diameter in CSS pixels. */
  size: number;
  opacity: number;
  /** 0..1, RGB. */
  ground: [number, number, number];
  context: [number, number, number];
}

export interface MapRenderer {
  /**
   * x and y of each point. `come` says how far (0..1) the points have come on their last way: from there they move on
   * while `progress` is drawn from 0 to 1. With null, or another number of points, they are there at once.
   */
  setPoints(positions: Float32Array, come: number | null): void;
  setColours(codes: Uint8Array, palette: Palette): void;
  /** 1 for each point that is context only, or null when none is. */
  setContext(context: Uint8Array | null): void;
  resize(width: number, height: number, ratio: number): void;
  /** `progress` 0..1: how far points have come from their old places. At most `most` points, a fair sample of all. */
  draw(view: View, look: Look, progress: number, most: number): void;
  /** Milliseconds that a thousand points take to draw, as measured of late; null while nothing was. */
  readonly pace: number | null;
  destroy(): void;
}

/** WebGL2 is missing or switched off. */
export class NoWebGL extends Error {}

/** Smaller and fainter the more there are, larger the nearer one looks. */
export function pointLook(n: number, view: View): { size: number; opacity: number } {
  const area = view.width * view.height;
  const room = Math.sqrt(area / Math.max(n, 1));
  const base = Math.min(Math.max(room * 0.19, 1.6), 7);
  const size = Math.min(base * Math.max(view.zoom, 0.6) ** 0.4, 16);
  const opacity = n < 3000 ? 0.92 : n < 30000 ? 0.8 : Math.min(0.62 + 0.1 * Math.log2(Math.max(view.zoom, 1)), 0.9);
  return { size, opacity };
}

/** Milliseconds that a frame may take while something moves. */
const BUDGET = 24;
const LEAST = 40_000;
/** How many times larger points may grow to stand for others. */
const LARGEST = 2.2;
/** Drawn at first, where nobody knows yet how fast this machine draws. */
const TRIAL = 200_000;

/** How many of n points to draw while something moves. */
export function affordable(n: number, pace: number | null): number {
  const most = pace === null ? TRIAL : Math.max((BUDGET / Math.max(pace, 1e-6)) * 1000, LEAST);
  // Leaving out a few is not worth the change in looks.
  return most >= 0.8 * n ? n : Math.floor(most);
}

/** A share of the points that covers as much as all of them: first less transparent, then larger. */
export function thinned(look: { size: number; opacity: number }, share: number): { size: number; opacity: number } {
  const wanted = look.opacity / share;
  const opacity = Math.min(wanted, 0.9);
  return { size: look.size * Math.min(Math.sqrt(wanted / opacity), LARGEST), opacity };
}
