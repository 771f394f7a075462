/** A space made up inside the page, to look at and to work on panels without a server: `?fixture=image`. */

import type {
  AxesInfo, ColumnInfo, Content, Decoded, Direction, DirectionFilm, DirectionRequest, FactorNames, Factors, Film, Frames, Health,
  Item, LocalFactor, Mixed, Regions, Session, SpaceInfo, Sum, Way, Ways, Uncovered,
} from "../protocol";
import { FixtureDesk } from "../start/fixture";
import { anchorOf } from "../state/anchors.svelte";
import type { Backend, ColumnData, Live, LiveHandlers } from "./backend";
import { MadeDirections } from "./fixture-directions";
import { FixtureComparisons } from "./comparisons";
import { FixtureDeciding } from "./decisions";
import { FixtureNetworks } from "./networks";

const KINDS = 6;
const SIDE = 16;
const LENGTH = 96;

/** Deterministic noise in 0..1. */
function noise(i: number): number {
  const s = Math.sin(i * 127.1 + 311.7) * 43758.5453;
  return s - Math.floor(s);
}

function normal(i: number): number {
  return Math.sqrt(-2 * Math.log(noise(i) + 1e-9)) * Math.cos(2 * Math.PI * noise(i + 0.5));
}

export class FixtureBackend implements Backend {
  readonly desk = new FixtureDesk();
  readonly shared = {
    selection: async () => new Uint8Array(),
    select: async () => ({ type: "shared" as const, serial: 0, selected: null, pinned: null }),
    pin: async () => ({ type: "shared" as const, serial: 0, selected: null, pinned: null }),
  };
  private readonly map: Float32Array;
  private places: Float32Array;
  private shown = "";
  private readonly kinds: Uint8Array;
  readonly comparisons: FixtureComparisons;
  readonly networks = new FixtureNetworks();
  readonly deciding = new FixtureDeciding();

  constructor(
    private readonly modality: string,
    private readonly n = 1200,
    private readonly fitting = false,
  ) {
    this.map = this.places = new Float32Array(n * 2);
    this.kinds = new Uint8Array(n);
    this.comparisons = new FixtureComparisons(this.places, (x, y) => this.at(x, y), (x, y, k) => this.near(x, y, k));
    for (let i = 0; i < n; i++) {
      const k = Math.floor(noise(i + 9000) * KINDS);
      const a = (k / KINDS) * 2 * Math.PI;
      this.kinds[i] = k;
      this.places[2 * i] = Math.cos(a) * 4 + normal(i * 3.1) * (0.7 + 0.1 * k);
      this.places[2 * i + 1] = Math.sin(a) * 3 + normal(i * 5.7 + 1) * 0.7;
    }
  }

  async session(): Promise<Session> {
    const phase = this.modality === "start" ? "idle" : this.fitting ? "training" : "ready";
    return { type: "session", phase, name: `fixture ${this.modality}`, modality: this.modality, version: "fixture", notes: [], canStop: true, desk: phase === "idle", serial: 0 };
  }

  private columns(): ColumnInfo[] {
    const base = { role: "metadata", categories: null, counts: null, missing: 0 };
    const counts = new Array<number>(KINDS).fill(0);
    for (const k of this.kinds) counts[k]!++;
    return [
      { ...base, index: 0, name: "kind", kind: "categorical", role: "target", group: "column", encoding: "u8", categories: [..."abcdef"], counts, minimum: null, maximum: null },
      { ...base, index: 1, name: "height", kind: "numeric", group: "column", encoding: "f32", minimum: -6, maximum: 6 },
      { ...base, index: 3, name: "weight", kind: "numeric", group: "column", encoding: "f32", minimum: 0, maximum: 1 },
      { ...base, index: 2, name: "reconstruction_error", kind: "numeric", role: "figure", group: "figure", encoding: "f32", minimum: 0, maximum: 1 },
    ];
  }

  async space(): Promise<SpaceInfo> {
    const item: SpaceInfo["item"] =
      this.modality === "image" ? { modality: "image", width: SIDE, height: SIDE, channels: 1 }
      : this.modality === "signal" ? { modality: "signal", channels: 2, length: LENGTH, channelNames: ["left", "right"] }
      : this.modality === "table" ? { modality: "table", fields: [{ name: "age", kind: "integer", unit: null }, { name: "income", kind: "numeric", unit: null }, { name: "housing", kind: "categorical", unit: null }] }
      : { modality: "vector", dim: 64 };
    return {
      name: `fixture ${this.modality}`, modality: this.modality, n: this.n, latentDim: 8, decodes: true, columns: this.columns(), item,
      map: { bounds: [-7, -6, 7, 6], trustworthiness: 0.968, continuity: 0.981, n: 1000, k: 15 },
      health: [], source: "made up in the page", notes: [], measures: {}, sprites: null, defaultColour: 0,
    };
  }

  get axes() { return this.shown; }
  set axes(name: string) {
    this.shown = name;
    this.places = this.onAxes(name);
  }

  /** The map turned and bent by the axes' name; a tenth of the rows lacks a value of "my columns". */
  private onAxes(name: string): Float32Array {
    if (name === "map") return this.map;
    const turn = [...name].reduce((sum, c) => sum + c.charCodeAt(0), 0);
    return this.map.map((_, k) => {
      const i = k >> 1;
      const [x, y] = [this.map[2 * i]!, this.map[2 * i + 1]!];
      if (name.startsWith("columns") && noise(i + 77) < 0.1) return NaN;
      return k % 2 ? y * Math.cos(turn) - x * Math.sin(turn) : x * Math.cos(turn) + y * Math.sin(turn) + Math.sin(y);
    });
  }

  async positions(axes: string) { return this.onAxes(axes).slice(); }

  async describe(name: string): Promise<AxesInfo> {
    const [kind, pair] = name.split(":") as [AxesInfo["kind"], string | undefined];
    const own = kind === "columns";
    const labels = kind === "pca" ? ["component 1", "component 2"] : pair!.split(",").map((p) => (own ? p : `dimension ${p}`));
    const axis = (label: string, i: number) => ({ label, kind: "numeric", origin: own ? 50 : 0, unit: own ? 5 : 1, explained: own ? null : [0.31, 0.19][i]! });
    const placed = this.onAxes(name).filter((v, k) => k % 2 === 0 && Number.isFinite(v)).length;
    return {
      name, kind, axes: [axis(labels[0]!, 0), axis(labels[1]!, 1)], exact: !own, placed, bounds: [-8, -8, 8, 8],
      trustworthiness: 0.88, continuity: 0.93, n: 1000, k: 5,
    };
  }

  async column(info: ColumnInfo): Promise<ColumnData> {
    if (info.index === 0) return this.kinds.slice();
    return Float32Array.from({ length: this.n }, (_, i) => (info.index === 1 ? this.map[2 * i + 1]! : noise(i)));
  }

  private at(x: number, y: number): Content {
    if (this.modality === "image") {
      const pixels = new Uint8Array(SIDE * SIDE);
      for (let p = 0; p < pixels.length; p++) {
        const [u, v] = [(p % SIDE) / SIDE - 0.5, Math.floor(p / SIDE) / SIDE - 0.5];
        pixels[p] = 255 * Math.exp(-(((Math.hypot(u * (1 + x / 9), v) - 0.22 - y / 40) * 12) ** 2));
      }
      return { kind: "image", width: SIDE, height: SIDE, channels: 1, pixels };
    }
    if (this.modality === "signal") {
      const line = (c: number) => Float32Array.from({ length: LENGTH }, (_, t) => Math.sin(t / (5 + x / 2) + c) * (2 + y / 4));
      return { kind: "signal", channels: 2, length: LENGTH, lines: [line(0), line(1)] };
    }
    const fields = [
      { name: "age", value: String(Math.round(45 + x * 4)), kind: "integer", share: null },
      { name: "income", value: (30000 + y * 3000).toFixed(0), kind: "numeric", share: null },
      { name: "housing", value: x > 0 ? "own" : "rent", kind: "categorical", share: null },
    ];
    return this.modality === "table" ? { kind: "table", fields } : { kind: "vector", note: "The nearest real items stand for it.", fields };
  }

  private near(x: number, y: number, k: number) {
    const found: { index: number; distance: number }[] = [];
    for (let index = 0; index < this.n; index++) {
      const distance = Math.hypot(this.places[2 * index]! - x, this.places[2 * index + 1]! - y);
      if (found.length === k && distance >= found[k - 1]!.distance) continue;
      found.push({ index, distance });
      found.sort((a, b) => a.distance - b.distance);
      found.length = Math.min(found.length, k);
    }
    return found;
  }

  async content(index: number) { return this.at(this.places[2 * index]!, this.places[2 * index + 1]!); }

  async item(index: number): Promise<Item> {
    const [x, y] = [this.places[2 * index]!, this.places[2 * index + 1]!];
    return {
      index, real: this.at(x, y), reconstruction: this.at(x * 0.95, y * 0.95), neighbours: this.near(x, y, 9).slice(1),
      densityPercentile: 62, reconstructionError: 0.12, x, y, label: "abcdef"[this.kinds[index]!]!,
      fields: [{ name: "kind", value: "abcdef"[this.kinds[index]!]! }],
    };
  }

  async factors(): Promise<Factors> {
    const factors = Array.from({ length: 8 }, (_, rank) => ({
      index: (rank * 3) % 8, rank, kl: rank < 6 ? 3 / (rank + 1) : 0.001, effect: rank < 6 ? 20 / (rank + 1) : 0.01, active: rank < 6,
      mean: 0, deviation: 1,
    }));
    return { factors, n: this.n, sample: 256 };
  }

  async factorNames(): Promise<FactorNames> {
    const certainty = "rho .91, q < .001, n = 960; .89 to .93 on 240 held-out rows; stable over seeds not tested";
    return { names: [{ factor: 0, title: "height, rising", certainty }], pairs: 12, level: 0.05 };
  }

  /** Where a place lies: `row:12`, `at:x,y`, `mean`. */
  private where(place: string): [number, number] {
    const [kind, rest = ""] = place.split(":");
    if (kind === "row") return [this.places[2 * Number(rest)]!, this.places[2 * Number(rest) + 1]!];
    const [x, y] = rest.split(",").map(Number);
    return kind === "at" ? [x!, y!] : [0, 0];
  }

  async local(place: string, k: number): Promise<LocalFactor[]> {
    return Promise.all(Array.from({ length: k }, async (_, rank) => ({
      share: 0.6 / (rank + 1), gain: 9 / (rank + 1),
      along: [{ dimension: rank, weight: 0.9 }, { dimension: rank + 2, weight: -0.3 }], film: await this.film(rank, place),
    })));
  }

  async mix(place: string, moves: ReadonlyMap<number, number>): Promise<Mixed> {
    const [x, y] = this.where(place);
    const z = Array.from({ length: 8 }, (_, d) => moves.get(d) ?? (d === 0 ? y : d === 1 ? x : 0));
    const nearest = this.near(z[1]!, z[0]!, 3);
    return {
      z, content: this.at(z[1]!, z[0]!), place: [z[1]!, z[0]!], hasData: nearest[0]!.distance < 0.8, nearest,
      densityPercentile: 100 * Math.exp(-nearest[0]!.distance * 3), uncertainty: 4.2, uncertaintyPercentile: 63,
    };
  }

  async health(): Promise<Health> {
    const epochs = Array.from({ length: 20 }, (_, i) => {
      const [reconstruction, kl] = [-90 - 120 * Math.exp(-i / 4), 12 * (1 - Math.exp(-i / 3))];
      return {
        epoch: i + 1, reconstruction, kl, elbo: reconstruction - kl,
        validationReconstruction: reconstruction - i / 3, validationKl: kl, validationElbo: reconstruction - kl - i / 3,
      };
    });
    return {
      epochs, bestEpoch: 17, stopped: "early", dimensions: Array.from({ length: 8 }, (_, index) => ({ index, mean: index / 20, deviation: 1 - index / 12, active: index < 6 })),
      worst: Array.from({ length: 12 }, (_, i) => ({ row: 31 * i, error: 0.9 - i / 40, seen: i % 5 > 0 })), limit: 0.8, far: 4, median: 0.2, errorUnit: "made up", n: this.n, heldOut: "",
    };
  }

  async uncovered(): Promise<Uncovered> {
    const rows = Array.from({ length: 30 }, (_, i) => 17 * i);
    return {
      rows, distances: rows.map((_, i) => 3 - i / 20), n: this.n, made: 4 * this.n, k: 5, features: "made up", expected: 0.4, tested: 3,
      groups: [{ column: "made up", value: "two", missed: 20, rows: 100, q: 0.001 }],
    };
  }

  async film(factor: number, place: string): Promise<Film> {
    const [x, y] = this.where(place);
    const values = [-2, -1.3, -0.7, 0, 0.7, 1.3, 2];
    return { factor, place, ...this.frames(values, values.map((v): [number, number] => (factor % 2 ? [x + v, y] : [x, y + v]))) };
  }

  private frames(values: number[], places: [number, number][]): Frames {
    const contents = places.map(([a, b]) => this.at(a, b));
    const texts = (name: string) => contents.map((c) => (c.kind === "table" ? c.fields.find((f) => f.name === name)!.value : ""));
    const changes = this.modality !== "table" ? null : [
      { name: "income", kind: "numeric", texts: texts("income"), numbers: texts("income").map(Number) },
      { name: "housing", kind: "categorical", texts: texts("housing"), numbers: null },
    ];
    const nearest = places.map(([a, b]) => this.near(a, b, 1)[0]!.index);
    return { values, contents, places, nearest, densityPercentiles: values.map((v) => 90 - 40 * Math.abs(v)), changes };
  }

  private readonly made = new MadeDirections(() => this.places);

  async direction(asked: DirectionRequest): Promise<Direction> { return this.made.find(asked); }

  async directionScores(id: string): Promise<Float32Array> { return this.made.scores(id); }

  async directionFilm(id: string, start: string): Promise<DirectionFilm> {
    const { values, places } = this.made.walk(id, start);
    return { start, ...this.frames(values, places) };
  }

  async sum(plus: readonly string[], minus: readonly string[]): Promise<Sum> {
    const [x, y] = this.made.sum(plus, minus);
    const formula = [...plus.slice(0, 1), ...minus.map((p) => `- ${p}`), ...plus.slice(1).map((p) => `+ ${p}`)].join(" ");
    return { formula, content: this.at(x, y), x, y, densityPercentile: 41, neighbours: this.near(x, y, 8), warnings: [] };
  }

  async paths(through: readonly string[], steps: number): Promise<Ways> {
    const at = through.map((place): [number, number] => {
      const anchor = anchorOf(place)!;
      return "row" in anchor ? [this.places[2 * anchor.row]!, this.places[2 * anchor.row + 1]!] : [anchor.x, anchor.y];
    });
    const legs = at.length - 1;
    const each = Math.max(1, Math.floor((steps - 1) / legs));
    // Each kind bends another way from the line.
    const kinds = [["linear", 0], ["spherical", 1.2], ["geodesic", -0.6], ["density", -1]] as const;
    const ways = kinds.map(([kind, bend]): Way => {
      const place = (t: number): [number, number] => {
        const leg = Math.min(Math.floor(t), legs - 1);
        const [[ax, ay], [bx, by]] = [at[leg]!, at[leg + 1]!];
        const u = t - leg;
        const lift = bend * Math.sin(Math.PI * u) / Math.max(Math.hypot(bx - ax, by - ay), 1e-6);
        return [ax + (bx - ax) * u - lift * (by - ay), ay + (by - ay) * u + lift * (bx - ax)];
      };
      const places = Array.from({ length: legs * each + 1 }, (_, i) => place(i / each));
      const line = Array.from({ length: 24 * legs + 1 }, (_, i) => place(i / 24));
      const near = places.map(([x, y]) => this.near(x, y, 1)[0]!);
      const percentiles = near.map((n) => 100 * Math.exp(-2 * n.distance));
      const contents = places.map(([x, y]) => this.at(x, y));
      const income = contents.map((c) => (c.kind === "table" ? c.fields[1]!.value : ""));
      return {
        kind, found: bend < 0 ? "made up in the page" : "", length: 4 + Math.abs(bend), decodedLength: 40 + 10 * bend,
        shorter: -bend / 4, denser: bend < 0 ? 20 : 0, lowest: percentiles.indexOf(Math.min(...percentiles)),
        line, contents, places, nearest: near.map((n) => n.index), densityPercentiles: percentiles,
        changes: this.modality === "table" ? [{ name: "income", kind: "numeric", texts: income, numbers: income.map(Number) }] : null,
      };
    });
    return {
      through: [...through], steps: legs * each + 1, anchors: at.map((_, i) => i * each), unit: "grey levels", n: this.n,
      python: through.map((p) => p.replace("row:", "")), ways,
    };
  }

  pathFile(through: readonly string[]): string { return `data:text/plain,${encodeURIComponent(through.join(";"))}`; }

  async cells(x: number, y: number, step: number, columns: number, rows: number) {
    return Array.from({ length: columns * rows }, (_, i) => {
      const [a, b] = [x + (i % columns) * step, y - Math.floor(i / columns) * step];
      return this.near(a, b, 1)[0]!.distance < 0.8 ? this.at(a, b) : null;
    });
  }

  private labelled(text: string): number[] {
    const sought = text.trim().toLowerCase();
    return [...this.kinds.keys()].filter((i) => sought === String(i) || (sought !== "" && "abcdef"[this.kinds[i]!]!.includes(sought)));
  }

  async search(text: string) {
    const rows = this.labelled(text);
    const first = rows.slice(0, 8).map((index) => ({ index, column: "kind", value: "abcdef"[this.kinds[index]!]!, label: null }));
    return { count: rows.length, first, where: `contains(kind, '${text}')` };
  }

  async searchRows(text: string) { return Uint32Array.from(this.labelled(text)); }

  async csv(leftOut: Uint8Array | null) {
    const lines = [...this.kinds.keys()].filter((i) => !leftOut?.[i]).map((i) => `${i},${"abcdef"[this.kinds[i]!]}\n`);
    return new Blob(["row,kind\n", ...lines], { type: "text/csv" });
  }

  /** A grid over everything, each cell by what lies within reach of its place. */
  private laid(side: number, value: (x: number, y: number) => number) {
    const cell = 18 / side;
    const values = Float32Array.from({ length: side * side }, (_, i) => value(-9 + (i % side) * cell, -9 + Math.floor(i / side) * cell));
    return { origin: [-9, -9] as [number, number], cell, columns: side, rows: side, values };
  }

  async density() {
    const near = (x: number, y: number) => {
      let sum = 0;
      for (let i = 0; i < this.n; i++) sum += Math.exp(-4 * ((this.places[2 * i]! - x) ** 2 + (this.places[2 * i + 1]! - y) ** 2));
      return sum / this.n;
    };
    const own = Float32Array.from({ length: this.n }, (_, i) => near(this.places[2 * i]!, this.places[2 * i + 1]!)).sort();
    const shares = [0.5, 0.8, 0.95];
    return { ...this.laid(72, near), bandwidth: 0.35, shares, levels: shares.map((s) => own[Math.floor((1 - s) * this.n)]!), n: this.n };
  }

  async presence() { return this.laid(72, (x, y) => Number(this.near(x, y, 1)[0]!.distance < 0.8)); }

  async sureness() {
    const grid = this.laid(40, (x, y) => (this.near(x, y, 1)[0]!.distance < 0.8 ? 50 + 45 * Math.sin(x) : NaN));
    return { ...grid, measured: grid.values.filter((v) => !Number.isNaN(v)).length, typical: 3.2, unit: "grey levels, 0 to 255" };
  }

  async regions(): Promise<Regions> {
    const regions = Array.from({ length: KINDS }, (_, index) => {
      const n = this.kinds.filter((k) => k === index).length;
      const phrase = `mostly ${"abcdef"[index]} (100 %)`;
      return {
        index, n, share: n / this.n, x: Math.cos((index / KINDS) * 2 * Math.PI) * 4, y: Math.sin((index / KINDS) * 2 * Math.PI) * 3,
        label: phrase, traits: [{ column: "kind", phrase, short: phrase, delta: 1, q: 1e-9, n }], exemplar: this.kinds.indexOf(index),
      };
    });
    return { regions, n: this.n, without: 0, tested: this.n, fdr: 0.05 };
  }

  async regionOf() { return Int16Array.from(this.kinds); }

  sprite(): string { return ""; }

  connect(handlers: LiveHandlers): Live {
    void this.session().then((session) => {
      handlers.connected(true);
      handlers.session(session);
    });
    return {
      decode: (id, x, y, detail) => {
        const neighbours = this.near(x, y, 3);
        const nearest = neighbours[0]!;
        const decoded: Decoded = {
          id, x, y, content: this.at(x, y), nearest, densityPercentile: 100 * Math.exp(-nearest.distance * 3),
          hasData: nearest.distance < 0.8, uncertainty: detail ? 4.2 : null, uncertaintyPercentile: detail ? 63 : null, neighbours: detail ? neighbours : null, differs: null,
        };
        setTimeout(() => handlers.decoded(decoded), 3);
      },
      stop: () => undefined,
      close: () => undefined,
    };
  }
}
