/** The state in the address: #colour=class&pin=12. Back and forward are undo and redo. */

/** A share of the state that the address holds. Both ends use the same names, and leave others alone. */
export interface Part {
  write(values: URLSearchParams): void;
  /** Take over what an address says; what it does not name goes back to its default. */
  read(values: URLSearchParams): void | Promise<void>;
  /** Kept in the address, but no step to undo: how one looks, not what one did. */
  quiet?: boolean;
}

/** Changes of the same things that follow one another faster than this are one step, as a brush over a histogram is. */
const STEP = 500;

/** As URLSearchParams writes it, but for signs that an address may hold as they are. */
function plainly(values: URLSearchParams): string {
  return values.toString().replace(/%(3A|2C|3B|40|7C|2F)/g, (code) => decodeURIComponent(code));
}

/** Which values differ between two hashes. */
function namesOfChange(before: string, after: string): string {
  const [a, b] = [new URLSearchParams(before), new URLSearchParams(after)];
  return [...new Set([...a.keys(), ...b.keys()])].filter((name) => a.get(name) !== b.get(name)).sort().join();
}

const hash = (): string => location.hash.replace(/^#/, "");

export class Address {
  private live = $state(false);
  private depth = $state(0);
  private deepest = $state(0);
  private loud = "";
  private stepped = -Infinity;
  private changed = "";
  private reading = 0;

  private readonly parts: readonly Part[];
  private readonly text: string = $derived.by(() => this.said(this.parts));
  private readonly louder: string = $derived.by(() => this.said(this.parts.filter((p) => !p.quiet)));
  readonly canUndo: boolean = $derived(this.depth > 0);
  readonly canRedo: boolean = $derived(this.depth < this.deepest);

  constructor(parts: readonly Part[]) {
    this.parts = parts;
  }

  private said(parts: readonly Part[]): string {
    const values = new URLSearchParams();
    for (const part of parts) part.write(values);
    return plainly(values);
  }

  /** Take over what the address says, and from now on keep it up to date. Ends with the page. */
  async start(): Promise<void> {
    this.depth = this.deepest = Number((history.state as { depth?: number } | null)?.depth ?? 0);
    await this.read();
    this.loud = this.louder;
    addEventListener("popstate", (event) => {
      this.depth = Number((event.state as { depth?: number } | null)?.depth ?? 0);
      this.deepest = Math.max(this.deepest, this.depth);
      void this.read();
    });
    addEventListener("hashchange", () => {
      if (hash() !== this.text) void this.read();
    });
    this.live = true;
    $effect.root(() => {
      $effect(() => {
        if (this.live) this.keep(this.text, this.louder);
      });
    });
  }

  private async read(): Promise<void> {
    const values = new URLSearchParams(hash());
    const turn = ++this.reading;
    for (const part of this.parts) await part.read(values);
    if (turn !== this.reading) return;
    // What was read is no step of its own.
    this.loud = this.louder;
  }

  private keep(text: string, loud: string): void {
    if (text === hash()) {
      this.loud = loud;
      return;
    }
    const now = performance.now();
    const changed = namesOfChange(this.loud, loud);
    const step = changed !== "" && (changed !== this.changed || now - this.stepped > STEP);
    if (changed) [this.stepped, this.changed] = [now, changed];
    this.loud = loud;
    const url = text ? `#${text}` : location.pathname + location.search;
    if (step) {
      this.deepest = ++this.depth;
      history.pushState({ depth: this.depth }, "", url);
    } else history.replaceState({ depth: this.depth }, "", url);
  }

  undo(): void {
    if (this.canUndo) history.back();
  }

  redo(): void {
    if (this.canRedo) history.forward();
  }
}
