/** Directions on the made-up map, as the fixture has no latents but its places. */

import { fromBase64, type Direction, type DirectionRequest } from "../protocol";

interface Made {
  vector: [number, number];
  origin: [number, number];
}

export class MadeDirections {
  private readonly kept = new Map<string, Made>();

  constructor(private readonly places: () => Float32Array) {}

  find(asked: DirectionRequest): Direction {
    const n = this.places().length / 2;
    const a = rowsOf(asked.positive.bits, n);
    const inside = new Set(a);
    const b = asked.negative ? rowsOf(asked.negative.bits, n) : Array.from({ length: n }, (_, i) => i).filter((i) => !inside.has(i));
    const [from, to] = [this.mean(b), this.mean(a)];
    const id = (this.kept.size + 1).toString(16).padStart(16, "0");
    this.kept.set(id, { vector: [to[0] - from[0], to[1] - from[1]], origin: from });
    const step = Math.hypot(to[0] - from[0], to[1] - from[1]);
    const effect = { n, p: 0.001, q: 0.001, within: 0.84, moves: true };
    return {
      id, method: asked.method ?? "means", angle: 6.2, step, stepInterval: [step * 0.95, step * 1.05],
      positive: { name: asked.positive.name, n: a.length, total: a.length },
      negative: { name: asked.negative?.name ?? "the rest", n: b.length, total: b.length },
      auc: 0.93, aucInterval: [0.9, 0.95], heldOut: Math.floor(n / 2), null: 0.499, pairs: 199, p: 0.005,
      effects: [
        { ...effect, name: "kind", kind: "categorical", role: "target", strength: 0.71, toward: "a", away: "d", defines: true },
        { ...effect, name: "height", kind: "numeric", role: "metadata", strength: -0.42, toward: "", away: "", defines: false },
        { ...effect, name: "weight", kind: "numeric", role: "metadata", strength: 0.03, toward: "", away: "", defines: false, p: 0.4, q: 0.4, moves: false },
      ],
      effectsN: n, warnings: [],
    };
  }

  scores(id: string): Float32Array {
    const { vector, origin } = this.kept.get(id)!;
    const places = this.places();
    const squared = vector[0] ** 2 + vector[1] ** 2 || 1;
    return Float32Array.from({ length: places.length / 2 }, (_, i) => {
      return ((places[2 * i]! - origin[0]) * vector[0] + (places[2 * i + 1]! - origin[1]) * vector[1]) / squared;
    });
  }

  walk(id: string, start: string): { values: number[]; places: [number, number][] } {
    const { vector } = this.kept.get(id)!;
    const values = [-1.5, -1, -0.5, 0, 0.5, 1, 1.5];
    const [x, y] = this.place(start);
    return { values, places: values.map((v) => [x + v * vector[0], y + v * vector[1]]) };
  }

  sum(plus: readonly string[], minus: readonly string[]): [number, number] {
    const signed = [...plus.map((p) => [1, this.place(p)] as const), ...minus.map((p) => [-1, this.place(p)] as const)];
    return [signed.reduce((t, [s, p]) => t + s * p[0], 0), signed.reduce((t, [s, p]) => t + s * p[1], 0)];
  }

  private place(text: string): [number, number] {
    const [kind, rest = ""] = text.split(":");
    if (kind === "row") return [this.places()[2 * Number(rest)]!, this.places()[2 * Number(rest) + 1]!];
    const [x = 0, y = 0] = rest.split(",").map(Number);
    return kind === "at" ? [x, y] : [0, 0];
  }

  private mean(rows: number[]): [number, number] {
    const places = this.places();
    const total = (k: number) => rows.reduce((t, r) => t + places[2 * r + k]!, 0) / Math.max(rows.length, 1);
    return [total(0), total(1)];
  }
}

function rowsOf(bits: string, n: number): number[] {
  const bytes = fromBase64(bits);
  return Array.from({ length: n }, (_, i) => i).filter((i) => (bytes[i >> 3]! >> (i & 7)) & 1);
}
