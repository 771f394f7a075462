/** Marks over the points: rings, the place under the cursor, hatching where there is no data, the lasso. */

import type { Theme } from "./colour";
import type { View } from "./view";

type Spot = readonly [x: number, y: number];

export interface Marks {
  hover: Spot | null;
  pinned: Spot | null;
  neighbours: readonly Spot[];
  /** What is being decoded. `hasData` false: hatched. */
  place: { at: Spot; hasData: boolean; held: boolean; keyboard: boolean } | null;
  /** Screen coordinates, x and y in turn. */
  lasso: readonly number[] | null;
}

export interface Label {
  at: Spot;
  text: string;
}

function ring(pen: CanvasRenderingContext2D, x: number, y: number, r: number, colour: string, width: number): void {
  pen.beginPath();
  pen.arc(x, y, r, 0, 2 * Math.PI);
  pen.lineWidth = width;
  pen.strokeStyle = colour;
  pen.stroke();
}

export function drawMarks(pen: CanvasRenderingContext2D, view: View, theme: Theme, marks: Marks, size: number): void {
  const at = (spot: Spot) => view.toScreen(spot[0], spot[1]);
  const { ink, ground } = theme.css;
  if (marks.place) drawPlace(pen, at(marks.place.at), theme, marks.place);
  if (marks.pinned) {
    const [x, y] = at(marks.pinned);
    pen.globalAlpha = 0.55;
    for (const spot of marks.neighbours) {
      const [nx, ny] = at(spot);
      pen.beginPath();
      pen.moveTo(x, y);
      pen.lineTo(nx, ny);
      pen.lineWidth = 1;
      pen.strokeStyle = ink;
      pen.stroke();
      ring(pen, nx, ny, size / 2 + 2.5, ink, 1);
    }
    pen.globalAlpha = 1;
    drawPin(pen, x, y, size / 2 + 4, ink, ground);
  }
  if (marks.hover) {
    const [x, y] = at(marks.hover);
    ring(pen, x, y, size / 2 + 3, ground, 4);
    ring(pen, x, y, size / 2 + 3, ink, 2);
  }
  if (marks.lasso && marks.lasso.length >= 4) drawLasso(pen, theme, marks.lasso);
}

/** A ring with a pin standing on it. */
function drawPin(pen: CanvasRenderingContext2D, x: number, y: number, r: number, ink: string, ground: string): void {
  ring(pen, x, y, r, ground, 5);
  ring(pen, x, y, r, ink, 2.5);
  pen.beginPath();
  pen.moveTo(x, y - r);
  pen.lineTo(x, y - r - 9);
  pen.lineWidth = 2.5;
  pen.stroke();
  pen.beginPath();
  pen.arc(x, y - r - 12, 4.5, 0, 2 * Math.PI);
  pen.fillStyle = ink;
  pen.fill();
  pen.lineWidth = 1.5;
  pen.strokeStyle = ground;
  pen.stroke();
}

function drawPlace(
  pen: CanvasRenderingContext2D, [x, y]: [number, number], theme: Theme, place: NonNullable<Marks["place"]>,
): void {
  const r = place.hasData ? 9 : 22;
  pen.save();
  if (!place.hasData) {
    pen.beginPath();
    pen.arc(x, y, r, 0, 2 * Math.PI);
    pen.clip();
    pen.beginPath();
    for (let d = -2 * r; d <= 2 * r; d += 6) {
      pen.moveTo(x + d - r, y + r);
      pen.lineTo(x + d + r, y - r);
    }
    pen.strokeStyle = theme.hatch;
    pen.lineWidth = 1.5;
    pen.stroke();
  }
  pen.restore();
  pen.setLineDash([4, 3]);
  ring(pen, x, y, r, theme.generated, place.held ? 2.5 : 1.5);
  pen.setLineDash([]);
  if (place.keyboard || place.held) {
    pen.beginPath();
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]] as const) {
      pen.moveTo(x + dx * (r + 2), y + dy * (r + 2));
      pen.lineTo(x + dx * (r + 9), y + dy * (r + 9));
    }
    pen.lineWidth = 1.5;
    pen.strokeStyle = theme.generated;
    pen.stroke();
  }
}

function drawLasso(pen: CanvasRenderingContext2D, theme: Theme, path: readonly number[]): void {
  pen.beginPath();
  pen.moveTo(path[0]!, path[1]!);
  for (let i = 2; i < path.length; i += 2) pen.lineTo(path[i]!, path[i + 1]!);
  pen.closePath();
  pen.globalAlpha = 0.12;
  pen.fillStyle = theme.accent;
  pen.fill();
  pen.globalAlpha = 1;
  pen.lineWidth = 1.5;
  pen.strokeStyle = theme.accent;
  pen.stroke();
}

export function drawLabels(
  pen: CanvasRenderingContext2D, view: View, theme: Theme, labels: readonly Label[], size: number,
): void {
  pen.font = "600 11px system-ui, sans-serif";
  pen.textBaseline = "middle";
  pen.lineJoin = "round";
  for (const label of labels) {
    const [x, y] = view.toScreen(label.at[0], label.at[1]);
    pen.lineWidth = 3;
    pen.strokeStyle = theme.css.ground;
    pen.strokeText(label.text, x + size / 2 + 4, y);
    pen.fillStyle = theme.css.ink;
    pen.fillText(label.text, x + size / 2 + 4, y);
  }
}
