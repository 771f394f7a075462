/** A second space of the same rows: what the compare panel asks for, from a server or made up. */

import { readCompared, readContent, type Beside, type ComparedItem, type Comparing, type Content, type Neighbour } from "../protocol";

export interface Comparisons {
  /** How far the second space is. */
  state(): Promise<Comparing>;
  start(): Promise<Comparing>;
  stop(): Promise<Comparing>;
  /** x and y of each row on the second space's map. */
  positions(): Promise<Float32Array>;
  item(index: number, signal?: AbortSignal): Promise<ComparedItem>;
  /** What the second space makes of a place on its map. */
  decode(x: number, y: number, signal?: AbortSignal): Promise<Beside>;
}

type Ask = (path: string, how: RequestInit) => Promise<Response>;

export class HttpComparisons implements Comparisons {
  constructor(
    private readonly base: string,
    private readonly ask: Ask,
  ) {}

  private async json(path = "", how: RequestInit = {}): Promise<unknown> {
    return (await this.ask(`${this.base}api/compare${path}`, how)).json();
  }

  state = () => this.json() as Promise<Comparing>;
  start = () => this.json("", { method: "POST" }) as Promise<Comparing>;
  stop = () => this.json("", { method: "DELETE" }) as Promise<Comparing>;

  async positions() {
    return new Float32Array(await (await this.ask(`${this.base}api/compare/map.f32`, {})).arrayBuffer());
  }

  async item(index: number, signal?: AbortSignal) {
    return readCompared(await this.json(`/items/${index}`, signal ? { signal } : {}));
  }

  async decode(x: number, y: number, signal?: AbortSignal) {
    const found = (await this.json(`/decode?x=${x}&y=${y}`, signal ? { signal } : {})) as Beside;
    return { ...found, content: readContent(found.content) };
  }
}

/** The fixture's space compared with itself turned by a quarter, which rebuilds worse. */
export class FixtureComparisons implements Comparisons {
  private asked = Infinity;

  constructor(
    private readonly places: Float32Array,
    private readonly at: (x: number, y: number) => Content,
    private readonly near: (x: number, y: number, k: number) => Neighbour[],
  ) {}

  async state(): Promise<Comparing> {
    const since = (performance.now() - this.asked) / 1500;
    const base = { kept: false, doing: "", fraction: 0, error: null, found: null };
    if (!(since >= 0)) return { ...base, state: "none" };
    if (since < 1) return { ...base, state: "making", doing: "finding the principal components", fraction: since };
    const curve = (floor: number) => {
      const dims = Array.from({ length: 8 }, (_, i) => i + 1);
      const error = dims.map((d) => floor + 40 / d);
      return { dims, error, low: error.map((e) => e * 0.95), high: error.map((e) => e * 1.05), n: 120 };
    };
    const gap = (about: string, i: number) => ({ part: about ? "class" : "all", about, a: 15 + i, b: 19 + i / 2, n: 120, low: 2.1, high: 5.2, winner: "a" as const });
    const sentences = [
      "The model rebuilds held-out rows better than PCA at 8 dimensions: error 15 against 19 (a difference of 4 [2.1, 5.2], n = 120; grey levels).",
      "The model with 5 dimensions is as good as PCA with 8.",
      "Of a row's 10 nearest neighbours, 4.1 are the same in both [3.9, 4.3] (n = 1,200; by chance 0.1).",
    ];
    return {
      ...base, state: "ready", fraction: 1,
      found: {
        names: ["fixture", "fixture.pca"], labels: ["the model", "PCA"], dims: [8, 8], unit: "grey levels", k: 10, n: this.places.length / 2,
        kept: 0.41, keptInterval: [0.39, 0.43], sentences, gaps: ["", ..."abcdef"].map(gap), curves: [curve(10), curve(14)], trustworthiness: [0.968, 0.91],
      },
    };
  }

  start() {
    this.asked = Math.min(this.asked, performance.now());
    return this.state();
  }

  stop() {
    this.asked = Infinity;
    return this.state();
  }

  async positions() {
    return Float32Array.from(this.places, (_, i) => (i % 2 ? this.places[i - 1]! : -this.places[i + 1]!));
  }

  async item(index: number): Promise<ComparedItem> {
    const [x, y] = [this.places[2 * index]!, this.places[2 * index + 1]!];
    const near = this.near(x, y, 15).slice(1);
    return {
      index, real: this.at(x, y), rebuilt: [this.at(x * 0.95, y * 0.95), this.at(x * 0.7, y * 0.7)], errors: [14.2, 19.8],
      both: near.slice(0, 4), onlyA: near.slice(4, 9), onlyB: near.slice(9, 14),
    };
  }

  async decode(x: number, y: number): Promise<Beside> {
    const nearest = this.near(y, -x, 1)[0]!;
    return { x, y, content: this.at(y * 0.7, -x * 0.7), nearest, hasData: nearest.distance < 0.8 };
  }
}
