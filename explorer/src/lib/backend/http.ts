/** The deepspace server over HTTP and one WebSocket. */

import {
  readContent, readFilm, readFrame, readItem, readLocal, readMixed, readWays,
  type AxesInfo, type ColumnInfo, type Direction, type DirectionFilm, type DirectionRequest, type FactorNames, type Factors, type Found, type Health,
  type Regions, type Session, type SpaceInfo, type Sum, type Uncovered,
} from "../protocol";
import type { LayersInfo, SharedInfo, SurenessInfo } from "../wire.gen";
import { BackendError, type Backend, type ColumnData, type Live, type LiveHandlers, type SharedRows } from "./backend";
import { HttpDesk } from "../start/desk";
import { HttpComparisons } from "./comparisons";
import { HttpDeciding } from "./decisions";
import { HttpNetworks } from "./networks";

const SLOWEST_RETRY = 8000;

/** The session that this page shows, once it knows: answers out of a later one are refused. */
let known: number | null = null;

async function get(path: string, signal?: AbortSignal): Promise<Response> {
  return ask(path, signal ? { signal } : {});
}

async function ask(path: string, how: RequestInit): Promise<Response> {
  let answer: Response;
  try {
    const headers = { ...how.headers, ...(known === null ? {} : { "X-Deepspace-Session": String(known) }) };
    answer = await fetch(path, { ...how, headers });
  } catch (error) {
    if (how.signal?.aborted) throw error;
    throw new BackendError("The server does not answer; is deepspace still running in its terminal?");
  }
  if (answer.ok) return answer;
  let sentence = `The server answered ${answer.status} to ${path}.`;
  try {
    sentence = String(((await answer.json()) as { error?: string }).error ?? sentence);
  } catch {
    // Not JSON: the status has to do.
  }
  throw new BackendError(sentence);
}

const walked = (through: readonly string[], steps: number): string =>
  new URLSearchParams({ through: through.join(";"), steps: String(steps) }).toString();

async function json<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await (await get(path, signal)).json()) as T;
}

async function put(what: string, body: BodyInit, kind: string, base: string): Promise<SharedInfo> {
  const headers = { "Content-Type": kind, "X-Deepspace": "1" };
  return (await (await ask(`${base}api/shared/${what}`, { method: "PUT", body, headers })).json()) as SharedInfo;
}

export class HttpBackend implements Backend {
  readonly comparisons: HttpComparisons;
  readonly networks: HttpNetworks;
  readonly deciding: HttpDeciding;
  readonly desk: HttpDesk;
  readonly shared: SharedRows = {
    selection: async () => new Uint8Array(await (await get(`${this.base}api/shared/selection`)).arrayBuffer()),
    select: (bits) => put("selection", bits, "application/octet-stream", this.base),
    pin: (row) => put("pin", JSON.stringify({ row }), "application/json", this.base),
  };

  constructor(private readonly base = "") {
    this.desk = new HttpDesk(base);
    this.comparisons = new HttpComparisons(base, ask);
    this.networks = new HttpNetworks(base, ask);
    this.deciding = new HttpDeciding(base, ask);
  }

  session(): Promise<Session> {
    return json<Session>(`${this.base}api/session`);
  }

  space(): Promise<SpaceInfo> {
    return json<SpaceInfo>(`${this.base}api/space`);
  }

  axes = "";

  private get onAxes(): string {
    return `axes=${encodeURIComponent(this.axes || "map")}`;
  }

  async positions(axes: string): Promise<Float32Array> {
    const path = axes === "map" ? "api/map.f32" : `api/axes.f32?axes=${encodeURIComponent(axes)}`;
    return new Float32Array(await (await get(`${this.base}${path}`)).arrayBuffer());
  }

  describe(axes: string): Promise<AxesInfo> {
    return json<AxesInfo>(`${this.base}api/axes?axes=${encodeURIComponent(axes)}`);
  }

  async column(info: ColumnInfo): Promise<ColumnData> {
    const bytes = await (await get(`${this.base}api/columns/${info.index}`)).arrayBuffer();
    if (info.encoding === "u8") return new Uint8Array(bytes);
    return info.encoding === "u16" ? new Uint16Array(bytes) : new Float32Array(bytes);
  }

  async item(index: number, signal?: AbortSignal) {
    return readItem(await json(`${this.base}api/items/${index}`, signal));
  }

  async content(index: number) {
    return readContent(await json(`${this.base}api/items/${index}/content`));
  }

  factors(): Promise<Factors> {
    return json<Factors>(`${this.base}api/factors`);
  }

  factorNames(): Promise<FactorNames> {
    return json<FactorNames>(`${this.base}api/factors/names`);
  }

  async film(factor: number, place: string, signal?: AbortSignal) {
    return readFilm(await json(`${this.base}api/factors/${factor}/film?${this.onAxes}&place=${encodeURIComponent(place)}`, signal));
  }

  async local(place: string, k: number, signal?: AbortSignal) {
    return readLocal(await json(`${this.base}api/local?k=${k}&${this.onAxes}&place=${encodeURIComponent(place)}`, signal));
  }

  async mix(place: string, moves: ReadonlyMap<number, number>, signal?: AbortSignal) {
    const set = [...moves].map(([dimension, value]) => `${dimension}:${value}`).join(",");
    return readMixed(await json(`${this.base}api/mix?${this.onAxes}&place=${encodeURIComponent(place)}&set=${encodeURIComponent(set)}`, signal));
  }

  health(): Promise<Health> {
    return json<Health>(`${this.base}api/health`);
  }

  uncovered(): Promise<Uncovered> {
    return json<Uncovered>(`${this.base}api/uncovered`);
  }

  async paths(through: readonly string[], steps: number, signal?: AbortSignal) {
    return readWays(await json(`${this.base}api/paths?${walked(through, steps)}&${this.onAxes}`, signal));
  }

  pathFile(through: readonly string[], steps: number, kind: string, form: string): string {
    return `${this.base}api/paths/${kind}.${form}?${walked(through, steps)}`;
  }

  async direction(asked: DirectionRequest, signal?: AbortSignal): Promise<Direction> {
    const how = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(asked) };
    return (await (await ask(`${this.base}api/directions`, signal ? { ...how, signal } : how)).json()) as Direction;
  }

  async directionFilm(id: string, start: string, signal?: AbortSignal) {
    return readFilm<DirectionFilm>(await json(`${this.base}api/directions/${id}/film?start=${encodeURIComponent(start)}&${this.onAxes}`, signal));
  }

  async directionScores(id: string): Promise<Float32Array> {
    return new Float32Array(await (await get(`${this.base}api/directions/${id}/scores.f32`)).arrayBuffer());
  }

  async sum(plus: readonly string[], minus: readonly string[], signal?: AbortSignal): Promise<Sum> {
    const asked = new URLSearchParams([...plus.map((p) => ["plus", p]), ...minus.map((p) => ["minus", p])]);
    const sum = await json<Sum>(`${this.base}api/sum?${asked}`, signal);
    return { ...sum, content: readContent(sum.content) };
  }

  async cells(x: number, y: number, step: number, columns: number, rows: number) {
    const found = await json<{ contents: unknown[] }>(
      `${this.base}api/cells?x=${x}&y=${y}&step=${step}&columns=${columns}&rows=${rows}&${this.onAxes}`,
    );
    return found.contents.map((content) => (content ? readContent(content) : null));
  }

  search(text: string, signal?: AbortSignal) {
    return json<Found>(`${this.base}api/search?q=${encodeURIComponent(text)}`, signal);
  }

  async searchRows(text: string) {
    return new Uint32Array(await (await get(`${this.base}api/search/rows?q=${encodeURIComponent(text)}`)).arrayBuffer());
  }

  async csv(leftOut: Uint8Array | null) {
    const n = leftOut ? leftOut.length : (await this.space()).n;
    const bits = new Uint8Array(Math.ceil(n / 8));
    for (let i = 0; i < n; i++) if (!leftOut?.[i]) bits[i >> 3]! |= 1 << (i & 7);
    return (await ask(`${this.base}api/rows.csv`, { method: "POST", body: bits })).blob();
  }

  async density() {
    const { density } = await json<LayersInfo>(`${this.base}api/layers`);
    return { ...density, values: new Float32Array(await (await get(`${this.base}api/layers/density.f32`)).arrayBuffer()) };
  }

  async presence() {
    const { presence } = await json<LayersInfo>(`${this.base}api/layers`);
    return { ...presence, values: new Uint8Array(await (await get(`${this.base}api/layers/presence.u8`)).arrayBuffer()) };
  }

  async sureness() {
    const info = await json<SurenessInfo>(`${this.base}api/layers/uncertainty`);
    return { ...info, values: new Float32Array(await (await get(`${this.base}api/layers/uncertainty.f32`)).arrayBuffer()) };
  }

  regions(): Promise<Regions> {
    return json<Regions>(`${this.base}api/regions`);
  }

  async regionOf() {
    return new Int16Array(await (await get(`${this.base}api/regions.i16`)).arrayBuffer());
  }

  sprite(sheet: number): string {
    return `${this.base}api/sprites/${sheet}.png`;
  }

  connect(handlers: LiveHandlers): Live {
    return new Socket(this.base, handlers, () => this.axes || "map");
  }
}

class Socket implements Live {
  private socket: WebSocket | null = null;
  private closed = false;
  private wait = 300;
  private retry: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly base: string,
    private readonly handlers: LiveHandlers,
    private readonly axes: () => string,
  ) {
    this.open();
  }

  private open(): void {
    const url = new URL(`${this.base}api/live`, location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    url.hash = "";
    url.search = "";
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      this.wait = 300;
      this.handlers.connected(true);
    };
    socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => this.receive(event.data);
    socket.onclose = () => {
      if (this.closed || this.socket !== socket) return;
      this.handlers.connected(false);
      this.retry = setTimeout(() => this.open(), this.wait);
      this.wait = Math.min(this.wait * 1.7, SLOWEST_RETRY);
    };
    this.socket = socket;
  }

  private receive(data: string | ArrayBuffer): void {
    if (typeof data !== "string") {
      const frame = readFrame(data);
      if (frame.type === "decoded") this.handlers.decoded(frame.decoded);
      else this.handlers.preview(frame.preview);
      return;
    }
    const message = JSON.parse(data) as { type: string; id?: number; error?: string };
    if (message.type === "session") {
      const session = message as unknown as Session;
      known = session.desk ? session.serial : null;
      this.handlers.session(session);
    } else if (message.type === "shared") this.handlers.shared(message as unknown as SharedInfo);
    else if (message.type === "error") this.handlers.failed(message.error ?? "The server refused.", message.id ?? null);
  }

  private send(message: object): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  decode(id: number, x: number, y: number, detail: boolean): void {
    this.send({ type: "decode", id, x, y, detail, axes: this.axes() });
  }

  stop(): void {
    this.send({ type: "stop" });
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.retry);
    this.socket?.close();
  }
}
