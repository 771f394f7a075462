/** What is filtered and selected, as lines of Python that give the same rows. */

import type { ColumnInfo } from "../protocol";
import type { Filters } from "./filters.svelte";

const sqlName = (name: string): string => `"${name.replaceAll('"', '""')}"`;
const sqlText = (text: string): string => `'${text.replaceAll("'", "''")}'`;
/** A Python string literal. */
export const quoted = (text: string): string => JSON.stringify(text);

/** A condition of `space.rows.select`, or null for a latent dimension, which is no column of the rows. */
function condition(info: ColumnInfo, filters: Filters): string | null {
  if (info.group === "latent") return null;
  // Figures are shown by their titles and asked for by their names.
  const name = sqlName(info.group === "figure" ? info.name.toLowerCase().replaceAll(" ", "_") : info.name);
  const codes = [...filters.codes(info)].sort((a, b) => a - b);
  if (codes.length) {
    if (info.kind === "boolean") return codes.map((c) => (c ? name : `NOT ${name}`)).join(" OR ");
    return `CAST(${name} AS VARCHAR) IN (${codes.map((c) => sqlText(info.categories![c]!)).join(", ")})`;
  }
  return bounds(info.kind === "date" ? `epoch(${name}) / 86400` : name, filters.range(info)!).join(" AND ");
}

function bounds(name: string, [low, high]: [number, number]): string[] {
  return [
    ...(Number.isFinite(low) ? [`${name} >= ${low}`] : []),
    ...(Number.isFinite(high) ? [`${name} <= ${high}`] : []),
  ];
}

/** Lines that leave the rows that count in `rows`. */
export function rowsInPython(filters: Filters): string[] {
  const conditions: string[] = [];
  const lines: string[] = [];
  for (const info of filters.active) {
    const text = condition(info, filters);
    if (text !== null) conditions.push(`(${text})`);
    else {
      const value = `space.latents.mean[:, ${info.name.split(" ")[1]}]`;
      lines.push(keep(`np.flatnonzero(${bounds(value, filters.range(info)!).map((b) => `(${b})`).join(" & ")})`));
    }
  }
  if (filters.selection) lines.push(...selected(filters.selection.from, filters.selection.rows));
  lines.unshift(`rows = space.rows.select(${quoted(conditions.join(" AND ") || "true")})`);
  return ["import numpy as np", "", ...lines, "print(space.rows.table(indices=rows).to_pandas())"];
}

const keep = (others: string): string => `rows = np.intersect1d(rows, ${others})`;

function selected(from: string, rows: Uint32Array): string[] {
  const [kind, words] = [from.slice(0, from.indexOf(":")), from.slice(from.indexOf(":") + 1)];
  if (kind === "lasso") {
    const [corners, ...axes] = words.split("@");
    const seen = axes.length ? `axes(${quoted(axes.join("@"))})` : "map";
    return [keep(`space.${seen}.inside([${corners!.replaceAll(",", ", ")}])`)];
  }
  return [keep(`[${[...rows].join(", ")}]`)];
}
