/** What the axes mean, at the edges: names, and ticks in their own units. Maps have neither. */

import type { AxisInfo } from "../../protocol";
import type { Explorer } from "../../state/explorer.svelte";
import type { MapController } from "../controller";
import { plain } from "../../words";
import { dateTicks, ticks, written } from "../ticks";
import type { Theme } from "../colour";

/** Pixels from one tick to the next, at least. */
const ACROSS = 90;
const DOWN = 60;
const SIZE = 5;
/** Narrower than this, tools and tabs stand in two lines. */
const WRAPPED = 620;

function marks(axis: AxisInfo, from: number, to: number, count: number): { place: number; text: string }[] {
  const [low, high] = [axis.origin + axis.unit * from, axis.origin + axis.unit * to];
  const values = axis.kind === "date" ? dateTicks(low, high, count) : ticks(low, high, count, axis.kind === "integer");
  return written(values, axis.kind).map((text, i) => ({ place: (values[i]! - axis.origin) / axis.unit, text }));
}

export function said(axis: AxisInfo): string {
  const name = plain(axis.label);
  return axis.explained === null ? name : `${name}, ${Math.round(100 * axis.explained)} % of variance`;
}

function write(pen: CanvasRenderingContext2D, theme: Theme, text: string, x: number, y: number): void {
  pen.lineWidth = 3;
  pen.strokeStyle = theme.css.ground;
  pen.strokeText(text, x, y);
  pen.fillStyle = theme.css.ink;
  pen.fillText(text, x, y);
}

export function axes(explorer: Explorer, map: MapController): void {
  map.add((pen, view, theme) => {
    const { info } = explorer.axes;
    if (!info || info.kind === "layer") return;
    const inset = map.insets();
    const [left, right] = [inset.left + 8, view.width - inset.right - 8];
    // Where tools and tabs take two lines, the axis stands above both.
    const [top, bottom] = [inset.top, view.height - inset.bottom - (right - left < WRAPPED ? 44 : 2)];
    if (right - left < 80 || bottom - top < 80) return;
    const [x0, y0] = view.toWorld(left, bottom);
    const [x1, y1] = view.toWorld(right, top);
    pen.save();
    pen.lineJoin = "round";
    pen.strokeStyle = theme.css.ink;
    pen.lineWidth = 1;
    pen.globalAlpha = 0.4;
    pen.beginPath();
    pen.moveTo(left, top);
    pen.lineTo(left, bottom);
    pen.lineTo(right, bottom);
    const across = marks(info.axes[0], x0, x1, (right - left) / ACROSS).map((m) => ({ text: m.text, at: view.toScreen(m.place, 0)[0] }));
    const up = marks(info.axes[1], y0, y1, (bottom - top) / DOWN).map((m) => ({ text: m.text, at: view.toScreen(0, m.place)[1] }));
    for (const m of across) { pen.moveTo(m.at, bottom); pen.lineTo(m.at, bottom + SIZE); }
    for (const m of up) { pen.moveTo(left, m.at); pen.lineTo(left + SIZE, m.at); }
    pen.stroke();
    pen.globalAlpha = 1;
    pen.font = "11px system-ui, sans-serif";
    pen.textAlign = "center";
    pen.textBaseline = "top";
    for (const m of across) if (m.at > left + 24 && m.at < right - 24) write(pen, theme, m.text, m.at, bottom + SIZE + 2);
    pen.textAlign = "left";
    pen.textBaseline = "middle";
    for (const m of up) if (m.at < bottom - 14 && m.at > top + 20) write(pen, theme, m.text, left + SIZE + 4, m.at);
    pen.font = "600 11px system-ui, sans-serif";
    pen.textAlign = "right";
    pen.textBaseline = "bottom";
    write(pen, theme, `${said(info.axes[0])} →`, right, bottom - 4);
    pen.textAlign = "left";
    pen.textBaseline = "top";
    write(pen, theme, `↑ ${said(info.axes[1])}`, left + SIZE + 4, top);
    pen.restore();
  });

  $effect(() => {
    void explorer.axes.info;
    void explorer.themed;
    map.redraw();
  });
}
