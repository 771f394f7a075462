/** What the layers over the map show: fetched when one is first looked at, and then kept. */

import type { Backend, Presence, Density, Sureness } from "../backend/backend";
import type { RegionInfo, Regions } from "../protocol";

export class Layers {
  density: Density | null = $state.raw(null);
  presence: Presence | null = $state.raw(null);
  sureness: Sureness | null = $state.raw(null);
  regions: Regions | null = $state.raw(null);
  /** Of each row, how far its colour is suppressed, 0..3; null: not at all. */
  levels: Uint8Array | null = $state.raw(null);
  /** Drawn of late: segments a contour, and the regions whose names have room. */
  segments: number[] = [];
  named: number[] = [];
  /** How often the contours were drawn anew. */
  drawings = 0;
  private readonly asked = new Map<string, Promise<unknown>>();

  constructor(
    private readonly backend: Backend,
    private readonly failed: (sentence: string) => void,
  ) {}

  /** Once; after a failure again when it is asked for again. */
  private once<T>(name: string, fetch: () => Promise<T>): Promise<T> {
    let asked = this.asked.get(name) as Promise<T> | undefined;
    if (!asked) {
      asked = fetch();
      asked.catch((error: Error) => {
        this.asked.delete(name);
        this.failed(error.message);
      });
      this.asked.set(name, asked);
    }
    return asked;
  }

  needDensity(): void {
    void this.once("density", async () => (this.density = await this.backend.density())).catch(() => undefined);
  }

  needPresence(): void {
    void this.once("presence", async () => (this.presence = await this.backend.presence())).catch(() => undefined);
  }

  needSureness(): void {
    void this.once("sureness", async () => (this.sureness = await this.backend.sureness())).catch(() => undefined);
  }

  needRegions(): void {
    void this.once("regions", async () => (this.regions = await this.backend.regions())).catch(() => undefined);
  }

  /** The rows of a region, ascending; null where there is no such region. */
  async rowsOf(index: number): Promise<Uint32Array | null> {
    const of = await this.once("rows", () => this.backend.regionOf());
    const rows: number[] = [];
    for (let i = 0; i < of.length; i++) if (of[i] === index) rows.push(i);
    return index >= 0 && rows.length ? Uint32Array.from(rows) : null;
  }
}

/** What a region is called: its traits in short, or that it has none. */
export const calledOf = (region: RegionInfo): string => region.label || `like row ${region.exemplar.toLocaleString("en-GB")}`;
