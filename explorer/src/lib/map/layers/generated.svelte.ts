/** A grid of generated items. */

import type { Explorer } from "../../state/explorer.svelte";
import type { MapController } from "../controller";
import { Generated } from "../generated";

export function generated(explorer: Explorer, map: MapController): void {
  map.add((pen, view, theme) => map.generated?.draw(pen, view, theme));

  $effect(() => {
    const { space } = explorer;
    void explorer.axes.name;
    map.generated = space && explorer.shown.has("grid")
      ? new Generated(
          space.modality !== "image",
          () => explorer.colour.info?.name ?? null,
          (...where) => explorer.backend.cells(...where),
          () => map.redraw(),
          (sentence) => (explorer.remark = sentence),
        )
      : null;
    map.redraw();
  });
}
