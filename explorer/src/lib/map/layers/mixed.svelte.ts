/** Where the dimensions set by hand lie: generated, so dashed. */

import type { Explorer } from "../../state/explorer.svelte";
import type { MapController } from "../controller";

const RADIUS = 7;

export function mixed(explorer: Explorer, map: MapController): void {
  const shown = (): [number, number] | null => {
    const { mix } = explorer;
    return explorer.drawer === "factors" && !mix.local && mix.moves.size ? (mix.made?.place ?? null) : null;
  };
  map.add((pen, view, theme) => {
    const place = shown();
    if (!place) return;
    const [x, y] = view.toScreen(...place);
    pen.beginPath();
    pen.moveTo(x, y - RADIUS);
    for (const [dx, dy] of [[1, 0], [0, 1], [-1, 0], [0, -1]] as const) pen.lineTo(x + dx * RADIUS, y + dy * RADIUS);
    pen.closePath();
    pen.fillStyle = theme.css.ground;
    pen.fill();
    pen.lineWidth = 2;
    pen.strokeStyle = theme.generated;
    pen.setLineDash([4, 2]);
    pen.stroke();
    pen.setLineDash([]);
  });

  $effect(() => {
    void shown();
    void explorer.themed;
    map.redraw();
  });
}
