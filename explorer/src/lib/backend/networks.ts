/** Inside the networks: what the layers panel asks for, from a server or made up. */

import { readStrip, type Network, type NetworkWork, type ReadingDepth, type Strip, type UnitPage } from "../protocol";

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

  async strip(place: string) {
    return readStrip(await this.json(`/strip?place=${encodeURIComponent(place)}`));
  }

  unit(layer: string, index: number, signal?: AbortSignal) {
    return this.json<UnitPage>(`/unit?layer=${encodeURIComponent(layer)}&unit=${index}`, signal ? { signal } : {});
  }
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
}
