/** Predictors under audit: what the decisions panel asks for, from a server or made up. */

import { fromBase64, readContent, type Content } from "../protocol";
import type { Raster } from "../map/raster";
import type * as wire from "../wire.gen";

export type DecisionView = "generative" | "static";

/** `values`: the outcome of each place, 255 for none. */
export type Drawing = Omit<wire.DrawingInfo, "data"> & Raster;
/** `values`: 1 where rows around are decided otherwise than their places. */
export type Doubt = Omit<wire.DoubtInfo, "data"> & Raster;

export type RecourseWay = Omit<wire.RecourseWay, "contents"> & { contents: Content[] };
export type Recourse = Omit<wire.RecourseInfo, "found" | "closest"> & { found: RecourseWay[]; closest: RecourseWay | null };

const readRecourse = (way: wire.RecourseWay): RecourseWay => ({ ...way, contents: way.contents.map((c) => readContent(c)) });

export interface Deciding {
  info(): Promise<wire.DecisionsInfo>;
  /** How far it is with all that the map shows of a predictor; parts come while it is under way. */
  look(predictor: number): Promise<wire.Looking>;
  startLook(predictor: number): Promise<wire.Looking>;
  stopLook(predictor: number): Promise<wire.Looking>;
  drawing(predictor: number, view: DecisionView): Promise<Drawing>;
  doubt(predictor: number): Promise<Doubt>;
  case(predictor: number, row: number, signal: AbortSignal): Promise<wire.CaseInfo>;
  /** What would change the decision on a row, at least `margin` past the threshold; a picture's ways are made while one waits. */
  recourse(predictor: number, row: number, margin: number, signal: AbortSignal): Promise<Recourse>;
  /** The principal reasons of an adverse decision. */
  reasons(predictor: number, row: number, signal: AbortSignal): Promise<wire.ReasonsInfo>;
  /** How like anything seen: some seconds at first. */
  likeness(row: number): Promise<wire.Likeness>;
  pairs(): Promise<wire.PredictorsInfo>;
  triangle(predictor: number, rows: readonly [number, number, number], signal: AbortSignal): Promise<wire.TriangleInfo>;
}

type Ask = (path: string, how: RequestInit) => Promise<Response>;

function raster<T extends { data: string }>({ data, ...rest }: T): Omit<T, "data"> & { values: Uint8Array } {
  return { ...rest, values: fromBase64(data) };
}

export class HttpDeciding implements Deciding {
  constructor(
    private readonly base: string,
    private readonly ask: Ask,
  ) {}

  private async json<T>(path: string, how: RequestInit = {}): Promise<T> {
    return (await (await this.ask(`${this.base}api/decisions${path}`, how)).json()) as T;
  }

  info = () => this.json<wire.DecisionsInfo>("");
  look = (predictor: number) => this.json<wire.Looking>(`/${predictor}/look`);
  startLook = (predictor: number) => this.json<wire.Looking>(`/${predictor}/look`, { method: "POST" });
  stopLook = (predictor: number) => this.json<wire.Looking>(`/${predictor}/look`, { method: "DELETE" });
  drawing = async (predictor: number, view: DecisionView): Promise<Drawing> => raster(await this.json<wire.DrawingInfo>(`/${predictor}/drawing?view=${view}`));
  doubt = async (predictor: number): Promise<Doubt> => raster(await this.json<wire.DoubtInfo>(`/${predictor}/doubt`));
  case = (predictor: number, row: number, signal: AbortSignal) => this.json<wire.CaseInfo>(`/${predictor}/case?row=${row}`, { signal });
  recourse = async (predictor: number, row: number, margin: number, signal: AbortSignal): Promise<Recourse> => {
    const found = await this.json<wire.RecourseInfo>(`/${predictor}/recourse?row=${row}&margin=${margin}`, { signal });
    return { ...found, found: found.found.map(readRecourse), closest: found.closest && readRecourse(found.closest) };
  };
  reasons = (predictor: number, row: number, signal: AbortSignal) => this.json<wire.ReasonsInfo>(`/${predictor}/reasons?row=${row}`, { signal });
  likeness = (row: number) => this.json<wire.Likeness>(`/likeness?row=${row}`);
  pairs = () => this.json<wire.PredictorsInfo>("/pairs");
  triangle = (predictor: number, [a, b, c]: readonly [number, number, number], signal: AbortSignal) =>
    this.json<wire.TriangleInfo>(`/${predictor}/triangle?a=${a}&b=${b}&c=${c}`, { signal });
}

/** The fixture has no predictor. */
export class FixtureDeciding implements Deciding {
  async info(): Promise<wire.DecisionsInfo> {
    return { predictors: [], command: "deepspace explore fixture.space --predictor model.onnx", generative: true, margin: 0, constraints: "" };
  }

  async look(): Promise<never> { throw new Error("There is no predictor."); }

  startLook = () => this.look();
  stopLook = () => this.look();
  drawing = () => this.look();
  doubt = () => this.look();
  case = () => this.look();
  recourse = () => this.look();
  reasons = () => this.look();
  likeness = () => this.look();
  pairs = () => this.look();
  triangle = () => this.look();
}
