/** Round values along an axis, and how they are written. */

import { number } from "../words";

const DAY = 86_400_000;

/** 1, 2 or 5 times a power of ten, at least (nearly) as large. */
function rounded(step: number): number {
  const power = 10 ** Math.floor(Math.log10(step));
  return [1, 2, 5, 10].find((m) => m * power >= step * 0.999)! * power;
}

/** About `count` round values from low to high: steps of 1, 2 or 5 times a power of ten. */
export function ticks(low: number, high: number, count: number, whole = false): number[] {
  if (!(high > low) || count < 1) return [];
  const step = Math.max(rounded((high - low) / count), whole ? 1 : 0);
  const out: number[] = [];
  // By number, not by addition: sums of a tenth are no tenths.
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) out.push(Number((k * step).toPrecision(12)));
  return out;
}

/** First days of years, of months, or days, in days since 1970-01-01. */
export function dateTicks(low: number, high: number, count: number): number[] {
  const days = (high - low) / count;
  if (days < 20) return ticks(low, high, count, true);
  const months = days < 45 ? 1 : days < 120 ? 3 : days < 270 ? 6 : 12 * Math.max(1, rounded(days / 365.25));
  const start = new Date(low * DAY);
  const out: number[] = [];
  for (let m = Math.ceil((start.getUTCFullYear() * 12 + start.getUTCMonth()) / months) * months; ; m += months) {
    const day = Date.UTC(Math.floor(m / 12), m % 12, 1) / DAY;
    if (day > high || out.length > 100) return out;
    if (day >= low) out.push(day);
  }
}

/** A tick's value; on one axis all alike, so that 0.2 stands beside 0.25 as 0.20. */
export function written(values: readonly number[], kind: string): string[] {
  if (kind === "date") return values.map((v) => number(v, { date: true }));
  const [first, second] = values;
  if (first === undefined || second === undefined) return values.map((v) => number(v, { integer: kind === "integer" }));
  const places = Math.min(Math.max(-Math.floor(Math.log10(Math.abs(second - first)) + 1e-9), 0), 8);
  return values.map((v) => v.toLocaleString("en-GB", { minimumFractionDigits: places, maximumFractionDigits: places }));
}
