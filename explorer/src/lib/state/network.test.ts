import { describe, expect, it } from "vitest";
import { stepsOf, wordsOf } from "../drawer/network/words";
import type { Networks } from "../backend/networks";
import { NetworkState } from "./network.svelte";

const layer = (kind: string, count = 4, part = "encoder") => ({ kind, count, part });

describe("layers as steps", () => {
  it("puts together what changes answers one by one, and nothing else", () => {
    const layers = [layer("Conv2d"), layer("BatchNorm2d"), layer("ReLU"), layer("Conv2d"), layer("ReLU", 8), layer("ReLU", 8, "decoder")];
    const steps = stepsOf(layers, false);
    expect(steps.map((s) => [s.numbers, s.first.kind, s.kinds.length])).toEqual([["1–3", "Conv2d", 3], ["4", "Conv2d", 1], ["5", "ReLU", 1], ["6", "ReLU", 1]]);
    expect(steps[0]!.last).toBe(layers[2]);
    expect(stepsOf(layers, true).map((s) => s.numbers)).toEqual(["1", "2", "3", "4", "5", "6"]);
  });

  it("has words for kinds, and the kind's own name for others", () => {
    expect(wordsOf("ConvTranspose2d").name).toBe("filters that enlarge");
    expect(wordsOf("Strange").name).toBe("Strange");
  });
});

describe("whose way is shown", () => {
  const known = { pinnedIndex: null as number | null, hover: -1, place: null as { x: number; y: number } | null, axes: { name: "map", to: async () => undefined } };
  const asked: string[] = [];
  const backend = { strip: async (place: string) => { asked.push(place); return { place, layers: [] }; } } as unknown as Networks;

  it("is pinned before the cursor, a row before a place, and the first row where there is neither", () => {
    const state = new NetworkState(backend, known);
    expect(state.place).toBe("row:0");
    known.place = { x: 0.5, y: -1 };
    expect(state.place).toBe("at:0.5,-1");
    known.hover = 7;
    expect(state.place).toBe("row:7");
    known.pinnedIndex = 3;
    expect(state.place).toBe("row:3");
    state.from = "cursor";
    expect(state.place).toBe("row:7");
  });

  it("ends at what was wanted last, also when that is what was shown before", async () => {
    const state = new NetworkState(backend, known);
    const settled = () => new Promise((done) => setTimeout(done, 130));
    state.want("row:1");
    await settled();
    state.want("row:2");
    state.want("row:1");
    await settled();
    expect(state.strip?.place).toBe("row:1");
    state.want("row:1");
    await settled();
    expect(asked).toEqual(["row:1", "row:2", "row:1"]);
  });

  it("is in the address", () => {
    const [state, other] = [new NetworkState(backend, known), new NetworkState(backend, known)];
    Object.assign(state, { view: "depth", unit: { layer: "encoder.layers.0", index: 12 }, column: "digit", every: true });
    const values = new URLSearchParams();
    state.write(values);
    other.read(new URLSearchParams(values.toString()));
    expect([other.view, other.unit, other.column, other.every]).toEqual(["depth", { layer: "encoder.layers.0", index: 12 }, "digit", true]);
    other.read(new URLSearchParams());
    expect([other.view, other.unit, other.column, other.every]).toEqual(["strip", null, null, false]);
  });
});
