/** From a column's values to one colour code a point, and a legend. Colours themselves live in tokens.css. */

import type { ColumnData } from "../backend/backend";
import type { ColumnInfo } from "../protocol";
import type { Palette } from "./renderer";

export const HUES = 8;
/** With nine or ten categories ink and grey serve too; with more the smallest go together as "other". */
const INK = 8;
const GREY = 9;
export const OTHER = 10;
export const MISSING = 255;
const BINS = 32;

export interface LegendEntry {
  category: number;
  label: string;
  count: number;
  slot: number;
}

export interface Categorical {
  kind: "categorical";
  codes: Uint8Array;
  entries: LegendEntry[];
  /** Entries beyond the eight colours. */
  others: LegendEntry[];
  missing: number;
}

export interface Numeric {
  kind: "numeric";
  codes: Uint8Array;
  /** Ends of the scale; values beyond them have the end's colour. */
  low: number;
  high: number;
  histogram: number[];
  /** Each row's bar of the histogram; MISSING where it has no value. */
  bins: Uint8Array;
  missing: number;
  integer: boolean;
  date: boolean;
}

export type Colouring = Categorical | Numeric;

export function colouring(info: ColumnInfo, data: ColumnData): Colouring {
  return info.categories ? categorical(info, info.categories, data) : numeric(info, data as Float32Array);
}

/** Which code stands for a missing value in raw data. */
export function missingCode(data: ColumnData): number {
  return data instanceof Uint16Array ? 65535 : 255;
}

/** How many rows that are not left out fall on each bar, or on each category. */
export function countsWithin(colouring: Colouring, data: ColumnData, out: Uint8Array): Uint32Array {
  const codes = colouring.kind === "numeric" ? colouring.bins : data;
  const counts = new Uint32Array(codes instanceof Uint16Array ? 65536 : 256);
  for (let i = 0; i < out.length; i++) if (!out[i]) counts[codes[i]!]!++;
  return counts;
}

function categorical(info: ColumnInfo, names: string[], data: ColumnData): Categorical {
  const none = missingCode(data);
  const counts = info.counts ? [...info.counts] : new Array<number>(names.length).fill(0);
  let missing = 0;
  for (const code of data) {
    if (code === none) missing++;
    else if (!info.counts) counts[code]!++;
  }
  const all = names.map((label, category) => ({ category, label, count: counts[category] ?? 0, slot: OTHER }));
  let entries = all;
  let others: LegendEntry[] = [];
  if (names.length > HUES + 2) {
    const ranked = [...all].sort((a, b) => b.count - a.count || a.category - b.category);
    entries = ranked.slice(0, HUES);
    others = ranked.slice(HUES);
  }
  entries.forEach((entry, i) => (entry.slot = i < HUES ? i : i === HUES ? INK : GREY));
  const slots = Uint8Array.from(all, (e) => e.slot);
  const codes = new Uint8Array(data.length);
  for (let i = 0; i < codes.length; i++) codes[i] = data[i] === none ? MISSING : slots[data[i]!]!;
  return { kind: "categorical", codes, entries, others, missing };
}

/** Values at two shares of the sorted finite values, from at most 50,000 of them. */
export function quantiles(data: Float32Array, low: number, high: number): [number, number] {
  const step = Math.max(1, Math.floor(data.length / 50_000));
  const kept: number[] = [];
  for (let i = 0; i < data.length; i += step) if (Number.isFinite(data[i]!)) kept.push(data[i]!);
  if (!kept.length) return [0, 1];
  const sorted = Float32Array.from(kept).sort();
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))]!;
  return [at(low), at(high)];
}

function numeric(info: ColumnInfo, data: Float32Array): Numeric {
  // A few far values must not take the whole scale.
  let [low, high] = quantiles(data, 0.01, 0.99);
  if (!(high > low)) [low, high] = [info.minimum ?? low, info.maximum ?? high];
  if (!(high > low)) high = low + 1;
  const codes = new Uint8Array(data.length);
  const histogram = new Array<number>(BINS).fill(0);
  const bins = new Uint8Array(data.length).fill(MISSING);
  let missing = 0;
  for (let i = 0; i < codes.length; i++) {
    const value = data[i]!;
    if (!Number.isFinite(value)) {
      codes[i] = MISSING;
      missing++;
      continue;
    }
    const t = Math.min(Math.max((value - low) / (high - low), 0), 1);
    codes[i] = Math.round(t * 254);
    histogram[(bins[i] = Math.min(Math.floor(t * BINS), BINS - 1))]!++;
  }
  const integer = info.kind === "integer";
  return { kind: "numeric", codes, low, high, histogram, bins, missing, integer, date: info.kind === "date" };
}

export type RGB = [number, number, number];

/** Colours of the current theme, as the style sheet resolves them. */
export interface Theme {
  ground: RGB;
  context: RGB;
  ink: RGB;
  categories: RGB[];
  sequential: RGB[];
  missing: RGB;
  /** What colours come to where nothing is sure. */
  uncertain: RGB;
  generated: string;
  accent: string;
  hatch: string;
  warning: string;
  /** Hatching of the whole map, quieter. */
  nodata: string;
  panel: string;
  css: { ink: string; ground: string };
}

export function readTheme(element: HTMLElement): Theme {
  const probe = document.createElement("span");
  probe.hidden = true;
  element.append(probe);
  const css = (name: string): string => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const rgb = (name: string): RGB => {
    const [r, g, b] = (css(name).match(/[\d.]+/g) ?? ["0", "0", "0"]).map(Number);
    return [r!, g!, b!];
  };
  const theme: Theme = {
    ground: rgb("--ground"),
    context: rgb("--context"),
    ink: rgb("--ink"),
    categories: [
      ...Array.from({ length: HUES }, (_, i) => rgb(`--cat-${i}`)),
      rgb("--ink"), rgb("--cat-other"), rgb("--cat-other"),
    ],
    sequential: Array.from({ length: 8 }, (_, i) => rgb(`--seq-${i}`)),
    missing: rgb("--missing"),
    uncertain: rgb("--uncertain"),
    generated: css("--generated"),
    accent: css("--accent"),
    hatch: css("--hatch"),
    warning: css("--warning"),
    nodata: css("--nodata"),
    panel: css("--panel"),
    css: { ink: css("--ink"), ground: css("--ground") },
  };
  probe.remove();
  return theme;
}

/** A colour between the stops, t in 0..1. */
export function ramp(stops: RGB[], t: number): RGB {
  const at = Math.min(Math.max(t, 0), 1) * (stops.length - 1);
  const i = Math.min(Math.floor(at), stops.length - 2);
  const [a, b] = [stops[i]!, stops[i + 1]!];
  return [0, 1, 2].map((c) => Math.round(a[c]! + (b[c]! - a[c]!) * (at - i))) as RGB;
}

export function paletteOf(kind: Colouring["kind"] | "none", theme: Theme): Palette {
  const palette = new Uint8Array(1024);
  for (let code = 0; code < 256; code++) {
    let colour: RGB = theme.missing;
    if (kind === "numeric" && code < MISSING) colour = ramp(theme.sequential, code / 254);
    else if (kind === "categorical" && code < theme.categories.length) colour = theme.categories[code]!;
    else if (kind === "none") colour = theme.categories[0]!;
    palette.set([...colour, 255], code * 4);
  }
  return palette;
}

/** The CSS name of a legend entry's colour. */
export function slotColour(slot: number): string {
  if (slot < HUES) return `var(--cat-${slot})`;
  return slot === INK ? "var(--ink)" : slot === MISSING ? "var(--missing)" : "var(--cat-other)";
}
