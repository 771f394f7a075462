/** The page's state: one object that the panels read and the map writes. */

import type { Backend, Live } from "./backend/backend";
import { Decoding } from "./decoding";
import { GridIndex } from "./map/grid";
import type { Content, Decoded, Item, Session, SpaceInfo } from "./protocol";
import { ColourState, firstColumn } from "./state-colour.svelte";
import { TrainingState } from "./state-training.svelte";
import { readAddress, writeAddress } from "./address";

export type Tool = "pan" | "lasso";
export interface Place {
  x: number;
  y: number;
}

export class Explorer {
  session: Session | null = $state.raw(null);
  connected = $state(false);
  everConnected = $state(false);
  /** A sentence when the page cannot go on. */
  failure: string | null = $state(null);
  /** A passing remark of the server. */
  remark: string | null = $state(null);

  space: SpaceInfo | null = $state.raw(null);
  positions: Float32Array | null = $state.raw(null);
  grid: GridIndex | null = $state.raw(null);

  /** The place that is being decoded. */
  place: Place | null = $state.raw(null);
  held = $state(false);
  keyboard = $state(false);
  hover = $state(-1);
  decoded: Decoded | null = $state.raw(null);
  /** The last answer that came with neighbours. */
  detail: Decoded | null = $state.raw(null);
  decodes = 0;

  pinned: Item | null = $state.raw(null);
  pinnedIndex: number | null = $state(null);
  pinFailure: string | null = $state(null);

  tool: Tool = $state("pan");
  pictures = $state(false);
  /** Whether generated items lie over the map in a grid. */
  generated = $state(false);
  help = $state(false);
  /** The drawer's open panel. */
  drawer: string | null = $state(null);
  left = $state(true);
  right = $state(true);
  theme: "auto" | "light" | "dark" = $state("auto");
  /** Counts theme changes, whoever made them. */
  themed = $state(0);

  readonly colour: ColourState;
  readonly training = new TrainingState();
  private readonly decoding: Decoding;
  private live: Live | null = null;
  private pinning: AbortController | null = null;
  private loading = false;
  private readonly contents = new Map<number, Promise<Content>>();

  constructor(readonly backend: Backend) {
    this.colour = new ColourState(backend);
    this.theme = readAddress().theme ?? "auto";
    this.decoding = new Decoding(
      (id, x, y, detail) => this.live?.decode(id, x, y, detail),
      (decoded) => {
        this.decodes++;
        this.decoded = decoded;
        if (decoded.neighbours) this.detail = decoded;
      },
    );
  }

  readonly phase = $derived(this.session?.phase ?? "loading");
  readonly ready = $derived(this.space !== null && this.positions !== null);

  start(): void {
    this.live = this.backend.connect({
      session: (session) => this.heard(session),
      preview: (preview) => (this.training.preview = preview),
      decoded: (decoded) => this.decoding.received(decoded),
      failed: (sentence, id) => {
        this.remark = sentence;
        this.decoding.failed(id);
      },
      connected: (is) => {
        this.connected = is;
        if (is) {
          this.everConnected = true;
          this.decoding.reset();
        }
      },
    });
    this.backend.session().then(
      (session) => this.session ?? this.heard(session),
      (error: Error) => (this.everConnected ? null : (this.failure = error.message)),
    );
  }

  private heard(session: Session): void {
    this.session = session;
    this.failure = null;
    this.training.heard(session);
    document.title = session.phase === "ready" ? `${session.name} · deepspace` : `${session.phase} · ${session.name}`;
    if (session.phase === "ready" && !this.space) void this.load();
  }

  private async load(): Promise<void> {
    if (this.loading) return;
    this.loading = true;
    try {
      const [space, positions] = await Promise.all([this.backend.space(), this.backend.positions()]);
      if (positions.length !== 2 * space.n) {
        throw new Error(`The map holds ${positions.length / 2} places for ${space.n} rows; open the space again.`);
      }
      const address = readAddress();
      this.grid = new GridIndex(positions);
      const first = firstColumn(space, address.colour);
      if (first) await this.colour.by(first);
      else this.colour.plain(space.n);
      this.positions = positions;
      this.space = space;
      this.drawer = address.drawer;
      if (address.pin !== null && address.pin < space.n) void this.pin(address.pin);
    } catch (error) {
      this.failure = (error as Error).message;
    } finally {
      this.loading = false;
    }
  }

  openDrawer(id: string | null): void {
    this.drawer = id;
    writeAddress({ drawer: id });
  }

  /** Look at a place of the map: what does it decode to? */
  lookAt(x: number, y: number): void {
    if (!this.space) return;
    this.place = { x, y };
    this.decoding.at(x, y);
  }

  leave(): void {
    this.hover = -1;
    if (!this.held && !this.keyboard) this.decoding.leave();
  }

  hold(x: number, y: number): void {
    this.lookAt(x, y);
    this.held = true;
  }

  release(): void {
    this.held = false;
    this.keyboard = false;
  }

  async pin(index: number): Promise<void> {
    this.pinning?.abort();
    const pinning = new AbortController();
    this.pinning = pinning;
    this.pinnedIndex = index;
    this.pinFailure = null;
    writeAddress({ pin: index });
    try {
      const item = await this.backend.item(index, pinning.signal);
      if (!pinning.signal.aborted) this.pinned = item;
    } catch (error) {
      if (pinning.signal.aborted) return;
      this.pinned = null;
      this.pinFailure = (error as Error).message;
    }
  }

  unpin(): void {
    this.pinning?.abort();
    this.pinned = null;
    this.pinnedIndex = null;
    this.pinFailure = null;
    writeAddress({ pin: null });
  }

  async colourBy(index: number): Promise<void> {
    const info = this.space?.columns.find((c) => c.index === index);
    if (!info) return;
    await this.colour.by(info);
    writeAddress({ colour: info.name });
  }

  select(rows: Uint32Array | null): void {
    this.colour.selection = rows;
    this.tool = "pan";
  }

  /** One step back: what was done last and weighs least. */
  escape(): void {
    if (this.help) this.help = false;
    else if (this.tool === "lasso") this.tool = "pan";
    else if (this.held || this.keyboard) this.release();
    else if (this.colour.selection) this.colour.selection = null;
    else if (this.colour.filtered) this.colour.clearFilter();
    else if (this.pinnedIndex !== null) this.unpin();
    else this.remark = null;
  }

  stopFit(): void {
    this.training.stopping = true;
    this.live?.stop();
  }

  /** A real row's own content, fetched once. */
  content(index: number): Promise<Content> {
    let kept = this.contents.get(index);
    if (!kept) {
      if (this.contents.size > 400) this.contents.clear();
      kept = this.backend.content(index);
      kept.catch(() => this.contents.delete(index));
      this.contents.set(index, kept);
    }
    return kept;
  }

  /** Does this row count, or is it context only? */
  counts(index: number): boolean {
    return this.colour.context?.[index] !== 1;
  }

  setTheme(theme: "auto" | "light" | "dark"): void {
    this.theme = theme;
    writeAddress({ theme: theme === "auto" ? null : theme });
  }

  toggleTheme(): void {
    const dark =
      this.theme === "dark" || (this.theme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
    this.setTheme(dark ? "light" : "dark");
  }
}
