import { describe, expect, it } from "vitest";
import { signed } from "../content/difference";
import type { ImageContent, Mixed } from "../protocol";
import { Latest } from "./latest";
import { Mix } from "./mix.svelte";

const nothing = () => undefined;

describe("the latest wish", () => {
  it("is asked for next, and those in between never", async () => {
    const asked: number[] = [];
    const shown: number[] = [];
    let answer: (() => void)[] = [];
    const latest = new Latest<number, number>(
      (wanted) => new Promise((resolve) => { asked.push(wanted); answer.push(() => resolve(10 * wanted)); }),
      (got) => shown.push(got),
      nothing,
    );
    for (const wanted of [1, 2, 3]) latest.want(wanted);
    expect(asked).toEqual([1]);
    answer[0]!();
    await new Promise((r) => setTimeout(r));
    expect([asked, shown]).toEqual([[1, 3], [10]]);
    answer[1]!();
    await new Promise((r) => setTimeout(r));
    latest.want(4);
    expect([asked, shown]).toEqual([[1, 3, 4], [10, 30]]);
  });

  it("is not stopped by a failure", async () => {
    const failures: string[] = [];
    const shown: number[] = [];
    const latest = new Latest<number, number>(async (wanted) => { if (wanted < 2) throw new Error("no"); return wanted; }, (got) => shown.push(got), (e) => failures.push(e.message));
    latest.want(1);
    await new Promise((r) => setTimeout(r));
    latest.want(2);
    await new Promise((r) => setTimeout(r));
    expect([failures, shown]).toEqual([["no"], [2]]);
  });
});

describe("dimensions set by hand", () => {
  const known = { pinnedIndex: null as number | null, detail: null as { x: number; y: number } | null, axes: { name: "map" } };
  const asked: string[] = [];
  const backend = { mix: async (place: string, moves: ReadonlyMap<number, number>) => { asked.push(`${place} ${[...moves]}`); return { z: [] } as unknown as Mixed; } };
  const made = () => new Mix(backend as never, known);

  it("come back from the address as they were, and pass over what it cannot mean", () => {
    const mix = made();
    mix.set(3, -1.5);
    mix.set(0, 2e-7);
    mix.set(7, 1);
    mix.set(7, null);
    mix.from = "average";
    const values = new URLSearchParams();
    mix.write(values);
    const again = made();
    again.read(values);
    expect([...again.moves]).toEqual([[3, -1.5], [0, 2e-7]]);
    expect(again.from).toBe("average");
    again.read(new URLSearchParams("set=1:x,:2,3:1e999,4:--1,5:6&start=nowhere"));
    expect([[...again.moves], again.from]).toEqual([[[5, 6]], "pinned"]);
    again.read(new URLSearchParams());
    expect(again.moves.size).toBe(0);
  });

  it("start from what is there", () => {
    const mix = made();
    expect(mix.place).toBe("mean");
    known.pinnedIndex = 12;
    expect(mix.place).toBe("row:12");
    mix.from = "cursor";
    expect(mix.taken).toBe("pinned");
    known.detail = { x: 1.5, y: -2 };
    expect(mix.place).toBe("at:1.5,-2");
    known.axes.name = "pca";
    expect(mix.place).toBe("at:1.5,-2@pca");
    known.axes.name = "map";
    mix.from = "average";
    expect(mix.place).toBe("mean");
  });

  it("ask for the start once", async () => {
    known.pinnedIndex = 1;
    const mix = made();
    asked.length = 0;
    for (const value of [1, 2]) {
      mix.set(0, value);
      mix.ask();
      await new Promise((r) => setTimeout(r));
    }
    expect(asked).toEqual(["row:1 ", "row:1 0,1", "row:1 0,2"]);
  });
});

describe("a signed difference", () => {
  const picture = (channels: number, ...pixels: number[]): ImageContent => ({ kind: "image", width: 1, height: pixels.length / channels, channels, pixels: Uint8Array.from(pixels) });

  it("is the mean over colours, without transparency, on a scale that does not enlarge noise", () => {
    expect([...signed(picture(1, 10, 200), picture(1, 14, 0)).values]).toEqual([4, -200]);
    expect(signed(picture(1, 10), picture(1, 14)).most).toBe(16);
    const found = signed(picture(4, 0, 0, 0, 255), picture(4, 30, 60, 90, 0));
    expect([[...found.values], found.most]).toEqual([[60], 60]);
  });
});
