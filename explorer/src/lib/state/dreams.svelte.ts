/** What a unit looks for, made up in more than one way, one after the other. */

import type { Networks } from "../backend/networks";
import type { Dream } from "../protocol";

export type Way = Dream["through"];
export interface Made { way: Way; dream: Dream | null; failure: string | null }

export class Dreams {
  made: readonly Made[] = $state.raw([]);
  /** What is being made. */
  doing: Way | null = $state(null);
  private asking: AbortController | null = null;

  constructor(private readonly backend: Networks) {}

  async make(layer: string, index: number, ways: readonly Way[]): Promise<void> {
    this.forget();
    const asking = new AbortController();
    this.asking = asking;
    for (const way of ways) {
      this.doing = way;
      const made: Made = { way, dream: null, failure: null };
      try {
        made.dream = await this.backend.dream(layer, index, way, asking.signal);
      } catch (error) {
        made.failure = (error as Error).message;
      }
      if (asking.signal.aborted) return;
      this.made = [...this.made, made];
    }
    this.doing = null;
  }

  forget(): void {
    this.asking?.abort();
    this.made = [];
    this.doing = null;
  }
}
