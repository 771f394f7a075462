/** Room for a second map: where one comes or goes, everything is brought into what is left of the first. */

import { untrack } from "svelte";
import type { Explorer } from "../../state/explorer.svelte";
import type { MapController } from "../controller";

export function beside(explorer: Explorer, map: MapController): void {
  let before = false;
  $effect(() => {
    const { besides } = explorer;
    if (besides !== before) untrack(() => map.fit());
    before = besides;
  });
}
