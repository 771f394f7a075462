/** The keyboard, for everything that the pointer can do on the map. */

import type { MapController } from "./map/controller";
import { PANELS } from "./drawer/panels";
import type { Explorer } from "./state/explorer.svelte";

const STEP = 12;
const STRIDE = 60;
const ARROWS: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1],
};

function writing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest("input, select, textarea, [contenteditable], [role=listbox]") !== null;
}

export function onKey(event: KeyboardEvent, explorer: Explorer, map: MapController | null): void {
  if (event.altKey || writing(event.target)) return;
  if (event.ctrlKey || event.metaKey) {
    if (event.key.toLowerCase() !== "z" && event.key.toLowerCase() !== "y") return;
    if (event.shiftKey || event.key.toLowerCase() === "y") explorer.address.redo();
    else explorer.address.undo();
    event.preventDefault();
    return;
  }
  if (explorer.help && event.key !== "?" && event.key !== "Escape") return;
  if (press(event, explorer, map)) event.preventDefault();
}

/** True when the key meant something here. */
function press(event: KeyboardEvent, explorer: Explorer, map: MapController | null): boolean {
  const arrow = ARROWS[event.key];
  if (arrow && map && explorer.ready) {
    step(arrow, event.shiftKey ? STRIDE : STEP, explorer, map);
    return true;
  }
  const panel = /^[1-9]$/.test(event.key) && explorer.ready ? PANELS[Number(event.key) - 1] : undefined;
  if (panel) {
    explorer.openDrawer(explorer.drawer === panel.id ? null : panel.id);
    return true;
  }
  switch (event.key.length === 1 ? event.key.toLowerCase() : event.key) {
    case "Enter": {
      // On a button, Enter presses the button.
      if ((event.target as HTMLElement).closest?.("button, a, [tabindex='0']") || !explorer.ready) return false;
      const row = explorer.hover >= 0 ? explorer.hover : (explorer.decoded?.nearest.index ?? -1);
      if (row >= 0) void explorer.pin(row);
      return row >= 0;
    }
    case "ContextMenu": case "F10": {
      if (!map || !explorer.ready || !explorer.place || (event.key === "F10" && !event.shiftKey)) return false;
      const { x, y } = explorer.place;
      const [px, py] = map.view.toScreen(x, y);
      explorer.menu = { px, py, x, y, row: explorer.hover };
      return true;
    }
    case "Escape": explorer.escape(); return true;
    case "l": explorer.tool = explorer.tool === "lasso" ? "pan" : "lasso"; return true;
    case "b": explorer.tool = explorer.tool === "box" ? "pan" : "box"; return true;
    case "g": explorer.shown.toggle("grid"); return true;
    case "c": explorer.shown.toggle("contours"); return true;
    case "m": explorer.shown.toggle("mask"); return true;
    case "u": explorer.shown.toggle("uncertainty"); return true;
    case "o": explorer.shown.toggle("boundary"); return true;
    case "v":
      explorer.decisions.turn();
      return explorer.decisions.predictor !== null;
    case "i": explorer.shown.toggle("pictures"); return true;
    case "p": return explorer.toAnchors();
    case "d": explorer.toggleTheme(); return true;
    case "/": explorer.searching = true; return true;
    case "?": explorer.help = !explorer.help; return true;
    case "[": case "]":
      if (explorer.ready) void explorer.axes.step(event.key === "]" ? 1 : -1);
      return explorer.ready;
    case ",": explorer.left = !explorer.left; return true;
    case ".": explorer.right = !explorer.right; return true;
    case "0": map?.fit(); return true;
    case "+": case "=": map?.zoomAt(map.view.width / 2, map.view.height / 2, 1.5); return true;
    case "-": map?.zoomAt(map.view.width / 2, map.view.height / 2, 1 / 1.5); return true;
    default: return false;
  }
}

function step([dx, dy]: [number, number], pixels: number, explorer: Explorer, map: MapController): void {
  const { view } = map;
  const bounds = explorer.grid!.bounds;
  const from = explorer.place ?? { x: (bounds[0] + bounds[2]) / 2, y: (bounds[1] + bounds[3]) / 2 };
  const x = from.x + (dx * pixels) / view.scale;
  const y = from.y + (dy * pixels) / view.scale;
  explorer.held = false;
  explorer.keyboard = true;
  explorer.hover = explorer.grid!.nearest(x, y, 16 / view.scale, (i) => explorer.counts(i));
  explorer.lookAt(x, y);
  map.reveal(x, y);
}
