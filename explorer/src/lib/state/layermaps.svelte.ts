/** A map per layer: which are there, which of them the main map shows, and the walk from one to the next. */

import type { MapPlaces, Networks } from "../backend/networks";
import type { LayerMapInfo, MakingMaps } from "../protocol";
import { LAYER, MAP } from "./axes.svelte";
import { pause, Watched } from "./watched.svelte";

/** How long each map stands while they are played; points take 400 ms of it. */
const STAND = 1700;

interface Axes {
  readonly name: string;
  to(name: string): Promise<void>;
}

export class LayerMaps {
  readonly work: Watched<MakingMaps>;
  places: MapPlaces | null = $state.raw(null);
  playing = $state(false);
  /** What an address names before it is there. */
  wanted: string | null = null;

  constructor(
    private readonly backend: Networks,
    private readonly axes: () => Axes,
  ) {
    this.work = new Watched(() => backend.maps(), () => backend.stopMaps());
  }

  get list(): readonly LayerMapInfo[] {
    return this.work.now?.found?.maps ?? [];
  }

  /** The one that the main map shows, or -1. */
  get at(): number {
    return this.list.findIndex((m) => m.axes === this.axes().name);
  }

  /** Makes them, unless that is under way or done, and shows what an address wanted. */
  async make(): Promise<void> {
    await this.work.once(() => this.backend.startMaps());
    const { found } = this.work.now ?? {};
    if (!found) return;
    this.places ??= await this.backend.mapPlaces(found.placed).catch(() => null);
    const { wanted } = this;
    this.wanted = null;
    if (wanted && wanted !== this.axes().name && this.list.some((m) => m.axes === wanted)) await this.axes().to(wanted);
  }

  async show(index: number): Promise<void> {
    const map = this.list[index];
    await this.axes().to(map ? map.axes : MAP);
  }

  async step(by: number): Promise<void> {
    this.playing = false;
    await this.show(Math.min(Math.max(this.at + by, 0), this.list.length - 1));
  }

  /** From where one is to the last, or from the first again. */
  async play(): Promise<void> {
    if (this.playing) {
      this.playing = false;
      return;
    }
    this.playing = true;
    let next = this.at < 0 || this.at === this.list.length - 1 ? 0 : this.at + 1;
    while (this.playing && next < this.list.length) {
      await this.show(next);
      const shown = next++;
      await pause(STAND);
      // Somebody looks elsewhere meanwhile.
      if (this.at !== shown) break;
    }
    this.playing = false;
  }

  read(values: URLSearchParams): void {
    const axes = values.get("axes");
    this.wanted = axes?.startsWith(LAYER) && axes !== this.axes().name ? axes : null;
  }
}
