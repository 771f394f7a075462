/** Thumbnails of real rows, once they have room. */

import type { Explorer } from "../../state/explorer.svelte";
import { MISSING, ramp } from "../colour";
import type { MapController } from "../controller";
import { Pictures } from "../pictures";

export function pictures(explorer: Explorer, map: MapController): void {
  let made: Pictures | null = $state.raw(null);
  map.add((pen, view, theme) => made?.draw(pen, view, theme));

  $effect(() => {
    const { space, grid } = explorer;
    made = space?.sprites && grid ? new Pictures(space.sprites, grid, (s) => explorer.backend.sprite(s), () => map.redraw()) : null;
  });

  $effect(() => {
    void explorer.themed;
    if (!made) return;
    const { colouring: now } = explorer.colour;
    const { context } = explorer.filters;
    const { theme } = map;
    made.always = explorer.shown.has("pictures");
    made.accept = context ? (i) => !context[i] : undefined;
    made.colourOf = (i) => {
      const code = now?.codes[i] ?? 0;
      if (!now) return theme.categories[0]!;
      if (code === MISSING) return theme.missing;
      return now.kind === "numeric" ? ramp(theme.sequential, code / 254) : theme.categories[code]!;
    };
    map.redraw();
  });
}
