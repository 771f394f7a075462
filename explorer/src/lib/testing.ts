/** A read-only window into the page for tests: `window.__deepspace`. */

import type { MapController } from "./map/controller";
import { slotColour } from "./map/colour";
import type { Content } from "./protocol";
import type { Explorer } from "./state/explorer.svelte";

function flat(content: Content | undefined): unknown {
  if (!content) return null;
  if (content.kind === "image") return { ...content, pixels: [...content.pixels] };
  if (content.kind === "signal") return { ...content, lines: content.lines.map((l) => [...l]) };
  return content;
}

export function expose(explorer: Explorer, map: () => MapController | null): void {
  const hook = {
    get phase() { return explorer.phase; },
    get ready() { return explorer.ready; },
    get connected() { return explorer.connected; },
    get theme() { return document.documentElement.dataset.theme ?? "auto"; },
    get colour() { return explorer.colour.info?.name ?? null; },
    get legend() {
      const now = explorer.colour.colouring;
      return now?.kind === "categorical" ? now.entries.map((e) => ({ label: e.label, count: e.count, css: slotColour(e.slot) })) : null;
    },
    get counted() { return explorer.filters.counted; },
    get selection() { return explorer.filters.selection ? [...explorer.filters.selection.rows] : null; },
    get filters() { return explorer.filters.active.map((c) => c.name); },
    shows(layer: string) { return explorer.shown.has(layer); },
    get anchors() { return explorer.anchors.places; },
    get ways() {
      const { found, chosen, at, playing } = explorer.paths;
      return found && { chosen, at, playing, kinds: found.ways.map((w) => w.kind), places: found.ways.find((w) => w.kind === chosen)!.places };
    },
    get direction() { return explorer.directions.found; },
    get projection() { return explorer.directions.scores && [...explorer.directions.scores]; },
    get mixed() {
      const { made } = explorer.mix;
      return made && { ...made, content: flat(made.content) };
    },
    get hover() { return explorer.hover; },
    get place() { return explorer.place; },
    get decodes() { return explorer.decodes; },
    get decoded() { return explorer.decoded && { ...explorer.decoded, content: flat(explorer.decoded.content) }; },
    get detail() { return explorer.detail && { ...explorer.detail, content: flat(explorer.detail.content) }; },
    get pinned() {
      const item = explorer.pinned;
      return item && { ...item, real: flat(item.real), reconstruction: item.reconstruction && flat(item.reconstruction) };
    },
    get preview() {
      const preview = explorer.training.preview;
      return preview && { epoch: preview.epoch, n: preview.n };
    },
    get history() { return explorer.training.history; },
    get layers() {
      const { segments, named, levels, drawings } = explorer.layers;
      return { segments, named, drawings, levels: levels && [...levels] };
    },
    get decisions() {
      const { at, view, found, drawing, doubt, look } = explorer.decisions;
      return { at, view, found, state: look?.now?.state ?? "none", lines: drawing?.lines ?? null, drawn: drawing?.view ?? null, outcome: drawing && [...drawing.values], doubtful: doubt && [...doubt.values] };
    },
    get decided() { return { case: explorer.decisions.case, likeness: explorer.decisions.likeness, triangle: explorer.decisions.triangle, recourse: explorer.decisions.recourse, reasons: explorer.decisions.reasons, way: explorer.decisions.way?.path ?? null }; },
    get generatedShown() { return map()?.generated?.shown ?? 0; },
    get frames() { return map()?.frames ?? 0; },
    get axes() { return explorer.axes.name; },
    get axesInfo() { return explorer.axes.info; },
    get pointsDrawn() { return map()?.drawn ?? 0; },
    get pace() { return map()?.renderer.pace ?? null; },
    get zoom() { return map()?.view.zoom ?? 1; },
    get pointSize() { return map()?.look.size ?? 0; },
    get comparing() { return explorer.compare.comparing?.state ?? null; },
    get compared() {
      const item = explorer.compare.item;
      return item && { ...item, real: flat(item.real), rebuilt: item.rebuilt.map(flat) };
    },
    get beside() { return explorer.compare.beside && { ...explorer.compare.beside, content: flat(explorer.compare.beside.content) }; },
    besideOf(row: number) {
      const p = explorer.compare.positions;
      return p ? explorer.besideMap?.view.toScreen(p[2 * row]!, p[2 * row + 1]!) : null;
    },
    get besideMarks() { return explorer.besideMap?.marks ?? null; },
    positionOf(row: number) {
      const p = explorer.positions;
      return p ? [p[2 * row], p[2 * row + 1]] : null;
    },
    toScreen(x: number, y: number) { return map()?.view.toScreen(x, y) ?? null; },
    toWorld(px: number, py: number) { return map()?.view.toWorld(px, py) ?? null; },
  };
  Object.defineProperty(window, "__deepspace", { value: Object.freeze(hook) });
}
