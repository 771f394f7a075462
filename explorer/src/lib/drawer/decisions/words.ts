/** How shares and outcomes are written and coloured in the decisions panel. */

import { HUES, OTHER, slotColour } from "../../map/colour";
import type { ShareInfo } from "../../wire.gen";
import { count, number } from "../../words";

export const two = (value: number): string => (Number.isFinite(value) ? (value >= 0.995 && value < 1 ? value.toFixed(3) : value.toFixed(2)) : "–");

/** 0.83 (0.79-0.86, n = 412). */
export const share = (s: ShareInfo): string => (s.n ? `${two(s.value)} (${two(s.low)}-${two(s.high)}, n = ${count(s.n)})` : "no such row");

/** As the map colours the column of decisions. */
export const colourOf = (outcome: number, outcomes: number): string => slotColour(outcomes > HUES + 2 ? OTHER : outcome);

/** A score as people read it. */
export const scored = (score: number): string => number(Number(score.toPrecision(3)));

/** What a conformal p-value says. */
export function likeness(p: number): { says: string; odd: boolean } {
  if (p <= 0.05) return { says: "unlike what was seen", odd: true };
  return { says: p <= 0.2 ? "rather unusual" : "like what was seen", odd: false };
}
