/** Keeps the selection and the pin the same as those of a program that listens: a notebook's widget. */

import type { Backend } from "../backend/backend";
import type { SharedInfo } from "../wire.gen";
import type { Selection } from "./filters.svelte";

/** What of the page is shared. */
export interface Sharer {
  readonly ready: boolean;
  readonly space: { n: number } | null;
  readonly pinnedIndex: number | null;
  readonly filters: { selection: Selection | null; pick(rows: ArrayLike<number>): void };
  pin(row: number): Promise<void>;
  unpin(): void;
}

/** Rows as one bit each, the first in the lowest bit of the first byte. */
export function packed(rows: ArrayLike<number>, n: number): Uint8Array<ArrayBuffer> {
  const bits = new Uint8Array(Math.ceil(n / 8));
  for (let i = 0; i < rows.length; i++) bits[rows[i]! >> 3]! |= 1 << (rows[i]! & 7);
  return bits;
}

export function unpacked(bits: Uint8Array, n: number): Uint32Array {
  const rows: number[] = [];
  for (let i = 0; i < n; i++) if (bits[i >> 3]! & (1 << (i & 7))) rows.push(i);
  return Uint32Array.from(rows);
}

export class Sharing {
  /** What the program said last; null where none listens. */
  private news: SharedInfo | null = $state.raw(null);
  private joined = $state(false);
  private seen = -1;
  private working: Promise<void> = Promise.resolve();
  private selection: Selection | null = null;
  private pinned: number | null = null;

  constructor(
    private readonly page: Sharer,
    private readonly backend: Pick<Backend, "shared">,
  ) {
    $effect.root(() => {
      $effect(() => {
        if (this.news && page.ready) this.next(() => this.take());
      });
      $effect(() => {
        const [selection, pinned] = [page.filters.selection, page.pinnedIndex];
        if (this.joined) this.next(() => this.tell(selection, pinned));
      });
    });
  }

  heard(info: SharedInfo): void {
    this.news = info;
  }

  /** One thing after the other, so that nothing overtakes its own echo. */
  private next(act: () => Promise<void>): void {
    this.working = this.working.then(act).catch(() => undefined);
  }

  /** The program changed something: what it says stands here too. */
  private async take(): Promise<void> {
    const { news, page } = this;
    if (!news || news.serial <= this.seen) return;
    this.seen = news.serial;
    if (news.serial > 0) {
      const rows = news.selected === null ? [] : unpacked(await this.backend.shared.selection(), page.space!.n);
      page.filters.pick(rows);
      this.selection = page.filters.selection;
      this.pinned = news.pinned;
      if (news.pinned === null) page.unpin();
      else if (news.pinned !== page.pinnedIndex) void page.pin(news.pinned);
    }
    this.joined = true;
  }

  private async tell(selection: Selection | null, pinned: number | null): Promise<void> {
    const { shared } = this.backend;
    if (selection !== this.selection) {
      this.selection = selection;
      this.seen = (await shared.select(selection ? packed(selection.rows, this.page.space!.n) : new Uint8Array())).serial;
    }
    if (pinned !== this.pinned) {
      this.pinned = pinned;
      this.seen = (await shared.pin(pinned)).serial;
    }
  }
}
