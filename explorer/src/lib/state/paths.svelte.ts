/** The ways through the anchors: which kinds there are, which one is chosen, and how far along it one is. */

import type { Way, Ways } from "../protocol";
import type { Part } from "./address.svelte";
import type { Explorer } from "./explorer.svelte";

export type Kind = Way["kind"];

/** In the order in which they are shown: those that gain something first. */
export const KINDS: readonly Kind[] = ["geodesic", "density", "spherical", "linear"];
export const STEPS: readonly number[] = [7, 11, 21, 41];

/** One step of a played path, in milliseconds; without motion each step stands for longer. */
const STEP = 240;
const STILL = 700;
/** Anchors that follow one another faster than this are asked for once. */
const PAUSE = 120;

export class Paths implements Part {
  /** What was found for the anchors of the moment; null while there are fewer than two. */
  found: Ways | null = $state.raw(null);
  failure: string | null = $state(null);
  waiting = $state(false);
  chosen: Kind = $state("geodesic");
  steps = $state(11);
  /** The step of the chosen way that is looked at. */
  at: number | null = $state(null);
  playing = $state(false);
  private asking: AbortController | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private frame = 0;

  constructor(private readonly explorer: Explorer) {}

  readonly way: Way | null = $derived(this.found?.ways.find((w) => w.kind === this.chosen) ?? null);

  /** Ask for the ways through these places. */
  ask(through: readonly string[], steps: number): void {
    this.asking?.abort();
    clearTimeout(this.timer);
    this.stop();
    this.at = null;
    this.failure = null;
    this.waiting = through.length > 1;
    if (through.length < 2) {
      this.found = null;
      return;
    }
    const asking = (this.asking = new AbortController());
    this.timer = setTimeout(() => {
      this.explorer.backend.paths(through, Math.max(steps, through.length), asking.signal).then(
        (found) => {
          if (asking.signal.aborted) return;
          this.found = found;
          this.waiting = false;
        },
        (error: Error) => {
          if (asking.signal.aborted) return;
          this.found = null;
          this.failure = error.message;
          this.waiting = false;
        },
      );
    }, PAUSE);
  }

  /** Put the cursor on a step of a way. */
  look(kind: Kind, step: number): void {
    this.stop();
    this.chosen = kind;
    this.show(step);
  }

  /** Show where a step of any way is, and no more. */
  peek(way: Way, step: number): void {
    if (!this.playing) this.cursor(way.places[step]!);
  }

  private show(step: number): void {
    const way = this.way;
    if (!way) return;
    this.at = step;
    this.cursor(way.places[step]!);
  }

  private cursor([x, y]: readonly [number, number]): void {
    this.explorer.held = false;
    this.explorer.hover = -1;
    this.explorer.keyboard = true;
    this.explorer.lookAt(x, y);
  }

  play(): void {
    const way = this.way;
    if (!way) return;
    this.stop();
    this.playing = true;
    const last = way.places.length - 1;
    const from = this.at === null || this.at === last ? 0 : this.at;
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) this.pace(from, last);
    else this.run(way, from, last);
  }

  /** Step by step. */
  private pace(step: number, last: number, first = true): void {
    if (!first && this.taken()) return;
    this.show(step);
    if (step === last) this.playing = false;
    else this.timer = setTimeout(() => this.pace(step + 1, last, false), STILL);
  }

  /** Along its course, without a halt. */
  private run(way: Way, from: number, last: number): void {
    const started = performance.now();
    const each = (way.line.length - 1) / last;
    let first = true;
    const move = (now: number): void => {
      if (!first && this.taken()) return;
      first = false;
      const t = Math.min(from + Math.max(now - started, 0) / STEP, last);
      this.at = Math.round(t);
      this.cursor(way.line[Math.round(t * each)]!);
      if (t < last) this.frame = requestAnimationFrame(move);
      else this.playing = false;
    };
    this.frame = requestAnimationFrame(move);
  }

  /** Whoever moves the cursor while a path is played, or lets go of it, ends it. */
  private taken(): boolean {
    if (this.explorer.keyboard) return false;
    this.stop();
    return true;
  }

  stop(): void {
    if (!this.playing) return;
    cancelAnimationFrame(this.frame);
    clearTimeout(this.timer);
    this.playing = false;
  }

  write(values: URLSearchParams): void {
    if (this.chosen !== "geodesic") values.set("way", this.chosen);
    if (this.steps !== 11) values.set("steps", String(this.steps));
  }

  read(values: URLSearchParams): void {
    this.chosen = KINDS.find((k) => k === values.get("way")) ?? "geodesic";
    this.steps = STEPS.find((s) => s === Number(values.get("steps"))) ?? 11;
  }
}
