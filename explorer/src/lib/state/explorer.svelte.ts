/** The page's state: one object that the panels read and the map writes. */

import type { Backend, Live } from "../backend/backend";
import type { MapController } from "../map/controller";
import { GridIndex } from "../map/grid";
import { select } from "../map/lasso";
import type { Content, Decoded, Item, Session, SpaceInfo } from "../protocol";
import { Address, type Part } from "./address.svelte";
import { Anchors, type Anchor } from "./anchors.svelte";
import { AxesState, MAP } from "./axes.svelte";
import { ColourState } from "./colour.svelte";
import { CompareState } from "./compare.svelte";
import { Columns } from "./columns";
import { DecisionsState } from "./decisions.svelte";
import { Decoding } from "./decoding";
import { Directions } from "./directions.svelte";
import { Filters } from "./filters.svelte";
import { Layers } from "./layers.svelte";
import { Mix } from "./mix.svelte";
import { NetworkState } from "./network.svelte";
import { Paths } from "./paths.svelte";
import { Sharing } from "./sharing.svelte";
import { Shown } from "./shown.svelte";
import { TrainingState } from "./training.svelte";

/** Centre of the view, and pixels a unit. */
export interface Look {
  cx: number;
  cy: number;
  scale: number;
}

/** Where a menu was asked for: on the screen, on the map, and the row that lies there or -1. */
export interface MenuPlace {
  px: number;
  py: number;
  x: number;
  y: number;
  row: number;
}

export type Tool = "pan" | "lasso" | "box";
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
  /** Where each row is on the screen: on the axes of the moment. */
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
  menu: MenuPlace | null = $state.raw(null);
  help = $state(false);
  /** Asks the search field for the keyboard. */
  searching = $state(false);
  /** Whether it is asked if a fit under way should be left. */
  leaving = $state(false);
  /** The drawer's open panel. */
  drawer: string | null = $state(null);
  /** How much of the map it covers, in pixels. */
  drawerHeight = $state(0);
  left = $state(true);
  right = $state(true);
  theme: "auto" | "light" | "dark" = $state("auto");
  /** Counts theme changes, whoever made them. */
  themed = $state(0);

  /** Where the map is looked at from; null: everything is in sight. */
  look: Look | null = $state.raw(null);

  readonly columns: Columns;
  readonly colour: ColourState;
  readonly filters: Filters;
  readonly axes: AxesState;
  readonly anchors = new Anchors(() => this.space?.n ?? 0);
  readonly paths: Paths;
  readonly shown = new Shown();
  readonly layers: Layers;
  readonly directions: Directions;
  readonly compare: CompareState;
  /** The second map, while it is in sight. */
  besideMap: MapController | null = null;
  readonly mix: Mix;
  readonly network: NetworkState;
  readonly decisions: DecisionsState;
  readonly address: Address;
  readonly training = new TrainingState();
  private readonly sharing: Sharing;
  private readonly decoding: Decoding;
  private live: Live | null = null;
  private pinning: AbortController | null = null;
  private loading = false;
  private readonly contents = new Map<number, Promise<Content>>();

  constructor(readonly backend: Backend) {
    this.columns = new Columns(backend);
    this.colour = new ColourState(this.columns, () => this.space);
    this.filters = new Filters(this.columns, () => this.space?.columns ?? []);
    this.axes = new AxesState(backend, () => this.space, (positions) => this.lay(positions), (sentence) => (this.remark = sentence));
    this.filters.resolve("lasso", (words) => this.caught(words));
    this.filters.resolve("search", (text) => this.backend.searchRows(text));
    this.layers = new Layers(backend, (sentence) => (this.remark = sentence));
    this.filters.resolve("region", (words) => this.layers.rowsOf(Number(words)));
    this.paths = new Paths(this);
    this.directions = new Directions(this);
    this.compare = new CompareState(backend.comparisons);
    this.filters.resolve("beside", (words) => this.compare.inside(words.split(",").map(Number)));
    this.mix = new Mix(backend, this);
    this.network = new NetworkState(backend.networks, this);
    this.decisions = new DecisionsState(backend.deciding);
    const { frame, looked, marked } = parts(this);
    this.address = new Address([this.axes, this.directions, this.colour, this.filters, marked, this.anchors, this.paths, this.mix, this.network, this.decisions, this.shown, frame, looked]);
    frame.read(new URLSearchParams(location.hash.slice(1)));
    this.sharing = new Sharing(this, backend);
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
      shared: (info) => this.sharing.heard(info),
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
    // The page holds much of one space; for another one it begins anew, with nothing but its theme.
    if (this.session && this.session.phase !== "idle" && this.session.serial !== session.serial) {
      history.replaceState(null, "", location.pathname + location.search + (this.theme === "auto" ? "" : `#theme=${this.theme}`));
      location.reload();
      return;
    }
    this.session = session;
    this.failure = null;
    this.training.heard(session);
    document.title = session.phase === "idle" ? "deepspace" : session.phase === "ready" ? `${session.name} · deepspace` : `${session.phase} · ${session.name}`;
    if (session.phase === "ready" && !this.space) void this.load();
  }

  private async load(): Promise<void> {
    if (this.loading) return;
    this.loading = true;
    try {
      const [space, positions] = await Promise.all([this.backend.space(), this.axes.positions(MAP)]);
      if (positions.length !== 2 * space.n) {
        throw new Error(`The map holds ${positions.length / 2} places for ${space.n} rows; open the space again.`);
      }
      this.filters.n = space.n;
      this.space = space;
      // Shown once all of what the address says is there, colours too.
      const fresh = !location.hash || /^#theme=\w+$/.test(location.hash);
      await this.address.start();
      this.positions = this.grid!.positions;
      if (fresh) void this.greet();
    } catch (error) {
      this.failure = (error as Error).message;
    } finally {
      this.loading = false;
    }
  }

  /** Whoever named a predictor came to see how it decides. */
  private async greet(): Promise<void> {
    await this.decisions.open();
    const { predictor } = this.decisions;
    if (!predictor || this.drawer) return;
    this.drawer = "decisions";
    await this.colourBy(predictor.decision);
  }

  /** Puts the rows where other axes have them. What is chosen and coloured stays; the cursor was at another place. */
  private lay(positions: Float32Array): void {
    this.grid = new GridIndex(positions);
    if (this.ready) this.positions = positions;
    this.release();
    this.leave();
    this.place = null;
    this.decoded = null;
    this.detail = null;
    this.look = null;
  }

  openDrawer(id: string | null): void {
    this.drawer = id;
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
  }

  async colourBy(index: number): Promise<void> {
    const info = this.space?.columns.find((c) => c.index === index);
    if (!info) return;
    await this.colour.by(info);
  }

  /** The rows inside an outline on the map, in its coordinates. */
  lasso(outline: readonly number[]): void {
    this.tool = "pan";
    if (!this.grid) return;
    // Rounded as the address writes it, so that a shared address selects the same rows.
    const corners = outline.map((v) => Number(v.toPrecision(5)));
    const rows = select(this.grid, corners);
    const on = this.axes.name === MAP ? "" : `@${this.axes.name}`;
    this.filters.selection = rows.length ? { rows, from: `lasso:${corners.join(",")}${on}` } : null;
  }

  /** The rows that an outline caught, on the axes on which it was drawn: `x,y,...` or `x,y,...@pca`. */
  private async caught(words: string): Promise<Uint32Array> {
    const [corners, ...rest] = words.split("@");
    const axes = rest.join("@") || MAP;
    const grid = this.grid && axes === this.axes.name ? this.grid : new GridIndex(await this.axes.positions(axes));
    return select(grid, corners!.split(",").map(Number));
  }

  /** A place of the screen, and the axes it lies on. */
  here(x: number, y: number): Place & { axes?: string } {
    return this.axes.name === MAP ? { x, y } : { x, y, axes: this.axes.name };
  }

  /** The rows of a region of the map, or no longer. */
  async chooseRegion(index: number): Promise<void> {
    const from = `region:${index}`;
    if (this.filters.selection?.from === from) {
      this.filters.selection = null;
      return;
    }
    const rows = await this.layers.rowsOf(index).catch(() => null);
    if (rows) this.filters.selection = { rows, from };
  }

  /** The rows inside an outline on the second map. */
  async lassoBeside(outline: readonly number[]): Promise<void> {
    this.tool = "pan";
    const corners = outline.map((v) => Number(v.toPrecision(5)));
    const rows = await this.compare.inside(corners);
    this.filters.selection = rows?.length ? { rows, from: `beside:${corners.join(",")}` } : null;
  }

  /** Whether a second map stands beside the first. */
  get besides(): boolean {
    return this.drawer === "compare" && this.compare.ready;
  }

  /** The place of the cursor joins the anchors; where there are none, the pinned item goes before it. */
  toAnchors(): boolean {
    const here = this.hover >= 0 ? { row: this.hover } : this.place && this.here(this.place.x, this.place.y);
    if (!here) return false;
    if (!this.anchors.list.length && this.pinnedIndex !== null) this.anchors.add({ row: this.pinnedIndex });
    this.mark(here);
    return true;
  }

  /** A path of its own from the pinned item. */
  pathFromPinned(to: Anchor): void {
    this.anchors.clear();
    this.anchors.add({ row: this.pinnedIndex! });
    this.mark(to);
  }

  /** A row and the rows nearest to it in the latent space become the selection. */
  async selectLike(row: number): Promise<void> {
    try {
      const item = await this.backend.item(row);
      this.filters.pick([row, ...item.neighbours.map((n) => n.index)]);
    } catch (error) {
      this.remark = (error as Error).message;
    }
  }

  /** A place joins the anchors; from the second on there is a path to see. */
  mark(anchor: Anchor): void {
    this.anchors.add(anchor);
    if (this.anchors.list.length > 1) this.drawer ??= "paths";
  }

  /** One step back: what was done last and weighs least. */
  escape(): void {
    if (this.menu) this.menu = null;
    else if (this.help) this.help = false;
    else if (this.tool !== "pan") this.tool = "pan";
    else if (this.held || this.keyboard) this.release();
    else if (this.filters.selection) this.filters.selection = null;
    else if (this.filters.any) this.filters.clear();
    else if (this.pinnedIndex !== null) this.unpin();
    else this.remark = null;
  }

  /** To the start page, from a space at once, from a fit when that is confirmed. */
  toStart(): void {
    if (this.phase === "ready" || this.phase === "failed") void this.leaveSession();
    else this.leaving = true;
  }

  async leaveSession(): Promise<void> {
    try {
      await this.backend.desk.leave();
    } catch (error) {
      this.remark = (error as Error).message;
    }
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
    return !this.filters.context?.[index];
  }

  setTheme(theme: "auto" | "light" | "dark"): void {
    this.theme = theme;
  }

  toggleTheme(): void {
    const dark =
      this.theme === "dark" || (this.theme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
    this.setTheme(dark ? "light" : "dark");
  }
}

/** The shares of the address that belong to the page itself. */
function parts(explorer: Explorer): Record<"frame" | "looked" | "marked", Part> {
  return {
    frame: {
      quiet: true,
      write(values) {
        if (explorer.drawer) values.set("drawer", explorer.drawer);
        if (explorer.theme !== "auto") values.set("theme", explorer.theme);
      },
      read(values) {
        const [drawer, theme] = [values.get("drawer"), values.get("theme")];
        explorer.drawer = drawer !== null && /^[a-z]{1,20}$/.test(drawer) ? drawer : null;
        explorer.theme = theme === "light" || theme === "dark" ? theme : "auto";
      },
    },
    looked: {
      quiet: true,
      write(values) {
        const { look } = explorer;
        if (look) values.set("view", [look.cx, look.cy, look.scale].map((v) => Number(v.toPrecision(5))).join(","));
      },
      read(values) {
        const [cx, cy, scale] = (values.get("view") ?? "").split(",").map(Number);
        explorer.look = Number.isFinite(cx) && Number.isFinite(cy) && scale! > 0 ? { cx: cx!, cy: cy!, scale: scale! } : null;
      },
    },
    marked: {
      write(values) {
        const { pinnedIndex, held, place } = explorer;
        if (pinnedIndex !== null) values.set("pin", String(pinnedIndex));
        if (held && place) values.set("at", [place.x, place.y].map((v) => Number(v.toPrecision(6))).join(","));
      },
      read(values) {
        const pin = values.get("pin") ?? "";
        const row = /^\d{1,10}$/.test(pin) ? Number(pin) : -1;
        if (row >= 0 && row < explorer.space!.n) {
          if (row !== explorer.pinnedIndex) void explorer.pin(row);
        } else if (explorer.pinnedIndex !== null) explorer.unpin();
        const [x, y] = (values.get("at") ?? "").split(",").map(Number);
        if (Number.isFinite(x) && Number.isFinite(y)) explorer.hold(x!, y!);
        else if (explorer.held) explorer.release();
      },
    },
  };
}
