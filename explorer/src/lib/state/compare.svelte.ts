/** The second space beside the first: asked for, watched, then walked under the same cursor. */

import type { Comparisons } from "../backend/comparisons";
import { GridIndex } from "../map/grid";
import { select } from "../map/lasso";
import type { Beside, ComparedItem, Comparing } from "../protocol";

/** How often a comparison under way is asked how far it is. */
const EVERY = 350;
/** A hovered row is compared once the cursor rests on it. */
const REST = 140;

export class CompareState {
  comparing: Comparing | null = $state.raw(null);
  failure: string | null = $state(null);
  /** Where the second space's map has the rows. */
  positions: Float32Array | null = $state.raw(null);
  grid: GridIndex | null = $state.raw(null);
  item: ComparedItem | null = $state.raw(null);
  /** What the second space makes of the place under the cursor on its map. */
  beside: Beside | null = $state.raw(null);
  private asking: AbortController | null = null;
  private looking: AbortController | null = null;
  private wanted: [number, number] | null = null;
  private resting: ReturnType<typeof setTimeout> | undefined;
  private watching: Promise<void> | null = null;

  constructor(private readonly backend: Comparisons) {}

  readonly found = $derived(this.comparing?.found ?? null);
  readonly ready = $derived(this.found !== null && this.positions !== null);

  /** Ask how far it is; where the second space lies on the disk already, fetch it. */
  async open(): Promise<void> {
    if (this.watching || this.ready) return this.watching ?? undefined;
    await this.try(async () => {
      this.comparing = await this.backend.state();
    });
    if (this.comparing?.kept || this.comparing?.state === "making" || this.comparing?.state === "ready") await this.start();
  }

  start(): Promise<void> {
    this.watching ??= this.watch().finally(() => (this.watching = null));
    return this.watching;
  }

  private async watch(): Promise<void> {
    await this.try(async () => {
      this.comparing = await this.backend.start();
      while (this.comparing?.state === "making") {
        await new Promise((done) => setTimeout(done, EVERY));
        this.comparing = await this.backend.state();
      }
      if (this.comparing?.state !== "ready") return;
      const positions = await this.backend.positions();
      this.grid = new GridIndex(positions);
      this.positions = positions;
    });
  }

  async stop(): Promise<void> {
    await this.try(async () => {
      this.comparing = await this.backend.stop();
    });
  }

  private async try(what: () => Promise<void>): Promise<void> {
    try {
      this.failure = null;
      await what();
    } catch (error) {
      this.failure = (error as Error).message;
    }
  }

  /** The rows inside an outline on the second map; asked for by a shared address, too. */
  async inside(corners: readonly number[]): Promise<Uint32Array | null> {
    await this.open();
    return this.grid ? select(this.grid, corners) : null;
  }

  /** Compare a row; at once when it is pinned, after a rest when the cursor only passes. */
  row(index: number | null, rest: boolean): void {
    clearTimeout(this.resting);
    this.asking?.abort();
    if (!this.ready || index === null || index === this.item?.index) return;
    this.resting = setTimeout(() => void this.ask(index), rest ? REST : 0);
  }

  private async ask(index: number): Promise<void> {
    const asking = new AbortController();
    this.asking = asking;
    try {
      const item = await this.backend.item(index, asking.signal);
      if (!asking.signal.aborted) this.item = item;
      this.failure = null;
    } catch (error) {
      if (!asking.signal.aborted) this.failure = (error as Error).message;
    }
  }

  /** Look at a place of the second map: one request at a time, then the newest. */
  lookAt(x: number, y: number): void {
    this.wanted = [x, y];
    if (!this.looking) void this.look();
  }

  leave(): void {
    this.wanted = null;
    this.looking?.abort();
    this.beside = null;
  }

  private async look(): Promise<void> {
    while (this.wanted) {
      const [x, y] = this.wanted;
      this.wanted = null;
      const looking = new AbortController();
      this.looking = looking;
      try {
        const beside = await this.backend.decode(x, y, looking.signal);
        if (!looking.signal.aborted) this.beside = beside;
      } catch (error) {
        if (!looking.signal.aborted) this.failure = (error as Error).message;
      }
    }
    this.looking = null;
  }
}
