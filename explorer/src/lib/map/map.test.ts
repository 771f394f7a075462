import { describe, expect, it } from "vitest";
import { colouring, MISSING, OTHER, paletteOf, quantiles, ramp, type Theme } from "./colour";
import { GridIndex } from "./grid";
import { contains, select } from "./lasso";
import { tileOf } from "./pictures";
import { View } from "./view";
import { shuffle } from "./webgl";

/** Deterministic numbers in 0..1. */
function random(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 16807) % 2147483647) / 2147483647;
}

function scatter(n: number, seed = 7): Float32Array {
  const next = random(seed);
  return Float32Array.from({ length: 2 * n }, () => next() * next() * 10 - 3);
}

describe("grid", () => {
  const places = scatter(2000);
  const grid = new GridIndex(places);

  it("finds the nearest row as a search over all rows does", () => {
    const next = random(11);
    for (let k = 0; k < 200; k++) {
      const [x, y, within] = [next() * 12 - 4, next() * 12 - 4, next() * 2];
      let best = -1;
      let least = within ** 2;
      for (let i = 0; i < 2000; i++) {
        const d = (places[2 * i]! - x) ** 2 + (places[2 * i + 1]! - y) ** 2;
        if (d <= least) [best, least] = [i, d];
      }
      expect(grid.nearest(x, y, within)).toBe(best);
    }
  });

  it("visits exactly the rows in a rectangle", () => {
    const found: number[] = [];
    grid.inRect([-1, -2, 1.5, 0.5], (i) => void found.push(i));
    const wanted = [...Array(2000).keys()].filter((i) => {
      const [x, y] = [places[2 * i]!, places[2 * i + 1]!];
      return x >= -1 && x <= 1.5 && y >= -2 && y <= 0.5;
    });
    expect(found.sort((a, b) => a - b)).toEqual(wanted);
  });

  it("stands one row, equal rows and none", () => {
    expect(new GridIndex(new Float32Array([1, 1])).nearest(1.1, 1, 1)).toBe(0);
    expect(new GridIndex(new Float32Array([2, 2, 2, 2])).nearest(2, 2, 1)).toBeGreaterThanOrEqual(0);
    expect(new GridIndex(new Float32Array()).nearest(0, 0, 1)).toBe(-1);
  });
});

describe("lasso", () => {
  it("knows inside from outside of a notched outline", () => {
    const notched = [0, 0, 4, 0, 4, 4, 2, 1, 0, 4];
    expect(contains(notched, 0.5, 1)).toBe(true);
    expect(contains(notched, 2, 2)).toBe(false);
    expect(contains(notched, 2, 0.5)).toBe(true);
    expect(contains(notched, 5, 1)).toBe(false);
  });

  it("returns ascending rows inside, however the outline turns", () => {
    const places = scatter(500);
    const grid = new GridIndex(places);
    const rows = [...select(grid, [-1, -1, 2, -1, 2, 2, -1, 2])];
    const wanted = [...Array(500).keys()].filter((i) => [0, 1].every((c) => Math.abs(places[2 * i + c]! - 0.5) < 1.5));
    expect(rows).toEqual(wanted);
    expect([...select(grid, [-1, -1, -1, 2, 2, 2, 2, -1])]).toEqual(wanted);
    expect(select(grid, [0, 0, 1, 1])).toHaveLength(0);
  });

  it("returns what a test of every row returns, for outlines that cross themselves, stick out and hold corners of cells", () => {
    const places = scatter(3000, 5);
    places.set([NaN, NaN, 2, NaN], 20);
    const grid = new GridIndex(places);
    const next = random(23);
    for (let turn = 0; turn < 60; turn++) {
      const corners = 3 + Math.floor(next() * 9);
      const reach = turn % 3 ? 4 : 16;
      const outline = Array.from({ length: 2 * corners }, () => (next() - 0.5) * reach + 1);
      // Some edges along the axes, some corners on rows.
      if (turn % 4 === 1) outline[3] = outline[1]!;
      if (turn % 4 === 2) outline.splice(0, 2, places[200 + 2 * turn]!, places[201 + 2 * turn]!);
      const wanted = [...Array(3000).keys()].filter((i) => contains(outline, places[2 * i]!, places[2 * i + 1]!));
      expect([...select(grid, outline)]).toEqual(wanted);
    }
  });

  it("of everything holds everything that has a place", () => {
    const places = scatter(1000);
    places.set([NaN, NaN], 8);
    expect(select(new GridIndex(places), [-99, -99, 99, -99, 99, 99, -99, 99])).toHaveLength(999);
  });
});

describe("view", () => {
  it("goes to the screen and back, and keeps the place under the cursor while zooming", () => {
    const view = new View();
    Object.assign(view, { width: 900, height: 500 });
    view.fit([-2, -1, 3, 4], { left: 100, right: 20, top: 40, bottom: 10 });
    const [x, y] = view.toWorld(...view.toScreen(0.3, 2.2));
    expect([x, y]).toEqual([expect.closeTo(0.3), expect.closeTo(2.2)]);
    const before = view.toWorld(640, 120);
    view.zoomAt(640, 120, 3.7);
    expect(view.toWorld(640, 120)).toEqual(before.map((v) => expect.closeTo(v, 9)));
  });

  it("shows everything inside what the panels leave free", () => {
    const view = new View();
    Object.assign(view, { width: 900, height: 500 });
    view.fit([-2, -1, 3, 4], { left: 300, right: 20, top: 40, bottom: 10 });
    for (const [px, py] of [view.toScreen(-2, -1), view.toScreen(3, 4)]) {
      expect(px).toBeGreaterThanOrEqual(300 - 1e-6);
      expect(px).toBeLessThanOrEqual(880 + 1e-6);
      expect(py).toBeGreaterThanOrEqual(40 - 1e-6);
      expect(py).toBeLessThanOrEqual(490 + 1e-6);
    }
  });
});

describe("colour", () => {
  const info = { index: 0, name: "c", kind: "categorical", role: "target", group: "column" as const, minimum: null, maximum: null, missing: 0 };

  it("gives the eight largest of many categories a colour, and the rest one grey", () => {
    const categories = Array.from({ length: 12 }, (_, i) => `c${i}`);
    const data = Uint8Array.from({ length: 78 }, (_, i) => Math.floor((Math.sqrt(8 * i + 1) - 1) / 2));
    const made = colouring({ ...info, encoding: "u8", categories, counts: null }, data);
    if (made.kind !== "categorical") throw new Error("not categorical");
    expect(made.entries.map((e) => e.category)).toEqual([11, 10, 9, 8, 7, 6, 5, 4]);
    expect(made.others).toHaveLength(4);
    expect(made.codes[0]).toBe(OTHER);
    expect(made.entries.concat(made.others).reduce((sum, e) => sum + e.count, 0)).toBe(78);
  });

  it("keeps missing apart, in bytes and in words of two bytes", () => {
    const bytes = colouring({ ...info, encoding: "u8", categories: ["a", "b"], counts: [1, 1] }, new Uint8Array([0, 255, 1]));
    expect([...bytes.codes]).toEqual([0, MISSING, 1]);
    const words = colouring({ ...info, encoding: "u16", categories: ["a", "b"], counts: [1, 1] }, new Uint16Array([1, 65535, 0]));
    expect([...words.codes]).toEqual([1, MISSING, 0]);
    const numbers = colouring({ ...info, kind: "numeric", encoding: "f32", categories: null, counts: null }, new Float32Array([0, NaN, 10]));
    expect([...numbers.codes]).toEqual([0, MISSING, 254]);
  });

  it("does not let one far value take the whole scale", () => {
    const data = Float32Array.from({ length: 1000 }, (_, i) => (i === 999 ? 1e9 : i));
    expect(quantiles(data, 0.01, 0.99)[1]).toBeLessThan(1000);
  });

  it("runs through the stops of a scale", () => {
    expect(ramp([[0, 0, 0], [100, 50, 0], [200, 100, 0]], 0.25)).toEqual([50, 25, 0]);
    expect(ramp([[0, 0, 0], [200, 100, 0]], 2)).toEqual([200, 100, 0]);
    const theme = { missing: [9, 9, 9], sequential: [[0, 0, 0], [254, 0, 0]], categories: [[1, 2, 3]] } as unknown as Theme;
    const palette = paletteOf("numeric", theme);
    expect([...palette.slice(4 * 100, 4 * 100 + 4)]).toEqual([100, 0, 0, 255]);
    expect([...palette.slice(4 * MISSING, 4 * MISSING + 3)]).toEqual([9, 9, 9]);
  });
});

describe("points", () => {
  it("are drawn in a fixed shuffled order that holds every row once", () => {
    const order = shuffle(1000);
    expect([...order].sort((a, b) => a - b)).toEqual([...Array(1000).keys()]);
    expect(shuffle(1000)).toEqual(order);
    expect(order.slice(0, 100)).not.toEqual(Uint32Array.from({ length: 100 }, (_, i) => i));
  });

  it("have their thumbnails where the server puts them", () => {
    expect(tileOf({ tile: [8, 6], perSheet: 20, sheets: 3, columns: 5 }, 27)).toEqual({ sheet: 1, x: 16, y: 6, width: 8, height: 6 });
  });
});
