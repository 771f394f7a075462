/** The drawer's panels: one file each, and one line here. The order is that of the tabs and of the keys 1, 2, ...
 *  A panel's code is fetched when it is first opened, so that the map need not wait for what may never be looked at. */

import type { Component } from "svelte";
import type { Explorer } from "../state/explorer.svelte";

export interface DrawerPanel {
  id: string;
  title: string;
  says: string;
  load: () => Promise<{ default: Component<{ explorer: Explorer }> }>;
}

export const PANELS: DrawerPanel[] = [
  { id: "factors", title: "Factors", says: "What each latent dimension does", load: () => import("./FactorsPanel.svelte") },
  { id: "paths", title: "Paths", says: "Ways from one place to another", load: () => import("./PathsPanel.svelte") },
  { id: "directions", title: "Directions", says: "What parts two groups, and sums of items", load: () => import("./directions/DirectionsPanel.svelte") },
  { id: "compare", title: "Compare", says: "The model beside principal components of the same rows", load: () => import("./ComparePanel.svelte") },
  { id: "network", title: "Layers", says: "Inside the network: what its layers answer and tell", load: () => import("./NetworkPanel.svelte") },
  { id: "decisions", title: "Decisions", says: "How a predictor of yours decides, and how far the map shows it", load: () => import("./decisions/DecisionsPanel.svelte") },
  { id: "health", title: "Health", says: "What is wrong, and every figure measured", load: () => import("./HealthPanel.svelte") },
];
