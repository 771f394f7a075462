/** Predictors under audit: which one is looked at and how, what there is of it so far, and the case that is pinned. */

import type { Deciding, DecisionView, Doubt, Drawing, Recourse, RecourseWay } from "../backend/decisions";
import type { CaseInfo, DecisionsInfo, Likeness, LookInfo, Looking, PairInfo, PredictorInfo, ReasonsInfo, TriangleInfo } from "../wire.gen";
import type { Part } from "./address.svelte";
import { Watched } from "./watched.svelte";

export type { DecisionView } from "../backend/decisions";

export type Panel = (typeof VIEWS)[number];
export const VIEWS = ["picture", "case", "triangle", "beside"] as const;

export class DecisionsState implements Part {
  info: DecisionsInfo | null = $state.raw(null);
  failure: string | null = $state(null);
  /** The predictor that is looked at. */
  at = $state(0);
  private chosen: DecisionView = $state("generative");
  /** What the panel shows. */
  panel: Panel = $state("picture");
  looks: readonly Watched<Looking>[] = $state.raw([]);
  pairs: readonly PairInfo[] = $state.raw([]);
  case: CaseInfo | null = $state.raw(null);
  caseFailure: string | null = $state(null);
  likeness: Likeness | null = $state.raw(null);
  recourse: Recourse | null = $state.raw(null);
  recourseFailure: string | null = $state(null);
  reasons: ReasonsInfo | null = $state.raw(null);
  reasonsFailure: string | null = $state(null);
  /** The counterfactual whose way is drawn. */
  way: RecourseWay | null = $state.raw(null);
  triangle: TriangleInfo | null = $state.raw(null);
  triangleFailure: string | null = $state(null);
  private drawings: Readonly<Record<string, { serial: number; drawing: Drawing }>> = $state.raw({});
  private doubts: Readonly<Record<number, Doubt>> = $state.raw({});
  private readonly fetching = new Set<string>();
  private asking: AbortController | null = null;
  private seeking: AbortController | null = null;
  /** How far past the threshold, as chosen here. */
  private past: number | null = $state(null);
  private sought = 0;
  private meshing: AbortController | null = null;
  private opening: Promise<void> | null = null;
  private asked = -1;

  constructor(private readonly backend: Deciding) {}

  readonly predictor: PredictorInfo | null = $derived(this.info?.predictors[this.at] ?? null);
  readonly look: Watched<Looking> | null = $derived(this.looks[this.at] ?? null);
  readonly found: LookInfo | null = $derived(this.look?.now?.found ?? null);
  /** How far past the threshold a counterfactual must lie. */
  readonly margin: number = $derived(this.past ?? this.info?.margin ?? 0);
  /** Without a decoder there is one view alone. */
  readonly view: DecisionView = $derived(this.info?.generative === false ? "static" : this.chosen);
  readonly drawing: Drawing | null = $derived(this.drawings[`${this.at}:${this.view}`]?.drawing ?? null);
  /** Of what places decode to: the static view shows rows alone. */
  readonly doubt: Doubt | null = $derived(this.view === "generative" ? (this.doubts[this.at] ?? null) : null);

  /** Which predictors there are; asked once. */
  open(): Promise<void> {
    this.opening ??= this.list().catch((error: Error) => {
      this.failure = error.message;
      this.opening = null;
    });
    return this.opening;
  }

  private async list(): Promise<void> {
    const info = await this.backend.info();
    this.looks = info.predictors.map((p) => new Watched(() => this.backend.look(p.index), () => this.backend.stopLook(p.index)));
    this.info = info;
    if (this.at >= info.predictors.length) this.at = 0;
    this.failure = null;
    if (info.predictors.length > 1) this.pairs = (await this.backend.pairs()).pairs;
  }

  /** Begins to look at the predictor of the moment, unless that is under way or done. */
  start(): void {
    const { at, look } = this;
    if (look && (!look.now || look.now.state === "none")) void look.once(() => this.backend.startLook(at));
  }

  again(): void {
    const { at, look } = this;
    void look?.start(() => this.backend.startLook(at));
  }

  choose(predictor: number): void {
    this.at = predictor;
  }

  /** From what places decode to, to how the rows around are decided, and back. */
  turn(): void {
    if (this.info?.generative) this.chosen = this.chosen === "generative" ? "static" : "generative";
  }

  show(view: DecisionView): void {
    this.chosen = view;
  }

  /** Fetches what is to be drawn, where it has changed. */
  need(): void {
    const { at, view, found } = this;
    if (!found) return;
    const serial = view === "static" ? Number(found.still !== null) : found.drawn;
    const key = `${at}:${view}`;
    if (serial > (this.drawings[key]?.serial ?? 0)) {
      this.once(key, async () => {
        const drawing = await this.backend.drawing(at, view);
        this.drawings = { ...this.drawings, [key]: { serial, drawing } };
      });
    }
    if (found.doubt && !this.doubts[at]) {
      this.once(`doubt ${at}`, async () => {
        const doubt = await this.backend.doubt(at);
        this.doubts = { ...this.doubts, [at]: doubt };
      });
    }
  }

  private once(key: string, fetch: () => Promise<void>): void {
    if (this.fetching.has(key)) return;
    this.fetching.add(key);
    void fetch()
      .catch((error: Error) => (this.failure = error.message))
      .finally(() => this.fetching.delete(key));
  }

  /** Asks for counterfactuals that far past the threshold from now on. */
  keep(margin: number): void {
    this.past = margin === this.info?.margin ? null : margin;
  }

  /** Looks for what would change the decision on a row. */
  private async seek(row: number): Promise<void> {
    this.seeking?.abort();
    const { signal } = (this.seeking = new AbortController());
    this.recourse = this.way = this.recourseFailure = null;
    this.sought = this.margin;
    try {
      const found = await this.backend.recourse(this.at, row, this.margin, signal);
      if (!signal.aborted) this.recourse = found;
    } catch (error) {
      if (!signal.aborted) this.recourseFailure = (error as Error).message;
    }
  }

  /** Looks at a row as the predictor of the moment decides it: what is quick first. */
  async of(row: number | null): Promise<void> {
    const same = this.case?.row === row && this.asked === this.at;
    if (same && row !== null) {
      if (this.sought !== this.margin) void this.seek(row);
      return;
    }
    this.asking?.abort();
    this.seeking?.abort();
    this.case = this.recourse = this.reasons = this.way = null;
    this.caseFailure = this.recourseFailure = this.reasonsFailure = null;
    if (row === null || !this.predictor) return;
    const { signal } = (this.asking = new AbortController());
    const { at } = this;
    this.asked = at;
    const said = (error: Error) => (signal.aborted ? null : error.message);
    try {
      const found = await this.backend.case(at, row, signal);
      if (signal.aborted) return;
      this.case = found;
    } catch (error) {
      this.caseFailure = said(error as Error);
      return;
    }
    const predictor = this.info!.predictors[at]!;
    const adverse = predictor.favourable !== null && this.case.own.outcome !== predictor.favourable;
    const tasks = [
      this.seek(row),
      ...(adverse ? [this.backend.reasons(at, row, signal).then((r) => void (signal.aborted || (this.reasons = r)), (e: Error) => void (this.reasonsFailure = said(e)))] : []),
    ];
    await Promise.all(tasks);
    if (signal.aborted || this.likeness?.row === row) return;
    this.likeness = null;
    await this.backend.likeness(row).then((l) => void (signal.aborted || (this.likeness = l)), (e: Error) => void (this.caseFailure = said(e)));
  }

  /** The plane through three rows. */
  async between(rows: readonly [number, number, number] | null): Promise<void> {
    this.meshing?.abort();
    this.triangle = null;
    this.triangleFailure = null;
    if (!rows || !this.predictor) return;
    const meshing = (this.meshing = new AbortController());
    try {
      const found = await this.backend.triangle(this.at, rows, meshing.signal);
      if (!meshing.signal.aborted) this.triangle = found;
    } catch (error) {
      if (!meshing.signal.aborted) this.triangleFailure = (error as Error).message;
    }
  }

  write(values: URLSearchParams): void {
    if (this.at) values.set("predictor", String(this.at));
    if (this.chosen === "static") values.set("decided", "static");
    if (this.panel !== "picture") values.set("decisions", this.panel);
    if (this.past !== null) values.set("margin", String(this.past));
  }

  read(values: URLSearchParams): void {
    const at = values.get("predictor") ?? "0";
    this.at = /^\d{1,2}$/.test(at) && (!this.info || Number(at) < this.info.predictors.length) ? Number(at) : 0;
    this.chosen = values.get("decided") === "static" ? "static" : "generative";
    this.panel = VIEWS.find((v) => v === values.get("decisions")) ?? "picture";
    const past = Number(values.get("margin") ?? NaN);
    this.past = past >= 0 && past < Infinity ? past : null;
  }
}
