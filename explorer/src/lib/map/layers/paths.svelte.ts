/** The ways through the anchors, all generated, so all dashed: a dash of its own for each kind, the chosen one bold. */

import { untrack } from "svelte";
import { KINDS, type Kind } from "../../state/paths.svelte";
import type { Explorer } from "../../state/explorer.svelte";
import type { MapController } from "../controller";
import { boundsOf, type View } from "../view";

export const DASHES: Record<Kind, readonly number[]> = { geodesic: [9, 4], density: [10, 3, 2, 3], spherical: [2, 4], linear: [4, 3] };

/** A piece longer than this share of the map is a leap: what lies between is elsewhere in the latent space. */
const LEAP = 0.12;

/** What stands below the drawer, in pixels. */
const FOOT = 84;

/** Pieces of a course, and the leaps between them, in screen coordinates. */
export function pieces(line: readonly (readonly [number, number])[], view: View, span: number): { runs: [number, number][][]; leaps: [number, number][][] } {
  const runs: [number, number][][] = [[]];
  const leaps: [number, number][][] = [];
  line.forEach(([x, y], i) => {
    const here = view.toScreen(x, y);
    const before = line[i - 1];
    if (before && Math.hypot(x - before[0], y - before[1]) > LEAP * span) {
      leaps.push([view.toScreen(...before), here]);
      runs.push([]);
    }
    runs.at(-1)!.push(here);
  });
  return { runs, leaps };
}

function trace(pen: CanvasRenderingContext2D, lines: readonly (readonly [number, number])[][]): void {
  pen.beginPath();
  for (const line of lines) line.forEach(([x, y], i) => (i ? pen.lineTo(x, y) : pen.moveTo(x, y)));
}

export function paths(explorer: Explorer, map: MapController): void {
  map.add((pen, view, theme) => {
    const { found, chosen, at, way } = explorer.paths;
    if (!found || !explorer.grid) return;
    const [x0, y0, x1, y1] = explorer.grid.bounds;
    const span = Math.hypot(x1 - x0, y1 - y0);
    const order = [...KINDS].reverse().filter((kind) => kind !== chosen);
    pen.lineJoin = "round";
    pen.lineCap = "butt";
    for (const kind of [...order, chosen]) {
      const drawn = found.ways.find((w) => w.kind === kind);
      if (!drawn) continue;
      const { runs, leaps } = pieces(drawn.line, view, span);
      const bold = kind === chosen;
      if (bold) {
        trace(pen, [...runs, ...leaps]);
        pen.strokeStyle = theme.css.ground;
        pen.lineWidth = 5;
        pen.setLineDash([]);
        pen.stroke();
      }
      pen.strokeStyle = theme.generated;
      pen.setLineDash([...DASHES[kind]]);
      pen.lineWidth = bold ? 2.5 : 1.5;
      trace(pen, runs);
      pen.stroke();
      pen.setLineDash([1, 5]);
      pen.lineWidth = 1;
      trace(pen, leaps);
      pen.stroke();
    }
    pen.setLineDash([]);
    way?.places.forEach((place, step) => {
      const [x, y] = view.toScreen(...place);
      pen.beginPath();
      pen.arc(x, y, step === at ? 5 : 2.5, 0, 2 * Math.PI);
      pen.fillStyle = theme.generated;
      pen.fill();
      pen.lineWidth = 1.5;
      pen.strokeStyle = theme.css.ground;
      pen.stroke();
    });
  });

  $effect(() => {
    const { places } = explorer.anchors;
    const { steps } = explorer.paths;
    void explorer.axes.name;
    if (explorer.ready) untrack(() => explorer.paths.ask(places, steps));
  });

  // The drawer must not cover the places that one has just marked.
  $effect(() => {
    const { found } = explorer.paths;
    const below = explorer.drawerHeight;
    if (!found || explorer.drawer !== "paths" || !below) return;
    const marked = found.ways[0]!;
    map.clear(boundsOf(Float32Array.from(found.anchors.flatMap((step) => marked.places[step]!))), below + FOOT);
  });

  $effect(() => {
    void [explorer.paths.found, explorer.paths.chosen, explorer.paths.at, explorer.themed];
    map.redraw();
  });
}
