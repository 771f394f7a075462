/** What is filtered and selected, as lines of Python that give the same rows. */

import type { ColumnInfo } from "../protocol";
import type { Filters } from "./filters.svelte";

const sqlName = (name: string): string => `"${name.replaceAll('"', '""')}"`;
const sqlText = (text: string): string => `'${text.replaceAll("'", "''")}'`;
/** A Python string literal. */
export const quoted = (text: string): string => JSON.stringify(text);

/** What the map did to each row: a figure that is measured when it is looked at. */
export const DISTORTION = "map distortion";

/** A condition of `space.rows.select`, or null for what is no column of the rows: a latent dimension, distortion. */
function condition(info: ColumnInfo, filters: Filters): string | null {
  if (info.group === "latent" || (info.group === "figure" && info.name === DISTORTION)) return null;
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

/** Lines that leave the rows that count in `rows`, and show them. */
export function rowsInPython(filters: Filters): string[] {
  return ["import numpy as np", "", ...rowLines(filters), "print(space.rows.table(indices=rows).to_pandas())"];
}

/** Lines that leave the rows that count in `rows`; they need `np`. */
export function rowLines(filters: Filters): string[] {
  const conditions: string[] = [];
  const lines: string[] = [];
  for (const info of filters.active) {
    const text = condition(info, filters);
    if (text !== null) conditions.push(`(${text})`);
    else {
      const value = info.name === DISTORTION ? "space.distortion().spread(space.map.positions)" : `space.latents.mean[:, ${info.name.split(" ")[1]}]`;
      lines.push(keep(`np.flatnonzero(${bounds(value, filters.range(info)!).map((b) => `(${b})`).join(" & ")})`));
    }
  }
  if (filters.selection) lines.push(...selected(filters.selection.from, filters.selection.rows));
  lines.unshift(`rows = space.rows.select(${quoted(conditions.join(" AND ") || "true")})`);
  return lines;
}

const keep = (others: string): string => `rows = np.intersect1d(rows, ${others})`;

function selected(from: string, rows: Uint32Array): string[] {
  const [kind, words] = [from.slice(0, from.indexOf(":")), from.slice(from.indexOf(":") + 1)];
  if (kind === "lasso") {
    const [corners, ...axes] = words.split("@");
    // Maps of layers are no axes in Python.
    if (axes[0]?.startsWith("layer:")) return [keep(`[${[...rows].join(", ")}]`)];
    const seen = axes.length ? `axes(${quoted(axes.join("@"))})` : "map";
    return [keep(`space.${seen}.inside([${corners!.replaceAll(",", ", ")}])`)];
  }
  if (kind === "region") return [keep(`space.regions()[${words}].rows`)];
  return [keep(`[${[...rows].join(", ")}]`)];
}
