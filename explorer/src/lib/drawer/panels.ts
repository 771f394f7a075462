/** The drawer's panels: one file each, and one line here. The order is that of the tabs and of the keys 1, 2, ... */

import type { Component } from "svelte";
import type { Explorer } from "../state/explorer.svelte";
import ComparePanel from "./ComparePanel.svelte";
import DecisionsPanel from "./decisions/DecisionsPanel.svelte";
import DirectionsPanel from "./directions/DirectionsPanel.svelte";
import FactorsPanel from "./FactorsPanel.svelte";
import HealthPanel from "./HealthPanel.svelte";
import NetworkPanel from "./NetworkPanel.svelte";
import PathsPanel from "./PathsPanel.svelte";

export interface DrawerPanel {
  id: string;
  title: string;
  says: string;
  component: Component<{ explorer: Explorer }>;
}

export const PANELS: DrawerPanel[] = [
  { id: "factors", title: "Factors", says: "What each latent dimension does", component: FactorsPanel },
  { id: "paths", title: "Paths", says: "Ways from one place to another", component: PathsPanel },
  { id: "directions", title: "Directions", says: "What parts two groups, and sums of items", component: DirectionsPanel },
  { id: "compare", title: "Compare", says: "The model beside principal components of the same rows", component: ComparePanel },
  { id: "network", title: "Layers", says: "Inside the network: what its layers answer and tell", component: NetworkPanel },
  { id: "decisions", title: "Decisions", says: "How a predictor of yours decides, and how far the map shows it", component: DecisionsPanel },
  { id: "health", title: "Health", says: "What is wrong, and every figure measured", component: HealthPanel },
];
