/**
 * Value-suppressing colours (Correll, Moritz and Heer 2018): the less sure, the fewer values are told apart and the nearer
 * they lie to one grey, until there is one colour for all of them. A point that cannot be told is not merely faint.
 */

import { MISSING, ramp, type Colouring, type RGB, type Theme } from "./colour";
import type { Palette } from "./renderer";

/** From these percentiles of uncertainty on, a value is told less and less apart. */
export const STEPS = [50, 75, 90] as const;
export const LEVELS = STEPS.length + 1;
/** Values told apart at each level, and how far they lie toward grey. */
const BINS = [8, 4, 2, 1] as const;
const FADE = [0, 0.4, 0.72, 1] as const;

/** 0 sure .. 3 least sure, for each row. Rows without a figure count as sure: nothing was measured against them. */
export function levelsOf(percentiles: Float32Array): Uint8Array {
  return Uint8Array.from(percentiles, (p) => (p >= STEPS[2] ? 3 : p >= STEPS[1] ? 2 : p >= STEPS[0] ? 1 : 0));
}

/** A colour at a level. `value` 0..1 on the scale, or the colour of a category. */
export function fadedOf(value: number | RGB, level: number, theme: Theme): RGB {
  const bins = BINS[level]!;
  const colour = typeof value === "number" ? ramp(theme.sequential, (Math.min(Math.floor(value * bins), bins - 1) + 0.5) / bins) : value;
  return colour.map((c, i) => Math.round(c + (theme.uncertain[i]! - c) * FADE[level]!)) as RGB;
}

/** Codes and palette with which `colouring` is drawn at these levels. */
export function suppressed(colouring: Colouring | null, levels: Uint8Array, theme: Theme): { codes: Uint8Array; palette: Palette } {
  const palette = new Uint8Array(1024);
  const put = (code: number, colour: RGB) => palette.set([...colour, 255], 4 * code);
  const width = colouring?.kind === "numeric" ? BINS[0] : theme.categories.length;
  for (let level = 0; level < LEVELS; level++) {
    for (let k = 0; k < width; k++) {
      const value = colouring?.kind === "numeric" ? (k + 0.5) / width : theme.categories[colouring ? k : 0]!;
      put(level * width + k, fadedOf(value, level, theme));
    }
  }
  put(MISSING, theme.missing);
  const codes = new Uint8Array(levels.length);
  for (let i = 0; i < codes.length; i++) {
    const code = colouring?.codes[i] ?? 0;
    const k = colouring?.kind === "numeric" ? Math.min(Math.floor((code / 254) * width), width - 1) : code;
    codes[i] = code === MISSING ? MISSING : levels[i]! * width + k;
  }
  return { codes, palette };
}
