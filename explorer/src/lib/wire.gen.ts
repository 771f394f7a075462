/** Written by explorer/generate_types.py from src/deepspace/server/wire: do not edit, run `make wire`. */

/** ``placed`` of the rows have a place; trust is measured on ``n`` of those. ``exact``: a place leads back to latents by itself, and else the near rows' are blended. */
export interface AxesInfo {
  name: string;
  kind: "map" | "latent" | "pca" | "columns";
  axes: [AxisInfo, AxisInfo];
  exact: boolean;
  placed: number;
  bounds: [number, number, number, number];
  trustworthiness: number | null;
  continuity: number | null;
  n: number | null;
  k: number | null;
}

/** One axis: a place at p reads ``origin + unit * p``. ``explained``: its share of the latents' variance. */
export interface AxisInfo {
  label: string;
  kind: string;
  origin: number;
  unit: number;
  explained: number | null;
}

/** One formatted cell of a record. */
export interface CellText {
  name: string;
  value: string;
  kind: string;
}

/** What the model makes of a grid of places, line by line from above; nothing where there is no data. */
export interface Cells {
  contents: (ImageContent | SignalContent | TableContent | VectorContent | null)[];
}

/** A column of a table along a film; ``numbers`` where it is one. */
export interface Change {
  name: string;
  kind: string;
  texts: string[];
  numbers: (number | null)[] | null;
}

/** A column that the map can be coloured by. Bytes of it come from /api/columns/{index}. */
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

export interface DecodeRequest {
  type: "decode";
  id: number;
  x: number;
  y: number;
  detail: boolean;
  axes: string;
}

/** Header of the binary answer to a decode request. */
export interface Decoded {
  type: "decoded";
  id: number;
  x: number;
  y: number;
  content: ImageContent | SignalContent | TableContent | VectorContent;
  nearest: NeighbourInfo;
  densityPercentile?: number | null;
  hasData: boolean;
  uncertainty?: number | null;
  neighbours?: NeighbourInfo[] | null;
  differs?: Difference[] | null;
}

/** A field in which a generated record is unlike the nearest real one. */
export interface Difference {
  name: string;
  generated: string;
  real: string;
}

/** Sent as text to a live connection whose message could not be served. */
export interface ErrorMessage {
  type: "error";
  id?: number | null;
  error: string;
}

/** One latent dimension: mean KL in nats, and how far the decode moves with it, in encoded units. */
export interface FactorInfo {
  index: number;
  rank: number;
  kl: number;
  effect: number;
  active: boolean;
}

/** All of them, strongest first; KL from ``n`` rows, effects from ``sample`` of them. */
export interface FactorsInfo {
  factors: FactorInfo[];
  n: number;
  sample: number;
}

export interface FieldShape {
  name: string;
  kind: string;
  unit: string | null;
}

/** One dimension moved in equal steps from ``row`` (or the mean): where it was, what it decodes to, where that lies on the map, the nearest real row, and how crowded it is there. */
export interface Film {
  factor: number;
  row: number | null;
  values: number[];
  contents: (ImageContent | SignalContent | TableContent | VectorContent)[];
  places: [number, number][];
  nearest: number[];
  densityPercentiles: (number | null)[];
  changes: Change[] | null;
}

/** A row, and the cell in which the text was found; both empty where it was the row's number. */
export interface FoundRow {
  index: number;
  column: string;
  value: string;
  label: string | null;
}

/** How many rows hold the text, the first few, and the condition that ``space.rows.select`` takes. */
export interface FoundRows {
  count: number;
  first: FoundRow[];
  where: string;
}

export interface ImageContent {
  kind: "image";
  width: number;
  height: number;
  channels: number;
  data: string | null;
}

export interface ImageShape {
  modality: "image";
  width: number;
  height: number;
  channels: number;
}

/** A real row, what the model makes of it, and where it lies. */
export interface Item {
  index: number;
  real: ImageContent | SignalContent | TableContent | VectorContent;
  reconstruction: ImageContent | SignalContent | TableContent | VectorContent;
  neighbours: NeighbourInfo[];
  densityPercentile: number | null;
  reconstructionError: number | null;
  x: number;
  y: number;
  label: string | null;
  fields: NamedValue[];
}

/** Bounds [x0, y0, x1, y1] and how far the map can be trusted, over n rows and k neighbours. */
export interface MapInfo {
  bounds: [number, number, number, number];
  trustworthiness: number | null;
  continuity: number | null;
  n: number | null;
  k: number | null;
}

export interface NamedValue {
  name: string;
  value: string;
}

export interface NeighbourInfo {
  index: number;
  distance: number;
}

/** Header of the binary preview of a space that is still being fitted. */
export interface Preview {
  type: "preview";
  epoch: number;
  n: number;
  labels?: PreviewLabels | null;
}

export interface PreviewLabels {
  categories: string[];
  encoding: "u8";
}

/** ``deepspace.training.events.Progress``, as the page sees it. */
export interface ProgressInfo {
  phase: "loading" | "training" | "encoding" | "mapping" | "measuring" | "saving" | "ready" | "failed";
  fraction: number;
  epoch: number;
  epochs: number;
  elbo?: number | null;
  reconstruction?: number | null;
  kl?: number | null;
  validationElbo?: number | null;
  activeUnits?: number | null;
  rowsPerSecond?: number | null;
  secondsLeft?: number | null;
  message: string;
}

/** Where the session stands; sent on /api/session and, with type "session", to every live connection. */
export interface SessionInfo {
  type: "session";
  phase: "loading" | "training" | "encoding" | "mapping" | "measuring" | "saving" | "ready" | "failed";
  name: string;
  modality?: string | null;
  progress?: ProgressInfo | null;
  error?: string | null;
  version: string;
  notes: string[];
  canStop: boolean;
}

export interface SignalContent {
  kind: "signal";
  channels: number;
  length: number;
  data: ((number | null)[])[] | null;
}

export interface SignalShape {
  modality: "signal";
  channels: number;
  length: number;
  channelNames: string[];
}

export interface SpaceInfo {
  name: string;
  modality: string;
  n: number;
  latentDim: number;
  columns: ColumnInfo[];
  item: ImageShape | SignalShape | TableShape | VectorShape;
  map: MapInfo;
  health: string[];
  source: string;
  notes: string[];
  measures: Record<string, unknown>;
  sprites: SpriteInfo | null;
  defaultColour: number | null;
}

/** Sheets of thumbnails in row order: tile [w, h] in pixels, ``columns`` tiles a line, ``per_sheet`` a sheet. */
export interface SpriteInfo {
  tile: [number, number];
  perSheet: number;
  sheets: number;
  columns: number;
}

export interface StopRequest {
  type: "stop";
}

export interface TableContent {
  kind: "table";
  fields: CellText[];
}

export interface TableShape {
  modality: "table";
  fields: FieldShape[];
}

export interface VectorContent {
  kind: "vector";
  note: string;
  fields: CellText[];
}

export interface VectorShape {
  modality: "vector";
  dim: number;
}

/** One kind of path: what it is like, and its steps as a film. ``length`` in latent units, ``decoded_length`` in those of ``Ways.unit``; ``shorter`` and ``denser``: the gain over the line, a share of the decoded length and percentile points at the emptiest step. ``line``: its course on the map. */
export interface Way {
  kind: "linear" | "spherical" | "geodesic" | "density";
  found: string;
  length: number;
  decodedLength: number;
  shorter: number;
  denser: number;
  lowest: number;
  line: [number, number][];
  contents: (ImageContent | SignalContent | TableContent | VectorContent)[];
  places: [number, number][];
  nearest: number[];
  densityPercentiles: (number | null)[];
  changes: Change[] | null;
}

/** Every kind of path through the places asked for. ``anchors``: the steps at which each kind is at them; ``python``: the same places as a script writes them; ``n``: rows that density is measured among. */
export interface Ways {
  through: string[];
  steps: number;
  anchors: number[];
  unit: string;
  n: number;
  python: string[];
  ways: Way[];
}
