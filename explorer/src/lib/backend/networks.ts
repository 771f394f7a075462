/** Inside the networks: what the layers panel asks for, from a server or made up. */

import {
  readDream, readSaliency, readStrip, type Dream, type FindingConcept, type MakingMaps, type Network, type NetworkWork, type ReadingDepth, type Saliency, type Strip,
  type UnitPage,
} from "../protocol";

/** The rows that have a place, and x and y of each in turn, map by map in the order of the layers. */
export interface MapPlaces { rows: Uint32Array; maps: Float32Array[] }

export interface Networks {
  info(): Promise<Network>;
  /** A place's way through the layers, named as `placeOf` names it. */
  strip(place: string): Promise<Strip>;
  /** Takes some seconds at first; `work` says how far it is. */
  unit(layer: string, index: number, signal?: AbortSignal): Promise<UnitPage>;
  work(): Promise<NetworkWork>;
  /** How far the reading of all layers is. */
  depth(): Promise<ReadingDepth>;
  startDepth(): Promise<ReadingDepth>;
  stopDepth(): Promise<ReadingDepth>;
  /** How far the maps of the layers are. */
  maps(): Promise<MakingMaps>;
  startMaps(): Promise<MakingMaps>;
  stopMaps(): Promise<MakingMaps>;
  mapPlaces(placed: number): Promise<MapPlaces>;
  /** How far it is with the latest selection. */
  concept(): Promise<FindingConcept>;
  /** leftOut: 1 for every row that is not selected. */
  startConcept(leftOut: Uint8Array): Promise<FindingConcept>;
  stopConcept(): Promise<FindingConcept>;
  /** What a unit looks for: some seconds at first. */
  dream(layer: string, index: number, through: Dream["through"], signal: AbortSignal): Promise<Dream>;
  /** What of a row a latent rests on: some seconds at first. */
  saliency(row: number, latent: number): Promise<Saliency>;
}

type Ask = (path: string, how: RequestInit) => Promise<Response>;

export class HttpNetworks implements Networks {
  constructor(
    private readonly base: string,
    private readonly ask: Ask,
  ) {}

  private async json<T>(path: string, how: RequestInit = {}): Promise<T> {
    return (await (await this.ask(`${this.base}api/network${path}`, how)).json()) as T;
  }

  info = () => this.json<Network>("");
  work = () => this.json<NetworkWork>("/work");
  depth = () => this.json<ReadingDepth>("/depth");
  startDepth = () => this.json<ReadingDepth>("/depth", { method: "POST" });
  stopDepth = () => this.json<ReadingDepth>("/depth", { method: "DELETE" });

  maps = () => this.json<MakingMaps>("/maps");
  startMaps = () => this.json<MakingMaps>("/maps", { method: "POST" });
  stopMaps = () => this.json<MakingMaps>("/maps", { method: "DELETE" });
  concept = () => this.json<FindingConcept>("/concept");
  startConcept = (leftOut: Uint8Array) => this.json<FindingConcept>("/concept", { method: "POST", body: bitsOf(leftOut) });
  stopConcept = () => this.json<FindingConcept>("/concept", { method: "DELETE" });

  async mapPlaces(placed: number) {
    const bytes = await (await this.ask(`${this.base}api/network/maps.f32`, {})).arrayBuffer();
    const rows = new Uint32Array(bytes, 0, placed);
    const maps: Float32Array[] = [];
    for (let at = 4 * placed; at + 8 * placed <= bytes.byteLength; at += 8 * placed) maps.push(new Float32Array(bytes, at, 2 * placed));
    return { rows, maps };
  }

  async dream(layer: string, index: number, through: Dream["through"], signal: AbortSignal) {
    return readDream(await this.json(`/dream?layer=${encodeURIComponent(layer)}&unit=${index}&through=${through}`, { signal }));
  }

  async saliency(row: number, latent: number) {
    return readSaliency(await this.json(`/saliency?row=${row}&latent=${latent}`));
  }

  async strip(place: string) {
    return readStrip(await this.json(`/strip?place=${encodeURIComponent(place)}`));
  }

  unit(layer: string, index: number, signal?: AbortSignal) {
    return this.json<UnitPage>(`/unit?layer=${encodeURIComponent(layer)}&unit=${index}`, signal ? { signal } : {});
  }
}

/** One bit a row, the first in the lowest bit, set for rows that are not left out. */
export function bitsOf(leftOut: Uint8Array): Uint8Array<ArrayBuffer> {
  const bits = new Uint8Array(Math.ceil(leftOut.length / 8));
  for (let i = 0; i < leftOut.length; i++) if (!leftOut[i]) bits[i >> 3]! |= 1 << (i & 7);
  return bits;
}

/** The fixture has no network. */
export class FixtureNetworks implements Networks {
  async info(): Promise<Network> {
    return { layers: [], parameters: 0, leftOut: [], reason: "This space is made up inside the page, and no network is behind it." };
  }

  async strip(): Promise<never> { throw new Error("There is no network."); }

  async unit(): Promise<never> { throw new Error("There is no network."); }

  async work(): Promise<NetworkWork> { return { doing: "", fraction: 0 }; }

  async depth(): Promise<ReadingDepth> { return { state: "none", doing: "", fraction: 0, error: null, found: null }; }

  startDepth() { return this.depth(); }

  stopDepth() { return this.depth(); }

  async maps(): Promise<MakingMaps> { return { state: "none", doing: "", fraction: 0, error: null, found: null }; }

  startMaps() { return this.maps(); }

  stopMaps() { return this.maps(); }

  async mapPlaces(): Promise<MapPlaces> { return { rows: new Uint32Array(), maps: [] }; }

  async concept(): Promise<FindingConcept> { return { state: "none", doing: "", fraction: 0, error: null, found: null, key: "" }; }

  startConcept() { return this.concept(); }

  stopConcept() { return this.concept(); }

  async dream(): Promise<never> { throw new Error("There is no network."); }

  async saliency(): Promise<never> { throw new Error("There is no network."); }
}
