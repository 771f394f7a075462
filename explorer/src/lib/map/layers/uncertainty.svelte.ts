/** How unsure the decode is at each row's place: the levels at which colours are suppressed. */

import { MAP } from "../../state/axes.svelte";
import type { Explorer } from "../../state/explorer.svelte";
import { filled, sampled } from "../raster";
import { levelsOf } from "../suppress";

export function uncertainty(explorer: Explorer): void {
  $effect(() => {
    if (!explorer.ready || !explorer.shown.has("uncertainty") || explorer.axes.name !== MAP) {
      explorer.layers.levels = null;
      return;
    }
    explorer.layers.needSureness();
    const { sureness } = explorer.layers;
    explorer.layers.levels = sureness && levelsOf(sampled(filled(sureness), explorer.positions!));
  });
}
