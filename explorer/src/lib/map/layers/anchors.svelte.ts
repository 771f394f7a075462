/** Anchors, numbered in their order. */

import { MAP } from "../../state/axes.svelte";
import type { Explorer } from "../../state/explorer.svelte";
import type { MapController } from "../controller";

const RADIUS = 9;

export function anchors(explorer: Explorer, map: MapController): void {
  map.add((pen, view, theme) => {
    const { positions } = explorer;
    if (!positions) return;
    explorer.anchors.list.forEach((anchor, i) => {
      // A place between rows is somewhere on the axes on which it was marked, and nowhere on others.
      if (!("row" in anchor) && (anchor.axes ?? MAP) !== explorer.axes.name) return;
      const [x, y] = "row" in anchor ? view.toScreen(positions[2 * anchor.row]!, positions[2 * anchor.row + 1]!) : view.toScreen(anchor.x, anchor.y);
      pen.beginPath();
      pen.arc(x, y, RADIUS, 0, 2 * Math.PI);
      pen.fillStyle = theme.css.ground;
      pen.fill();
      pen.lineWidth = 2;
      // A row is real, a place between rows is not.
      pen.strokeStyle = "row" in anchor ? theme.css.ink : theme.generated;
      pen.setLineDash("row" in anchor ? [] : [4, 3]);
      pen.stroke();
      pen.setLineDash([]);
      pen.fillStyle = theme.css.ink;
      pen.font = "600 11px system-ui, sans-serif";
      pen.textAlign = "center";
      pen.textBaseline = "middle";
      pen.fillText(String(i + 1), x, y + 0.5);
      pen.textAlign = "start";
    });
  });

  $effect(() => {
    void explorer.anchors.list;
    void explorer.themed;
    map.redraw();
  });
}
