/** Inside the networks: whose way through the layers is shown, which unit is looked at, and how far the reading is. */

import type { Networks } from "../backend/networks";
import type { FindingConcept, Network, NetworkWork, ReadingDepth, Strip, UnitPage } from "../protocol";
import type { Part } from "./address.svelte";
import { placeOf } from "./anchors.svelte";
import { MAP } from "./axes.svelte";
import { Dreams } from "./dreams.svelte";
import { Latest } from "./latest";
import { LayerMaps } from "./layermaps.svelte";
import { Saliencies } from "./saliencies.svelte";
import { EVERY, pause, Watched } from "./watched.svelte";

/** The shortest time between two strips: the cursor's own decode comes first. */
const REST = 50;

export type View = (typeof VIEWS)[number];
export const VIEWS = ["strip", "depth", "maps", "concept"] as const;

/** What the page knows of places that a strip may be of. */
interface Known {
  readonly pinnedIndex: number | null;
  readonly hover: number;
  readonly place: { x: number; y: number } | null;
  readonly axes: { readonly name: string; to(name: string): Promise<void> };
}

export class NetworkState implements Part {
  info: Network | null = $state.raw(null);
  failure: string | null = $state(null);
  view: View = $state("strip");
  /** Pinned, where something is. */
  from: "pinned" | "cursor" = $state("pinned");
  /** Every step by itself, or those that only reshape an answer together with it. */
  every = $state(false);
  strip: Strip | null = $state.raw(null);
  stripFailure: string | null = $state(null);
  /** The unit that is looked at. */
  unit: { layer: string; index: number } | null = $state.raw(null);
  page: UnitPage | null = $state.raw(null);
  pageFailure: string | null = $state(null);
  work: NetworkWork | null = $state.raw(null);
  readonly depth: Watched<ReadingDepth>;
  readonly maps: LayerMaps;
  readonly concept: Watched<FindingConcept>;
  /** Rows that the concept leaves out: whose it is. */
  sought: Uint8Array | null = $state.raw(null);
  readonly dreams: Dreams;
  readonly saliencies: Saliencies;
  /** The column whose reading is shown; null: the first. */
  column: string | null = $state(null);
  private key = "";
  private wanted: string | null = null;
  private asking: AbortController | null = null;
  private readonly latest: Latest<string, void>;

  constructor(
    private readonly backend: Networks,
    private readonly known: Known,
  ) {
    this.depth = new Watched(() => backend.depth(), () => backend.stopDepth());
    this.maps = new LayerMaps(backend, () => known.axes);
    this.concept = new Watched(() => this.own(backend.concept()), () => backend.stopConcept());
    this.dreams = new Dreams(backend);
    this.saliencies = new Saliencies(backend);
    this.latest = new Latest(
      async (place) => {
        this.strip = await this.backend.strip(place);
        this.stripFailure = null;
        await pause(REST);
      },
      () => undefined,
      (error) => (this.stripFailure = error.message),
    );
  }

  get taken(): "pinned" | "cursor" | "first" {
    if (this.from === "pinned" && this.known.pinnedIndex !== null) return "pinned";
    if (this.known.hover >= 0 || this.known.place) return "cursor";
    return this.known.pinnedIndex !== null ? "pinned" : "first";
  }

  /** As the server names it: the pinned row, the row or else the place under the cursor, or the first row. */
  get place(): string {
    if (this.taken === "pinned") return placeOf({ row: this.known.pinnedIndex! });
    if (this.taken === "first") return placeOf({ row: 0 });
    if (this.known.hover >= 0) return placeOf({ row: this.known.hover });
    const { x, y } = this.known.place!;
    const axes = this.known.axes.name;
    return placeOf(axes === MAP ? { x, y } : { x, y, axes });
  }

  async open(): Promise<void> {
    if (this.info) return;
    try {
      this.info = await this.backend.info();
      this.failure = null;
    } catch (error) {
      this.failure = (error as Error).message;
    }
  }

  /** One at a time, the newest next. */
  want(place: string): void {
    if (place === this.wanted) return;
    this.wanted = place;
    this.latest.want(place);
  }

  look(layer: string, index: number): void {
    // Coming back, the layer's units have names.
    this.wanted = null;
    this.unit = { layer, index };
    this.dreams.forget();
  }

  leaveUnit(): void {
    this.unit = null;
    this.asking?.abort();
    this.dreams.forget();
  }

  /** Fetches the page of the unit that is looked at; meanwhile says what the server does. */
  async fetchUnit(): Promise<void> {
    const { unit } = this;
    this.asking?.abort();
    if (!unit || (this.page?.layer === unit.layer && this.page.index === unit.index)) return;
    const asking = new AbortController();
    this.asking = asking;
    this.pageFailure = null;
    let there = false;
    const asked = this.backend.unit(unit.layer, unit.index, asking.signal).finally(() => (there = true));
    void this.follow(() => !there && !asking.signal.aborted);
    try {
      const page = await asked;
      if (!asking.signal.aborted) this.page = page;
    } catch (error) {
      if (!asking.signal.aborted) this.pageFailure = (error as Error).message;
    }
  }

  private async follow(going: () => boolean): Promise<void> {
    await pause(EVERY);
    while (going()) {
      this.work = await this.backend.work().catch(() => null);
      await pause(EVERY);
    }
    this.work = null;
  }

  /** Begins to read all layers, unless that is under way or done. */
  startDepth(): Promise<void> {
    return this.depth.once(() => this.backend.startDepth());
  }

  /** Another page may have asked for another selection meanwhile: then this one's is no longer there. */
  private readonly own = async (asked: Promise<FindingConcept>): Promise<FindingConcept> => {
    const now = await asked;
    return now.key === this.key ? now : { ...now, state: "none", found: null };
  };

  /** Looks for a selection in the layers; leftOut: 1 for every row that is not in it. */
  seek(leftOut: Uint8Array): Promise<void> {
    if (leftOut === this.sought && this.concept.now?.state !== "none") return Promise.resolve();
    this.sought = leftOut;
    return this.concept.start(async () => {
      const now = await this.backend.startConcept(leftOut);
      if (leftOut === this.sought) this.key = now.key;
      return now;
    });
  }

  write(values: URLSearchParams): void {
    if (this.view !== "strip") values.set("inside", this.view);
    if (this.unit) values.set("unit", `${this.unit.layer}|${this.unit.index}`);
    if (this.from !== "pinned") values.set("follows", this.from);
    if (this.every) values.set("allsteps", "1");
    if (this.column) values.set("read", this.column);
  }

  read(values: URLSearchParams): void {
    this.view = VIEWS.find((v) => v === values.get("inside")) ?? "strip";
    this.maps.read(values);
    const unit = /^(.{1,300})\|(\d{1,7})$/.exec(values.get("unit") ?? "");
    this.unit = unit ? { layer: unit[1]!, index: Number(unit[2]) } : null;
    this.from = values.get("follows") === "cursor" ? "cursor" : "pinned";
    this.every = values.get("allsteps") === "1";
    this.column = values.get("read");
  }
}
