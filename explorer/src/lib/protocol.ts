/** What the page and the server say to each other. The server's side is src/deepspace/server/wire.py. */

export type Phase =
  | "loading" | "training" | "encoding" | "mapping" | "measuring" | "saving" | "ready" | "failed";

export interface Progress {
  phase: Phase;
  /** 0..1 of the whole phase. */
  fraction: number;
  epoch: number;
  epochs: number;
  /** Nats per row, as are its parts. */
  elbo?: number | null;
  reconstruction?: number | null;
  kl?: number | null;
  validationElbo?: number | null;
  activeUnits?: number | null;
  rowsPerSecond?: number | null;
  secondsLeft?: number | null;
  message: string;
}

export interface Session {
  phase: Phase;
  name: string;
  modality?: string | null;
  progress?: Progress | null;
  error?: string | null;
  version: string;
  notes: string[];
  canStop?: boolean;
}

export interface ColumnInfo {
  index: number;
  name: string;
  kind: string;
  role: string;
  group: "column" | "figure" | "latent";
  encoding: "f32" | "u8" | "u16";
  categories: string[] | null;
  counts: number[] | null;
  minimum: number | null;
  maximum: number | null;
  missing: number;
}

export type ItemShape =
  | { modality: "image"; width: number; height: number; channels: number }
  | { modality: "signal"; channels: number; length: number; channelNames: string[] }
  | { modality: "table"; fields: { name: string; kind: string; unit?: string | null }[] }
  | { modality: "vector"; dim: number };

export type Bounds = [x0: number, y0: number, x1: number, y1: number];

export interface SpriteInfo {
  tile: [number, number];
  perSheet: number;
  sheets: number;
  columns: number;
}

export interface SpaceInfo {
  name: string;
  modality: string;
  n: number;
  latentDim: number;
  columns: ColumnInfo[];
  item: ItemShape;
  map: { bounds: Bounds; trustworthiness: number | null; continuity: number | null; n: number | null; k: number | null };
  health: string[];
  source: string;
  notes: string[];
  measures: Record<string, unknown>;
  sprites: SpriteInfo | null;
  defaultColour: number | null;
}

export interface Cell {
  name: string;
  value: string;
  kind: string;
}

/** Pixels are uint8 in the order height, width, channel. */
export interface ImageContent {
  kind: "image";
  width: number;
  height: number;
  channels: number;
  pixels: Uint8Array;
}
/** `lines` holds one array a channel, NaN where a value is missing. */
export interface SignalContent {
  kind: "signal";
  channels: number;
  length: number;
  lines: Float32Array[];
}
export interface TableContent {
  kind: "table";
  fields: Cell[];
}
export interface VectorContent {
  kind: "vector";
  note: string;
  fields: Cell[];
}
export type Content = ImageContent | SignalContent | TableContent | VectorContent;

export interface Neighbour {
  index: number;
  distance: number;
}

export interface Item {
  index: number;
  real: Content;
  reconstruction: Content;
  neighbours: Neighbour[];
  densityPercentile: number | null;
  reconstructionError: number | null;
  x: number;
  y: number;
  label: string | null;
  fields: { name: string; value: string }[];
}

export interface Difference {
  name: string;
  generated: string;
  real: string;
}

export interface Factor {
  index: number;
  rank: number;
  /** Nats; and how far the decode moves, in encoded units. */
  kl: number;
  effect: number;
  active: boolean;
}

/** All latent dimensions, strongest first; KL from n rows, effects from `sample` of them. */
export interface Factors {
  factors: Factor[];
  n: number;
  sample: number;
}

export interface Change {
  name: string;
  kind: string;
  texts: string[];
  numbers: (number | null)[] | null;
}

/** One latent dimension moved in equal steps from a row, or from the mean of all. */
export interface Film {
  factor: number;
  row: number | null;
  values: number[];
  contents: Content[];
  places: [number, number][];
  nearest: number[];
  densityPercentiles: (number | null)[];
  changes: Change[] | null;
}

export interface Decoded {
  id: number;
  x: number;
  y: number;
  content: Content;
  nearest: Neighbour;
  densityPercentile: number | null;
  hasData: boolean;
  uncertainty: number | null;
  neighbours: Neighbour[] | null;
  differs: Difference[] | null;
}

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
    reconstruction: readContent(item.reconstruction),
  };
}

export function readFilm(raw: unknown): Film {
  const film = raw as Wire;
  return { ...(film as unknown as Film), contents: (film.contents as unknown[]).map((c) => readContent(c)) };
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
