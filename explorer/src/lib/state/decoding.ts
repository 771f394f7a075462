/** Latest-wins requests for the place under the cursor: one in flight, the newest next, detail after a dwell. */

import type { Decoded } from "../protocol";

export const DWELL = 125;
/** An answer later than this is taken for lost, so that a dropped message cannot stop the page. */
const LOST = 4000;

export interface Place {
  x: number;
  y: number;
}

type Send = (id: number, x: number, y: number, detail: boolean) => void;
interface Wanted extends Place {
  detail: boolean;
}

export class Decoding {
  private next = 1;
  private flying: { id: number; wanted: Wanted; at: number } | null = null;
  private waiting: Wanted | null = null;
  private dwell: ReturnType<typeof setTimeout> | undefined;
  private wanted: Place | null = null;

  constructor(
    private readonly send: Send,
    private readonly show: (decoded: Decoded) => void,
    private readonly clock: () => number = () => performance.now(),
  ) {}

  /** The cursor is here now. */
  at(x: number, y: number): void {
    this.wanted = { x, y };
    this.ask({ x, y, detail: false });
    clearTimeout(this.dwell);
    this.dwell = setTimeout(() => this.ask({ x, y, detail: true }), DWELL);
  }

  /** The cursor has left: nothing is asked any more, and what still comes is not shown. */
  leave(): void {
    clearTimeout(this.dwell);
    this.waiting = null;
    this.wanted = null;
  }

  /** The connection was lost, and with it whatever was asked. */
  reset(): void {
    this.flying = null;
    if (this.wanted) this.at(this.wanted.x, this.wanted.y);
  }

  received(decoded: Decoded): void {
    if (this.flying?.id === decoded.id) this.flying = null;
    if (this.wanted) this.show(decoded);
    this.flush();
  }

  failed(id: number | null): void {
    if (id === null || this.flying?.id === id) this.flying = null;
    this.flush();
  }

  private ask(wanted: Wanted): void {
    this.waiting = wanted;
    this.flush();
  }

  private flush(): void {
    if (!this.waiting) return;
    const now = this.clock();
    if (this.flying && now - this.flying.at < LOST) return;
    const wanted = this.waiting;
    this.waiting = null;
    this.flying = { id: this.next, wanted, at: now };
    this.send(this.next++, wanted.x, wanted.y, wanted.detail);
  }
}
