/** What lies over the points, in the order in which it is drawn: one file a layer. */

import type { Explorer } from "../../state/explorer.svelte";
import type { MapController } from "../controller";
import { anchors } from "./anchors.svelte";
import { axes } from "./axes.svelte";
import { beside } from "./beside.svelte";
import { contours } from "./contours.svelte";
import { decision } from "./decision.svelte";
import { generated } from "./generated.svelte";
import { mask } from "./mask.svelte";
import { mixed } from "./mixed.svelte";
import { names } from "./names.svelte";
import { paths } from "./paths.svelte";
import { pictures } from "./pictures.svelte";
import { uncertainty } from "./uncertainty.svelte";

/** Called once the map is there. Adds what it draws with `map.add`, and keeps it up to date with effects. */
export type Install = (explorer: Explorer, map: MapController) => void;

export const LAYERS: Install[] = [mask, uncertainty, decision, contours, pictures, generated, names, axes, paths, anchors, mixed, beside];
