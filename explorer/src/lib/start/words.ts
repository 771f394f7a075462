/** Kinds and uses of columns, and times, in the words of people who do not program. */

export const KINDS: Record<string, string> = {
  numeric: "number", integer: "whole number", ordinal: "ordered classes", boolean: "yes or no", categorical: "classes",
  date: "date", text: "text",
};

export const ROLES: Record<string, string> = {
  feature: "learned from", target: "target", metadata: "kept beside", excluded: "left out", identifier: "left out: names rows",
  constant: "left out: never varies",
};

/** Those that a person can choose. */
export const CHOOSABLE = ["feature", "metadata", "excluded"];

export const MODALITIES: Record<string, [one: string, many: string]> = {
  image: ["picture", "pictures"], table: ["row", "rows"], signal: ["signal", "signals"], vector: ["vector", "vectors"],
  counts: ["row of counts", "rows of counts"],
};

export function shapeOf(modality: string, shape: readonly number[]): string {
  const [a, b, c] = shape;
  if (modality === "image") return `${c} × ${b} pixels${a === 1 ? ", grey" : ", in colour"}`;
  if (modality === "signal") return `${a} ${a === 1 ? "channel" : "channels"} of ${b} steps`;
  if (modality === "counts") return `${a} counts each`;
  return modality === "table" ? `${a} ${a === 1 ? "column" : "columns"} learned from` : `${a} numbers each`;
}

/** Errors begin small in a terminal, behind the name of the program; names in quotes are left alone. */
export const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** "3 hours ago", from seconds since 1970. */
export function ago(then: number, now = Date.now() / 1000): string {
  const passed = now - then;
  const steps: [Intl.RelativeTimeFormatUnit, number][] = [["day", 86400], ["hour", 3600], ["minute", 60]];
  if (passed > 30 * 86400) return `on ${new Date(then * 1000).toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" })}`;
  for (const [unit, seconds] of steps) {
    if (passed >= seconds) return new Intl.RelativeTimeFormat("en-GB").format(-Math.floor(passed / seconds), unit);
  }
  return "just now";
}
