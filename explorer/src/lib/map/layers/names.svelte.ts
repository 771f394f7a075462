/** Names beside the points, where there is room and no picture. */

import type { Explorer } from "../../state/explorer.svelte";
import type { MapController } from "../controller";
import { drawLabels } from "../overlay";
import { spreadOut } from "../spread";

/** Names stand beside points once one looks this near. */
const FROM = 5;

export function names(explorer: Explorer, map: MapController): void {
  map.add((pen, view, theme) => {
    const { grid, positions, space, colour } = explorer;
    if (!grid || !positions || space?.sprites || colour.colouring?.kind !== "categorical" || view.zoom <= FROM) return;
    const rows = spreadOut(grid, view, 110, (i) => explorer.counts(i)).slice(0, 80);
    const labels = rows.map((row) => ({
      at: [positions[2 * row]!, positions[2 * row + 1]!] as const,
      text: colour.valueOf(row)?.text ?? "",
    }));
    drawLabels(pen, view, theme, labels, map.look.size);
  });
}
