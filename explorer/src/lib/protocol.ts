/** What the page and the server say to each other: the server's messages, with pictures and lines read from their bytes. */

import type * as wire from "./wire.gen";

export type Phase = wire.SessionInfo["phase"];
export type Progress = wire.ProgressInfo;
export type Session = wire.SessionInfo;
export type AxesInfo = wire.AxesInfo;
export type AxisInfo = wire.AxisInfo;
export type ColumnInfo = wire.ColumnInfo;
export type ItemShape = wire.SpaceInfo["item"];
export type Bounds = wire.MapInfo["bounds"];
export type SpriteInfo = wire.SpriteInfo;
export type SpaceInfo = wire.SpaceInfo;
export type Cell = wire.CellText;
export type Neighbour = wire.NeighbourInfo;
export type Difference = wire.Difference;
export type Factor = wire.FactorInfo;
export type Factors = wire.FactorsInfo;
export type Change = wire.Change;
export type Found = wire.FoundRows;
export type RegionInfo = wire.RegionInfo;
export type Regions = wire.RegionsInfo;
export type Direction = wire.DirectionInfo;
export type DirectionRequest = wire.DirectionRequest;
export type GroupRequest = wire.GroupRequest;
export type SideEffect = wire.EffectInfo;
export type Comparing = wire.Comparing;
export type Compared = wire.Compared;
export type FactorNames = wire.FactorNamesInfo;
export type Health = wire.HealthInfo;
export type Uncovered = wire.UncoveredInfo;
export type Network = wire.NetworkInfo;
export type NetworkWork = wire.NetworkWork;
export type UnitPage = wire.UnitInfo;
export type ReadingDepth = wire.ReadingDepth;
export type MakingMaps = wire.MakingMaps;
export type LayerMapInfo = wire.LayerMapInfo;
export type FindingConcept = wire.FindingConcept;
export type Dream = Read<wire.DreamInfo, "content">;
/** `values` line by line; empty where columns are listed. */
export type Saliency = Omit<wire.SaliencyInfo, "data"> & { values: Float32Array };
export type DepthColumn = wire.DepthColumn;
export type DepthReading = wire.DepthReading;
/** Maps one after the other, a byte a number. */
export type StripLayer = Omit<wire.StripLayer, "data"> & { bytes: Uint8Array };

/** Pixels are uint8 in the order height, width, channel. */
export interface ImageContent extends Omit<wire.ImageContent, "data"> {
  pixels: Uint8Array;
}
/** `lines` holds one array a channel, NaN where a value is missing. */
export interface SignalContent extends Omit<wire.SignalContent, "data"> {
  lines: Float32Array[];
}
export type TableContent = wire.TableContent;
export type VectorContent = wire.VectorContent;
export type Content = ImageContent | SignalContent | TableContent | VectorContent;

/** A message with its contents read. */
type Read<T, K extends keyof T> = Omit<T, K> & { [key in K]: T[key] extends unknown[] ? Content[] : null extends T[key] ? Content | null : Content };

export type Item = Read<wire.Item, "real" | "reconstruction">;
export type Film = Read<wire.Film, "contents">;
export type Way = Read<wire.Way, "contents">;
export type Ways = Omit<wire.Ways, "ways"> & { ways: Way[] };
export type DirectionFilm = Read<wire.DirectionFilm, "contents">;
/** Generated places in turn, whatever moved them. */
export type Frames = Omit<Film, "factor" | "place">;
export type Sum = Read<wire.SumInfo, "content">;
export type ComparedItem = Omit<Read<wire.ComparedItem, "real">, "rebuilt"> & { rebuilt: [Content, Content] };
export type Beside = Read<wire.Beside, "content">;
export type LocalFactor = Omit<wire.LocalFactorInfo, "film"> & { film: Film };
export type Mixed = Read<wire.Mixed, "content">;
export type Strip = Omit<Read<wire.StripInfo, "input" | "output">, "layers"> & { layers: StripLayer[] };
/** What may be left out is null here. */
export type Decoded = Required<Omit<wire.Decoded, "type" | "content">> & { content: Content };

export interface Preview {
  epoch: number;
  n: number;
  positions: Float32Array;
  categories: string[] | null;
  codes: Uint8Array | null;
}

type Wire = Record<string, unknown>;

export function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

/** Content as JSON holds it (data inside), or as a frame does (data in `payload`). */
export function readContent(raw: unknown, payload?: Uint8Array): Content {
  const c = raw as Wire;
  if (c.kind === "image") {
    const pixels = payload ?? fromBase64(String(c.data ?? ""));
    return { kind: "image", width: Number(c.width), height: Number(c.height), channels: Number(c.channels), pixels };
  }
  if (c.kind === "signal") {
    const channels = Number(c.channels);
    const length = Number(c.length);
    const lines = payload
      ? splitLines(floats(payload), channels, length)
      : (c.data as (number | null)[][]).map((line) => Float32Array.from(line, (v) => v ?? NaN));
    return { kind: "signal", channels, length, lines };
  }
  if (c.kind === "table") return { kind: "table", fields: c.fields as Cell[] };
  return { kind: "vector", note: String(c.note ?? ""), fields: (c.fields ?? []) as Cell[] };
}

/** Little-endian float32 from bytes at any offset. */
function floats(bytes: Uint8Array): Float32Array {
  const copy = bytes.slice();
  return new Float32Array(copy.buffer, 0, copy.byteLength >> 2);
}

function splitLines(values: Float32Array, channels: number, length: number): Float32Array[] {
  return Array.from({ length: channels }, (_, c) => values.subarray(c * length, (c + 1) * length));
}

export function readItem(raw: unknown): Item {
  const item = raw as Wire;
  return {
    ...(item as unknown as Item),
    real: readContent(item.real),
    reconstruction: item.reconstruction ? readContent(item.reconstruction) : null,
  };
}

export function readFilm<T extends Frames = Film>(raw: unknown): T {
  const film = raw as Wire;
  return { ...(film as unknown as T), contents: (film.contents as unknown[]).map((c) => readContent(c)) };
}

export function readWays(raw: unknown): Ways {
  const found = raw as wire.Ways;
  return { ...found, ways: found.ways.map((way) => ({ ...way, contents: way.contents.map((c) => readContent(c)) })) };
}

export function readCompared(raw: unknown): ComparedItem {
  const item = raw as Wire;
  const [a, b] = item.rebuilt as [unknown, unknown];
  return { ...(item as unknown as ComparedItem), real: readContent(item.real), rebuilt: [readContent(a), readContent(b)] };
}

export function readLocal(raw: unknown): LocalFactor[] {
  return (raw as wire.LocalFactorInfo[]).map((found) => ({ ...found, film: readFilm(found.film) }));
}

export function readDream(raw: unknown): Dream {
  const dream = raw as wire.DreamInfo;
  return { ...dream, content: readContent(dream.content) };
}

export function readSaliency(raw: unknown): Saliency {
  const { data, ...found } = raw as wire.SaliencyInfo;
  return { ...found, values: floats(fromBase64(data)) };
}

export function readStrip(raw: unknown): Strip {
  const strip = raw as wire.StripInfo;
  const layers = strip.layers.map(({ data, ...layer }) => ({ ...layer, bytes: fromBase64(data) }));
  return { ...strip, layers, input: readContent(strip.input), output: readContent(strip.output) };
}

export function readMixed(raw: unknown): Mixed {
  const mixed = raw as wire.Mixed;
  return { ...mixed, content: readContent(mixed.content) };
}

export type Frame = { type: "decoded"; decoded: Decoded } | { type: "preview"; preview: Preview };

/** u32 little-endian header length, header JSON, payload. Throws when the bytes are not a frame. */
export function readFrame(buffer: ArrayBuffer): Frame {
  if (buffer.byteLength < 4) throw new Error("a frame is shorter than its own length");
  const length = new DataView(buffer).getUint32(0, true);
  if (4 + length > buffer.byteLength) throw new Error("a frame's header runs past its end");
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length))) as Wire;
  const payload = new Uint8Array(buffer, 4 + length);
  if (header.type === "decoded") {
    const decoded = header as unknown as Decoded;
    return {
      type: "decoded",
      decoded: {
        ...decoded,
        content: readContent(header.content, payload),
        densityPercentile: decoded.densityPercentile ?? null,
        uncertainty: decoded.uncertainty ?? null,
        uncertaintyPercentile: decoded.uncertaintyPercentile ?? null,
        neighbours: decoded.neighbours ?? null,
        differs: decoded.differs ?? null,
      },
    };
  }
  if (header.type === "preview") {
    const n = Number(header.n);
    const labels = header.labels as { categories: string[] } | undefined;
    return {
      type: "preview",
      preview: {
        epoch: Number(header.epoch),
        n,
        positions: floats(payload.subarray(0, n * 8)),
        categories: labels?.categories ?? null,
        codes: labels ? payload.slice(n * 8, n * 9) : null,
      },
    };
  }
  throw new Error(`a frame of unknown type ${String(header.type)}`);
}
