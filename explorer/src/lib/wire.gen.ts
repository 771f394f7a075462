/** Written by explorer/generate_types.py from src/deepspace/server/wire: do not edit, run `make wire`. */

/** How much of a direction lies along one dimension, in deviations. */
export interface Along {
  dimension: number;
  weight: number;
}

/** ``placed`` of the rows have a place; trust is measured on ``n`` of those. ``exact``: a place leads back to latents by itself, and else the near rows' are blended. */
export interface AxesInfo {
  name: string;
  kind: "map" | "latent" | "pca" | "columns" | "layer";
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

/** What the second space makes of a place on its own map. */
export interface Beside {
  x: number;
  y: number;
  content: ImageContent | SignalContent | TableContent | VectorContent;
  nearest: NeighbourInfo;
  hasData: boolean;
}

/** One row as the predictor decides it. ``shown``: as its place on the map decodes, null without a decoder. ``same``, ``opposite``: the real rows nearest to it with its decision and with another; ``notes``: what to know of them, what is wrong first. */
export interface CaseInfo {
  row: number;
  own: DecidedInfo;
  shown: DecidedInfo | null;
  happened: string | null;
  right: boolean | null;
  tested: boolean;
  same: CaseRow[];
  opposite: CaseRow[];
  notes: string[];
}

/** A precedent. ``happened``: its known outcome; ``differs``: what is unlike the case, from the case to the row, the most unlike first; ``beside``: the same in columns that the predictor is not given. */
export interface CaseRow {
  row: number;
  distance: number;
  outcome: string;
  score: number;
  happened: string | null;
  right: boolean | null;
  differs: string[];
  beside: string[];
}

/** One formatted cell of a record. ``share``, 0..1, is drawn as a bar behind a count. */
export interface CellText {
  name: string;
  value: string;
  kind: string;
  share: number | null;
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

export interface ChangedCell {
  column: string;
  before: string;
  after: string;
}

export interface ColumnEffect {
  name: string;
  value: number;
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

/** Which is better at what, first in words. */
export interface Compared {
  names: [string, string];
  labels: [string, string];
  dims: [number, number];
  sentences: string[];
  unit: string;
  gaps: ComparedGap[];
  curves: [ComparedCurve, ComparedCurve];
  kept: number;
  keptInterval: [number, number];
  k: number;
  n: number;
  trustworthiness: [number | null, number | null];
}

/** Error with the strongest dimensions alone, with its interval, for n held-out rows. */
export interface ComparedCurve {
  dims: number[];
  error: number[];
  low: number[];
  high: number[];
  n: number;
}

/** One mean figure of both spaces over the same n rows; the interval is of the difference b - a. */
export interface ComparedGap {
  part: string;
  about: string;
  a: number;
  b: number;
  n: number;
  low: number | null;
  high: number | null;
  winner: "a" | "b" | "";
}

/** One row rebuilt by both, with its errors, and its neighbours: in both, only in a, only in b; distances are those of the space that has them, of a where both do. */
export interface ComparedItem {
  index: number;
  real: ImageContent | SignalContent | TableContent | VectorContent;
  rebuilt: [ImageContent | SignalContent | TableContent | VectorContent, ImageContent | SignalContent | TableContent | VectorContent];
  errors: [number, number];
  both: NeighbourInfo[];
  onlyA: NeighbourInfo[];
  onlyB: NeighbourInfo[];
}

/** How far the second space is: not asked for yet (``kept``: it lies on the disk already), under way, or there. */
export interface Comparing {
  state: "none" | "making" | "ready" | "failed";
  kept: boolean;
  doing: string;
  fraction: number;
  error: string | null;
  found: Compared | null;
}

/** A selection at one layer, as ``deepspace.layers.LayerConcept``. */
export interface ConceptAt {
  layer: string;
  accuracy: number;
  low: number;
  high: number;
  chance: number;
  chanceLow: number;
  chanceHigh: number;
  readable: boolean;
}

/** ``size`` rows on each side of a classifier, out of ``selected`` and ``pool`` others; ``left_out``: layers without an answer, with the reason; ``sentence``: what one sees. */
export interface ConceptInfo {
  layers: ConceptAt[];
  selected: number;
  size: number;
  pool: number;
  runs: number;
  leftOut: string[];
  sentence: string;
}

/** ``outcome``: its place; ``score``: what it hangs on; ``scores``: of every outcome, or the one value. */
export interface DecidedInfo {
  outcome: number;
  score: number;
  margin: number;
  scores: number[];
}

/** ``command``: how to begin with a predictor. ``generative``: whether places decode. ``margin``: how far beyond the threshold counterfactuals lie unless the page asks otherwise; ``constraints``: what they keep to, "" for nothing. */
export interface DecisionsInfo {
  predictors: PredictorInfo[];
  command: string;
  generative: boolean;
  margin: number;
  constraints: string;
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
  uncertaintyPercentile?: number | null;
  neighbours?: NeighbourInfo[] | null;
  differs?: Difference[] | null;
}

/** Layer by layer, "input" first. ``categories``: of accuracy; without, R^2. ``descriptor``: no column of the user's but what can be measured of the item, ``about`` says what. ``sentence``: what one sees. */
export interface DepthColumn {
  name: string;
  descriptor: boolean;
  categories: number | null;
  about: string;
  sentence: string;
  readings: DepthReading[];
}

export interface DepthInfo {
  layers: string[];
  columns: DepthColumn[];
  dimensions: DimensionReading[];
  n: number;
  note: string;
}

/** One column at one layer, as ``deepspace.layers.depth.Reading``. */
export interface DepthReading {
  value: number;
  low: number;
  high: number;
  knn: number;
  control: number;
  untrained: number | null;
  gain: number | null;
  gainLow: number | null;
  gainHigh: number | null;
  baseline: number;
  n: number;
}

/** What the start page offers: ``folder`` is where spaces are kept, ``room`` the most bytes an upload may have. */
export interface DeskInfo {
  folder: string;
  room: number;
  recent: RecentInfo[];
  partial: PartialInfo[];
  examples: ExampleInfo[];
}

/** A field in which a generated record is unlike the nearest real one. */
export interface Difference {
  name: string;
  generated: string;
  real: string;
}

/** Mean and deviation of the aggregate posterior in one dimension; the prior's are 0 and 1. */
export interface DimensionInfo {
  index: number;
  mean: number;
  deviation: number;
  active: boolean;
}

/** How many directions a layer's answers vary in; null where too few rows differ. */
export interface DimensionReading {
  value: number | null;
  low: number | null;
  high: number | null;
  n: number;
}

/** A place moved along a direction; ``values``: amounts, 1 is the way from the average of B to that of A. */
export interface DirectionFilm {
  values: number[];
  contents: (ImageContent | SignalContent | TableContent | VectorContent)[];
  places: [number, number][];
  nearest: number[];
  densityPercentiles: (number | null)[];
  changes: Change[] | null;
  start: string;
}

/** A direction and how sure it is, as ``deepspace.explore.Direction``; ``null``: mean AUC of ``pairs`` random pairs of groups. */
export interface DirectionInfo {
  id: string;
  positive: GroupInfo;
  negative: GroupInfo;
  method: "means" | "logistic";
  angle: number;
  step: number;
  stepInterval: [number, number];
  auc: number | null;
  aucInterval: [number, number] | null;
  heldOut: number;
  null: number | null;
  pairs: number;
  p: number | null;
  effects: EffectInfo[];
  effectsN: number;
  warnings: string[];
}

/** From ``negative`` (all other rows, where it is null) to ``positive``. */
export interface DirectionRequest {
  positive: GroupRequest;
  negative: GroupRequest | null;
  method: "means" | "logistic";
}

/** Where at least ``level`` of the ``k`` measured rows around are decided otherwise than their places: base64 of a byte a cell, 1 or 0. ``share``: of all ``n`` rows; ``hatched``: of the places. */
export interface DoubtInfo {
  origin: [number, number];
  cell: number;
  columns: number;
  rows: number;
  data: string;
  k: number;
  level: number;
  n: number;
  share: number;
  hatched: number;
}

/** Lines on the map, x and y in turn, each between two outcomes; the outcome of each place of a grid, base64 of a byte each, 255 for none. The grid as in ``GridInfo``. */
export interface DrawingInfo {
  view: "generative" | "static";
  origin: [number, number];
  cell: number;
  columns: number;
  rows: number;
  data: string;
  lines: number[][];
  between: [number, number][];
}

/** What a unit looks for, made up. ``answer``: the unit's, averaged over positions; ``strongest``: the largest to ``n`` real rows, and ``row_percentile`` the share of those below it; ``ratio``: null where that is not above 0. ``density_percentile``: how crowded the place is, of a dream through the decoder. */
export interface DreamInfo {
  layer: string;
  index: number;
  through: "pixels" | "decoder";
  content: ImageContent | SignalContent | TableContent | VectorContent;
  answer: number;
  start: number;
  strongest: number;
  rowPercentile: number;
  ratio: number | null;
  n: number;
  steps: number;
  densityPercentile: number | null;
}

/** A row that drives a unit; ``box``: (first, last + 1) along each axis of the item of what reaches the unit. */
export interface DriverInfo {
  row: number;
  answer: number;
  box: [number, number][] | null;
}

/** A column that goes with the direction, as ``deepspace.explore.SideEffect``. */
export interface EffectInfo {
  name: string;
  kind: string;
  role: string;
  strength: number;
  p: number;
  q: number;
  n: number;
  toward: string;
  away: string;
  within: number | null;
  defines: boolean;
  moves: boolean;
}

/** One epoch, in nats a row, of the rows trained on and of those held out. */
export interface EpochInfo {
  epoch: number;
  elbo: number | null;
  reconstruction: number | null;
  kl: number | null;
  validationElbo: number | null;
  validationReconstruction: number | null;
  validationKl: number | null;
}

/** Sent as text to a live connection whose message could not be served. */
export interface ErrorMessage {
  type: "error";
  id?: number | null;
  error: string;
}

export interface ExampleInfo {
  name: string;
  title: string;
  modality: string;
  rows: number;
  says: string;
}

/** One latent dimension: mean KL in nats, how far the decode moves with it, in encoded units, and mean and deviation of the aggregate posterior. KL needs a posterior, the effect a decoder. */
export interface FactorInfo {
  index: number;
  rank: number;
  kl: number | null;
  effect: number | null;
  active: boolean;
  mean: number;
  deviation: number;
}

/** A dimension follows a column: "petal length, rising", and how sure that is. */
export interface FactorName {
  factor: number;
  title: string;
  certainty: string;
}

/** Every name that the tests allow, of ``pairs`` of dimensions and columns looked at, with false discoveries held to ``level``. */
export interface FactorNamesInfo {
  names: FactorName[];
  pairs: number;
  level: number;
}

/** All of them, strongest first; KL from ``n`` rows, effects from ``sample`` of them. */
export interface FactorsInfo {
  factors: FactorInfo[];
  n: number;
  sample: number;
}

/** A model family that can learn this data. */
export interface FamilyInfo {
  name: string;
  title: string;
  says: string;
}

/** Density, float32 at /api/layers/density.f32. ``levels[i]`` is exceeded by ``shares[i]`` of the ``n`` rows. */
export interface FieldInfo {
  origin: [number, number];
  cell: number;
  columns: number;
  rows: number;
  bandwidth: number;
  shares: number[];
  levels: number[];
  n: number;
}

export interface FieldShape {
  name: string;
  kind: string;
  unit: string | null;
}

/** One dimension (or local factor) moved in equal steps from ``place``. */
export interface Film {
  values: number[];
  contents: (ImageContent | SignalContent | TableContent | VectorContent)[];
  places: [number, number][];
  nearest: number[];
  densityPercentiles: (number | null)[];
  changes: Change[] | null;
  factor: number;
  place: string;
}

/** ``key``: of the rows that it is about. */
export interface FindingConcept {
  state: "none" | "making" | "ready" | "failed";
  doing: string;
  fraction: number;
  error: string | null;
  key: string;
  found: ConceptInfo | null;
}

/** ``output``: a name or a path; ``overwrite`` replaces the space that is there. */
export interface FitRequest {
  source: string;
  corrections: Record<string, unknown>;
  output: string;
  overwrite: boolean;
  epochs: number | null;
  latentDim: number | null;
  model: string | null;
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

/** Generated places in turn: how far each was moved, what it decodes to, where that lies on the map, the nearest real row, and how crowded it is there. */
export interface Frames {
  values: number[];
  contents: (ImageContent | SignalContent | TableContent | VectorContent)[];
  places: [number, number][];
  nearest: number[];
  densityPercentiles: (number | null)[];
  changes: Change[] | null;
}

/** A grid over the map: [x, y] of the middle of its first cell, its cells' side, and how many. The first row lies lowest; the bytes are in row order. */
export interface GridInfo {
  origin: [number, number];
  cell: number;
  columns: number;
  rows: number;
}

/** A group, the rows that were used of it and how many it has. */
export interface GroupInfo {
  name: string;
  n: number;
  total: number;
}

/** Rows by name: one bit a row in base64, the first in the lowest bit of the first byte; ``columns``: those that the rows were chosen by. */
export interface GroupRequest {
  name: string;
  bits: string;
  columns: string[];
}

/** The first rows as text. */
export interface Head {
  names: string[];
  cells: string[][];
}

/** ``limit``: the reconstruction error beyond which a row is far outside the others, as ``far`` of ``n`` are. ``held_out``: where rows were held out in groups, which they are, in words; else empty. */
export interface HealthInfo {
  epochs: EpochInfo[];
  bestEpoch: number | null;
  stopped: string | null;
  dimensions: DimensionInfo[];
  worst: WorstRow[];
  limit: number | null;
  far: number;
  median: number | null;
  errorUnit: string;
  n: number;
  heldOut: string;
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

/** A real row, what the model makes of it (nothing without a decoder), and where it lies. */
export interface Item {
  index: number;
  real: ImageContent | SignalContent | TableContent | VectorContent;
  reconstruction: ImageContent | SignalContent | TableContent | VectorContent | null;
  neighbours: NeighbourInfo[];
  densityPercentile: number | null;
  reconstructionError: number | null;
  x: number;
  y: number;
  label: string | null;
  fields: NamedValue[];
}

/** One layer's map; ``axes``: the name that the main map shows it by. ``moved``: from the map before, in spreads. */
export interface LayerMapInfo {
  layer: string;
  axes: string;
  trustworthiness: number | null;
  continuity: number | null;
  measured: number;
  moved: number | null;
  separation: LayerSeparation[];
}

/** In the order of the layers, "input" first; ``placed``: how many rows have a place, of which ``held_out`` were not trained on (null: nobody says). */
export interface LayerMapsInfo {
  maps: LayerMapInfo[];
  placed: number;
  heldOut: number | null;
}

/** How well a column is told by the five nearest rows in a layer: accuracy of categories, else R^2. */
export interface LayerSeparation {
  column: string;
  categories: boolean;
  value: number;
  baseline: number;
  n: number;
}

/** The grids, whose bytes are fetched when they are shown. */
export interface LayersInfo {
  density: FieldInfo;
  presence: PresenceInfo;
}

/** A value whose rows are left out more often than the others': ``missed`` of ``rows``; ``q`` of the test. */
export interface LeftOutGroup {
  column: string;
  value: string;
  missed: number;
  rows: number;
  q: number;
}

/** How like anything seen: the combined p-value against ``n`` held-out rows. ``seen``: no row was held out. */
export interface Likeness {
  row: number;
  p: number;
  n: number;
  seen: boolean;
  parts: Record<string, number>;
}

/** A column that a unit goes with, as ``deepspace.layers.units.Link``. */
export interface LinkInfo {
  phrase: string;
  column: string;
  strength: number;
  q: number;
  area: number | null;
  descriptor: boolean;
}

/** A principal direction of the decoder at a place: its share of the local variance, and its heaviest dimensions. */
export interface LocalFactorInfo {
  share: number;
  gain: number;
  along: Along[];
  film: Film;
}

/** What data is taken for. ``output`` is the name that its space would get, ``taken`` whether there is one. */
export interface Look {
  source: string;
  name: string;
  modality: string;
  rows: number;
  shape: number[];
  target: string | null;
  columns: LookColumn[];
  columnCount: number;
  correctable: boolean;
  notes: string[];
  head: Head;
  items: (ImageContent | SignalContent | TableContent | VectorContent)[] | null;
  families: FamilyInfo[];
  output: string;
  taken: boolean;
}

export interface LookColumn {
  name: string;
  kind: string;
  role: string;
  missing: number;
  distinct: number;
  values: string;
  reason: string;
}

/** What there is so far. ``counts``: rows by outcome; ``accuracy`` and ``auc`` on the tested rows; ``drawn``: how often the generative drawing has changed, ``calls`` items asked for it of ``full`` for a whole lattice; ``doubt``: whether the hatching is there. */
export interface LookInfo {
  counts: number[];
  n: number;
  accuracy: ShareInfo | null;
  auc: number | null;
  aucLow: number | null;
  aucHigh: number | null;
  drawn: number;
  traced: boolean;
  calls: number;
  full: number;
  still: ShareInfo | null;
  doubt: boolean;
  trust: TrustInfo | null;
  worth: WorthInfo | null;
}

/** ``corrections`` as --schema takes them: {modality, target, image_size, columns: {name: {kind, role}}}. */
export interface LookRequest {
  source: string;
  corrections: Record<string, unknown>;
}

/** Parts are there as they come, while it is still under way. */
export interface Looking {
  state: "none" | "making" | "ready" | "failed";
  doing: string;
  fraction: number;
  error: string | null;
  found: LookInfo | null;
}

export interface MakingMaps {
  state: "none" | "making" | "ready" | "failed";
  doing: string;
  fraction: number;
  error: string | null;
  found: LayerMapsInfo | null;
}

/** Bounds [x0, y0, x1, y1] and how far the map can be trusted, over n rows and k neighbours. */
export interface MapInfo {
  bounds: [number, number, number, number];
  trustworthiness: number | null;
  continuity: number | null;
  n: number | null;
  k: number | null;
}

/** A place with some dimensions set by hand: all its latents, what it decodes to, where it lies on the map, the nearest real rows, how crowded it is there and how sure the decode is. */
export interface Mixed {
  z: number[];
  content: ImageContent | SignalContent | TableContent | VectorContent;
  place: [number, number];
  hasData: boolean;
  nearest: NeighbourInfo[];
  densityPercentile: number | null;
  uncertainty: number | null;
  uncertaintyPercentile: number | null;
}

export interface NamedUnit {
  index: number;
  name: string;
  strength: number;
}

export interface NamedValue {
  name: string;
  value: string;
}

export interface NeighbourInfo {
  index: number;
  distance: number;
}

/** The layers in the order they run, encoder first. Where there is nothing to look into, ``reason`` says why. */
export interface NetworkInfo {
  layers: NetworkLayer[];
  parameters: number;
  leftOut: string[];
  reason: string | null;
}

/** One layer as it runs; ``shape``: its output for one row. */
export interface NetworkLayer {
  name: string;
  part: string;
  kind: string;
  shape: number[];
  units: number;
  parameters: number;
}

/** What is under way of what units need: their answers to many rows, then tests. Empty: nothing. */
export interface NetworkWork {
  doing: string;
  fraction: number;
}

/** Two predictors: agreement on held-out rows, the rows (of all) on which they disagree, and who is right there. */
export interface PairInfo {
  a: number;
  b: number;
  agreement: ShareInfo;
  rows: number[];
  apart: number;
  aRight: ShareInfo | null;
  bRight: ShareInfo | null;
}

/** A fit that was cut short. ``blocked`` says why it cannot go on from here. */
export interface PartialInfo {
  path: string;
  name: string;
  data: string | null;
  epochs: number;
  elbo: number | null;
  trained: boolean;
  changed: number;
  blocked: string | null;
}

export interface PathRequest {
  path: string;
}

export interface PinRequest {
  row: number | null;
}

/** One predictor; ``decision``, ``score`` and ``verdict``: the columns to colour by, the last where it is known what happened. ``favourable``: the place of the outcome that people want. ``values``: it answers values, no probabilities. ``tested``: rows that it was not fitted on, as far as is known (``tested_known``: somebody said so). ``python``: how a script names it. */
export interface PredictorInfo {
  index: number;
  name: string;
  source: string;
  outcomes: string[];
  favourable: number | null;
  threshold: number | null;
  values: boolean;
  target: string | null;
  tested: number;
  testedKnown: boolean;
  notes: string[];
  decision: number;
  score: number;
  verdict: number | null;
  python: string;
}

export interface PredictorsInfo {
  pairs: PairInfo[];
}

/** Where there is data, one byte a cell at /api/layers/presence.u8: 1 or 0. */
export interface PresenceInfo {
  origin: [number, number];
  cell: number;
  columns: number;
  rows: number;
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

export interface ReadingDepth {
  state: "none" | "making" | "ready" | "failed";
  doing: string;
  fraction: number;
  error: string | null;
  found: DepthInfo | null;
}

/** ``stability``: the share of resamples of the accepted cases in which it is a principal reason. */
export interface ReasonInfo {
  text: string;
  code: string;
  stability: number;
  contribution: number;
  low: number;
  high: number;
}

/** The principal reasons of an adverse decision relative to accepted cases; where there are none ``nothing`` says why. ``flips_real``: the share of ``n`` real accepted cases whose values in these columns turn the decision. */
export interface ReasonsInfo {
  row: number;
  reasons: ReasonInfo[];
  unstable: string[];
  nothing: string;
  shareExplained: number | null;
  flips: boolean | null;
  flipsReal: number | null;
  n: number;
  notes: string[];
}

/** A space that can be opened again; ``opened`` in seconds since 1970, None for one that was only found here. */
export interface RecentInfo {
  path: string;
  name: string;
  modality: string;
  rows: number;
  opened: number | null;
  missing: boolean;
}

/** What would change a decision. ``threshold``: from which score on it is ``desired``, None of many outcomes, and ``margin`` how far beyond. Where nothing was found ``refused`` says why, and ``closest`` came nearest. */
export interface RecourseInfo {
  row: number;
  outcome: string;
  desired: string;
  threshold: number | null;
  margin: number;
  found: RecourseWay[];
  refused: string | null;
  closest: RecourseWay | null;
  notes: string[];
}

/** One counterfactual, re-scored by the predictor. ``changes``: of a record; ``contents``: else the way there in generated items, the last one is the counterfactual; ``visible``: what a person can see of that, ``more``: how far it goes, both "" of a record. ``score_before``, ``score_after``: towards what is desired. ``support``: of the real rows nearest to it, how many are decided so. ``path``: places on the map. */
export interface RecourseWay {
  changes: ChangedCell[];
  contents: (ImageContent | SignalContent | TableContent | VectorContent)[];
  visible: string;
  more: string;
  scoreBefore: number;
  scoreAfter: number;
  outcome: string;
  support: ShareInfo;
  distancePercentile: number;
  path: [number, number][];
}

/** A hill of the map's density; its label stands at (x, y), ``exemplar`` is the row that stands for it. */
export interface RegionInfo {
  index: number;
  n: number;
  share: number;
  x: number;
  y: number;
  label: string;
  traits: TraitInfo[];
  exemplar: number;
}

/** All of them, largest first. ``without`` rows lie in none; ``tested`` rows gave the names, of which at most a share ``fdr`` may be chance. The region of each row, int16 with -1 for none, is at /api/regions.i16. */
export interface RegionsInfo {
  regions: RegionInfo[];
  n: number;
  without: number;
  tested: number;
  fdr: number;
}

/** What of a real row a latent rests on, as ``deepspace.layers.Saliency``. ``data``: base64 of float32, ``height`` x ``width``: of a picture summed over its channels, of a signal a line a channel. ``columns``: of a record or vector, the strongest of ``width``. ``most``: where colours are full. ``answer``: the latent's; ``baseline``: that at what the row is compared with; ``completeness``: how far the parts are from adding up to their difference. ``passed``, ``verdict``: of the check by redrawn weights; null: untested. */
export interface SaliencyInfo {
  row: number;
  latent: number;
  form: "picture" | "lines" | "columns";
  method: string;
  height: number;
  width: number;
  data: string;
  most: number;
  columns: ColumnEffect[];
  answer: number;
  baseline: number;
  completeness: number | null;
  passed: boolean | null;
  verdict: string;
}

/** Where the session stands; sent on /api/session and, with type "session", to every live connection. desk: whether there is a start page to go back to; then ``serial`` counts the sessions, and the phase is "idle" while none is open. */
export interface SessionInfo {
  type: "session";
  phase: "loading" | "training" | "encoding" | "mapping" | "measuring" | "saving" | "ready" | "failed" | "idle";
  name: string;
  modality?: string | null;
  progress?: ProgressInfo | null;
  error?: string | null;
  version: string;
  notes: string[];
  canStop: boolean;
  desk: boolean;
  serial: number;
}

/** A share of ``n`` rows, with its 95 % interval. */
export interface ShareInfo {
  value: number;
  low: number;
  high: number;
  n: number;
}

/** Sent to every live connection when something changed, with type "shared". ``selected``: how many rows, or null when nothing is selected; which ones comes from /api/shared/selection, one bit a row. */
export interface SharedInfo {
  type: "shared";
  serial: number;
  selected: number | null;
  pinned: number | null;
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

/** Where an upload went, as ``source`` of what follows. */
export interface SourceInfo {
  source: string;
}

/** ``decodes``: whether there is a decoder; without one, places are shown by the real rows nearest to them. */
export interface SpaceInfo {
  name: string;
  modality: string;
  n: number;
  latentDim: number;
  decodes: boolean;
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

/** From the input to the latent and back. ``generated``: the input is itself decoded, from a place that no row has; ``latent``: the means; ``about``: what mattering was measured by. */
export interface StripInfo {
  place: string;
  generated: boolean;
  input: ImageContent | SignalContent | TableContent | VectorContent;
  layers: StripLayer[];
  latent: number[];
  output: ImageContent | SignalContent | TableContent | VectorContent;
  about: string;
}

/** What one layer answers to one item: maps of its units that matter most, in that order. ``data``: base64 of uint8, one map after the other, each ``height`` x ``width``; 0 is ``low``, 255 is ``high``. ``shares``: of what all the layer's units matter; ``peaks``: each unit's largest answer; ``count``: all its units; ``names``: what each goes with, once that was tested. */
export interface StripLayer {
  name: string;
  part: string;
  kind: string;
  form: "map" | "line" | "cell";
  units: number[];
  names: (string | null)[];
  shares: number[];
  peaks: number[];
  count: number;
  low: number;
  high: number;
  height: number;
  width: number;
  data: string;
}

/** A sum of places, generated: where it lies on the map and the real rows nearest to it, without those summed. */
export interface SumInfo {
  formula: string;
  content: ImageContent | SignalContent | TableContent | VectorContent;
  x: number;
  y: number;
  densityPercentile: number | null;
  neighbours: NeighbourInfo[];
  warnings: string[];
}

/** How sure the decode is, float32 at /api/layers/uncertainty.f32: the percentile among the rows' own values, NaN where there is no data. ``measured``: cells that were; ``typical``: their median, in ``unit``. */
export interface SurenessInfo {
  origin: [number, number];
  cell: number;
  columns: number;
  rows: number;
  measured: number;
  typical: number | null;
  unit: string;
}

export interface TableContent {
  kind: "table";
  fields: CellText[];
}

export interface TableShape {
  modality: "table";
  fields: FieldShape[];
}

/** What is distinctive of a region, in words; ``n`` rows of it have a value, ``q`` is the adjusted p. */
export interface TraitInfo {
  column: string;
  phrase: string;
  short: string;
  delta: number;
  q: number;
  n: number;
}

export interface TriangleCell {
  content: ImageContent | SignalContent | TableContent | VectorContent;
  weights: [number, number, number];
  outcome: number;
  score: number;
}

/** The plane through three rows: ``corners`` in the plane, small triangles as x, y of three corners each with their commonest outcome (-1: all differ), lines as in ``DrawingInfo``; ``films``: the middle and the corners, decoded. */
export interface TriangleInfo {
  rows: [number, number, number];
  corners: [number, number][];
  places: [number, number][];
  outcome: number[];
  cells: [number, number, number][];
  lines: number[][];
  own: number[];
  shown: number[];
  placesDecoded: TriangleCell[];
  lowest: number;
}

/** As ``deepspace.decisions.MapTrust``. */
export interface TrustInfo {
  accuracy: ShareInfo | null;
  shownAccuracy: ShareInfo | null;
  auc: number | null;
  aucLow: number | null;
  aucHigh: number | null;
  agreement: ShareInfo;
  rebuilt: ShareInfo;
  chance: number;
  consistency: ShareInfo;
  rounds: number;
  byOutcome: ShareInfo[];
  better: boolean;
  sentence: string;
}

/** ``rows``: all that were left out of ``n`` looked at, the most forsaken first, with ``distances`` to the nearest of ``made`` generated rows in radii of their own ball; ``expected``: how many chance would leave out. */
export interface UncoveredInfo {
  rows: number[];
  distances: number[];
  n: number;
  made: number;
  k: number;
  features: string;
  expected: number;
  groups: LeftOutGroup[];
  tested: number;
}

/** One unit's page. ``n``: rows; ``tested``: pairs of the layer's units and columns; ``named``: the layer's units with a name, strongest first. */
export interface UnitInfo {
  layer: string;
  index: number;
  count: number;
  links: LinkInfo[];
  mean: number;
  deviation: number;
  fires: number;
  most: DriverInfo[];
  least: DriverInfo[];
  named: NamedUnit[];
  n: number;
  tested: number;
  level: number;
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

/** How far a piece of work is: not asked for, under way, or there. */
export interface Working {
  state: "none" | "making" | "ready" | "failed";
  doing: string;
  fraction: number;
  error: string | null;
}

export interface WorstRow {
  row: number;
  error: number;
  seen: boolean;
}

/** Rows worth a look: the closest decisions; the surest that the map decides otherwise; the surest and wrong. */
export interface WorthInfo {
  closest: WorthRow[];
  differs: WorthRow[];
  wrong: WorthRow[];
  differsOf: number;
  wrongOf: number;
}

/** ``value``: the margin, or how sure the predictor is. */
export interface WorthRow {
  row: number;
  value: number;
}
