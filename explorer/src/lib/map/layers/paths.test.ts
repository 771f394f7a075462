import { describe, expect, it } from "vitest";
import { View } from "../view";
import { pieces } from "./paths.svelte";

describe("the course of a path", () => {
  const view = Object.assign(new View(), { width: 100, height: 100, scale: 10 });

  it("is one run where it holds together", () => {
    const { runs, leaps } = pieces([[0, 0], [0.1, 0], [0.2, 0.1]], view, 10);
    expect(runs).toHaveLength(1);
    expect(leaps).toHaveLength(0);
    expect(runs[0]![0]).toEqual([50, 50]);
  });

  it("is cut where the map leaps, and nothing is lost", () => {
    const { runs, leaps } = pieces([[0, 0], [0.1, 0], [4, 4], [4.1, 4]], view, 10);
    expect(runs.map((r) => r.length)).toEqual([2, 2]);
    expect(leaps).toEqual([[[51, 50], [90, 10]]]);
  });
});
