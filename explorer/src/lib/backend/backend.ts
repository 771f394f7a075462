/** Where the page gets its data: a server, or a fixture inside the page. */

import type { Raster } from "../map/raster";
import type { Desk } from "../start/desk";
import type {
  AxesInfo, ColumnInfo, Content, Decoded, Direction, DirectionFilm, DirectionRequest, FactorNames, Factors, Film, Found, Health, Item, LocalFactor, Mixed, Preview,
  Regions, Session, SpaceInfo, Sum, Ways, Uncovered,
} from "../protocol";
import type * as wire from "../wire.gen";
import type { Comparisons } from "./comparisons";
import type { Deciding } from "./decisions";
import type { Networks } from "./networks";

/** Raw values of one column, one a row. Missing: NaN, 255 or 65535 by type. */
export type ColumnData = Float32Array | Uint8Array | Uint16Array;

/** Grids over the map, with their values. */
export type Density = wire.FieldInfo & Raster;
export type Presence = wire.PresenceInfo & Raster;
export type Sureness = wire.SurenessInfo & Raster;

export interface LiveHandlers {
  session(session: Session): void;
  preview(preview: Preview): void;
  decoded(decoded: Decoded): void;
  /** A sentence, and the request it belongs to where there is one. */
  failed(sentence: string, id: number | null): void;
  connected(is: boolean): void;
  /** A program changed the selection or the pin, or a page did. */
  shared(info: wire.SharedInfo): void;
}

/** One live connection. It reconnects by itself until closed. */
export interface Live {
  decode(id: number, x: number, y: number, detail: boolean): void;
  stop(): void;
  close(): void;
}

/** A selection and a pin that a program shares: one bit a row, the first in the lowest bit; no bytes for no selection. */
export interface SharedRows {
  selection(): Promise<Uint8Array>;
  select(bits: Uint8Array<ArrayBuffer>): Promise<wire.SharedInfo>;
  pin(row: number | null): Promise<wire.SharedInfo>;
}

export interface Backend {
  readonly shared: SharedRows;
  /** What the start page asks; answered only where the session says that there is a desk. */
  readonly desk: Desk;
  session(): Promise<Session>;
  space(): Promise<SpaceInfo>;
  /** The axes on which places are given, here and over the live connection; empty while none are shown. */
  axes: string;
  /** x and y of each row in turn, NaN for a row that has no place. */
  positions(axes: string): Promise<Float32Array>;
  describe(axes: string): Promise<AxesInfo>;
  column(info: ColumnInfo): Promise<ColumnData>;
  item(index: number, signal?: AbortSignal): Promise<Item>;
  content(index: number): Promise<Content>;
  factors(): Promise<Factors>;
  /** Every kind of path through places, named as `placeOf` names them. */
  paths(through: readonly string[], steps: number, signal?: AbortSignal): Promise<Ways>;
  /** Address of one of them as a file. */
  pathFile(through: readonly string[], steps: number, kind: string, form: "gif" | "png" | "csv"): string;
  /** The way from one group of rows to another. */
  direction(asked: DirectionRequest, signal?: AbortSignal): Promise<Direction>;
  /** A place (`row:12`, `at:x,y`, `mean`) moved along a direction. */
  directionFilm(id: string, start: string, signal?: AbortSignal): Promise<DirectionFilm>;
  /** How far along a direction every row lies. */
  directionScores(id: string): Promise<Float32Array>;
  /** a - b + c of places. */
  sum(plus: readonly string[], minus: readonly string[], signal?: AbortSignal): Promise<Sum>;
  /** The columns that single dimensions follow, where tests allow a name. */
  factorNames(): Promise<FactorNames>;
  /** A latent dimension moved from a place: `row:12`, `at:x,y` or `mean`. */
  film(factor: number, place: string, signal?: AbortSignal): Promise<Film>;
  /** The directions in which the decode changes most around a place. */
  local(place: string, k: number, signal?: AbortSignal): Promise<LocalFactor[]>;
  /** A place with some dimensions set to values of one's own. */
  mix(place: string, moves: ReadonlyMap<number, number>, signal?: AbortSignal): Promise<Mixed>;
  health(): Promise<Health>;
  /** The real rows that the model generates nothing like; looked for at the first ask. */
  uncovered(): Promise<Uncovered>;
  /** What the model makes of the places of a grid, line by line from (x, y) downwards; null where there is no data. */
  cells(x: number, y: number, step: number, columns: number, rows: number): Promise<(Content | null)[]>;
  /** Rows in which a text is written, or whose number it is: how many, and the first of them. */
  search(text: string, signal?: AbortSignal): Promise<Found>;
  /** All of those rows, ascending. */
  searchRows(text: string): Promise<Uint32Array>;
  /** The rows that are not left out, in the user's own columns, as CSV. */
  csv(leftOut: Uint8Array | null): Promise<Blob>;
  density(): Promise<Density>;
  /** 1 where there is data. */
  presence(): Promise<Presence>;
  /** Percentiles of the decode's uncertainty among the rows' own; NaN where there is no data. */
  sureness(): Promise<Sureness>;
  regions(): Promise<Regions>;
  /** The region of each row, -1 for none. */
  regionOf(): Promise<Int16Array>;
  /** The space beside another one of the same rows. */
  readonly comparisons: Comparisons;
  /** Inside the networks. */
  readonly networks: Networks;
  /** Predictors under audit. */
  readonly deciding: Deciding;
  /** Address of a sheet of thumbnails. */
  sprite(sheet: number): string;
  connect(handlers: LiveHandlers): Live;
}

/** A failure whose message is a sentence for the reader. */
export class BackendError extends Error {}
