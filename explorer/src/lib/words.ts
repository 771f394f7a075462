/** Numbers and times as words. */

const DAY = 86_400_000;

/** Three significant digits, thin thousands; dates from days since 1970. */
export function number(value: number, how: { integer?: boolean; date?: boolean } = {}): string {
  if (!Number.isFinite(value)) return "missing";
  if (how.date) return new Date(value * DAY).toISOString().slice(0, 10);
  if (how.integer || Math.abs(value) >= 1000) return Math.round(value).toLocaleString("en-GB");
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 0.001) return value.toExponential(1);
  return String(Number(value.toPrecision(3)));
}

/** A distance between latents; rounding is no distance. */
export const distance = (value: number): string => number(value < 1e-4 ? 0 : value);

export const count = (n: number): string => n.toLocaleString("en-GB");

/** "about 2 minutes", for time that is left. */
export function duration(seconds: number): string {
  if (seconds < 1.5) return "a second";
  if (seconds < 90) return `${Math.round(seconds)} seconds`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} minutes`;
  return `${number(seconds / 3600)} hours`;
}

export function ordinal(value: number): string {
  const n = Math.round(value);
  const tail = n % 100 >= 11 && n % 100 <= 13 ? "th" : (["th", "st", "nd", "rd"][n % 10] ?? "th");
  return `${n}${tail}`;
}

/** "age_in_years" as "age in years"; names that people wrote are left alone. */
export function plain(name: string): string {
  return name.replaceAll("_", " ");
}

/** How sure a decode is, beside those of the rows. */
export function sure(percentile: number | null): string {
  if (percentile === null) return "being compared with the rows";
  return percentile < 50 ? "sure" : `less sure than ${Math.min(Math.floor(percentile), 99)} % of rows`;
}

/** A percentile, which is neither 0 nor 100. */
export function percentile(value: number): string {
  return `${ordinal(Math.min(Math.max(value, 1), 99))} percentile`;
}
