import { describe, expect, it } from "vitest";
import type { Colouring, Theme } from "./colour";
import { contour, filled, sampled, type Raster } from "./raster";
import { placed } from "./room";
import { fadedOf, levelsOf, suppressed } from "./suppress";

function raster(columns: number, rows: number, value: (x: number, y: number) => number, cell = 0.1, origin: [number, number] = [-2, -2]): Raster {
  const values = Float32Array.from({ length: columns * rows }, (_, i) => value(origin[0] + (i % columns) * cell, origin[1] + Math.floor(i / columns) * cell));
  return { origin, cell, columns, rows, values };
}

describe("contours", () => {
  it("of a cone are circles of the right radius and length", () => {
    const segments = contour(raster(41, 41, (x, y) => 2 - Math.hypot(x, y)), 0.8);
    let length = 0;
    for (let k = 0; k < segments.length; k += 4) {
      const [x0, y0, x1, y1] = segments.slice(k, k + 4) as unknown as [number, number, number, number];
      expect(Math.hypot(x0, y0)).toBeCloseTo(1.2, 2);
      length += Math.hypot(x1 - x0, y1 - y0);
    }
    expect(length).toBeCloseTo(2 * Math.PI * 1.2, 1);
  });

  it("close: no segment ends alone, saddles included", () => {
    const wavy = raster(31, 29, (x, y) => (Math.hypot(x, y) > 1.6 ? -1 : Math.sin(5 * x) * Math.sin(4 * y)), 0.13);
    const ends = new Map<string, number>();
    const segments = contour(wavy, 0.05);
    for (let k = 0; k < segments.length; k += 2) {
      const key = `${segments[k]!.toFixed(4)},${segments[k + 1]!.toFixed(4)}`;
      ends.set(key, (ends.get(key) ?? 0) + 1);
    }
    expect(ends.size).toBeGreaterThan(50);
    // Two lines may meet in a corner of the grid: then four ends do.
    expect([...ends.values()].filter((n) => n % 2)).toEqual([]);
  });

  it("of a plain are none", () => {
    expect(contour(raster(5, 5, () => 1), 0.5).length).toBe(0);
  });
});

describe("looking a grid up", () => {
  it("is exact for a plane, at any place", () => {
    const grid = raster(20, 30, (x, y) => 3 * x - y + 2);
    const places = Float32Array.from([-1.97, -1.2, -0.55, 0.33, -2, -2]);
    [...sampled(grid, places)].forEach((v, i) => expect(v).toBeCloseTo(3 * places[2 * i]! - places[2 * i + 1]! + 2, 4));
  });

  it("of a single line or cell is that", () => {
    expect(sampled(raster(1, 1, () => 4), Float32Array.from([9, 9]))[0]).toBe(4);
    expect(sampled(raster(3, 1, (x) => x), Float32Array.from([-1.85, 5]))[0]).toBeCloseTo(-1.85, 5);
  });

  it("fills a few cells around what was measured, and no more", () => {
    const grid = raster(20, 20, (x) => (x < -1 ? 7 : NaN));
    const [near, far] = [Float32Array.from([-0.75, -1.5]), Float32Array.from([-0.3, -1.5])];
    expect(sampled(grid, near)[0]).toBeNaN();
    expect(sampled(filled(grid), near)[0]).toBeCloseTo(7);
    expect(sampled(filled(grid), far)[0]).toBeNaN();
  });
});

const theme = {
  sequential: Array.from({ length: 8 }, (_, i) => [10 + 30 * i, 250 - 30 * i, 40]),
  categories: Array.from({ length: 11 }, (_, i) => [20 * i, 255 - 20 * i, (90 * i) % 256]),
  missing: [1, 2, 3],
  uncertain: [128, 128, 128],
} as unknown as Theme;

describe("suppressed colours", () => {
  const colourOf = (made: ReturnType<typeof suppressed>, i: number) => [...made.palette.slice(4 * made.codes[i]!, 4 * made.codes[i]! + 3)].join();

  it("tell eight, four, two values and then one apart", () => {
    const codes = Uint8Array.from({ length: 255 }, (_, i) => i);
    const numeric = { kind: "numeric", codes } as unknown as Colouring;
    for (const [level, expected] of [8, 4, 2, 1].entries()) {
      const made = suppressed(numeric, new Uint8Array(255).fill(level), theme);
      expect(new Set(Array.from(codes, (_, i) => colourOf(made, i))).size).toBe(expected);
    }
  });

  it("come to one grey for every category, and leave the sure as they are and the missing missing", () => {
    const codes = Uint8Array.from([...Array(11).keys(), 255]);
    const named = { kind: "categorical", codes } as unknown as Colouring;
    const sure = suppressed(named, new Uint8Array(12), theme);
    const unsure = suppressed(named, new Uint8Array(12).fill(3), theme);
    for (let i = 0; i < 11; i++) {
      expect(colourOf(sure, i)).toBe(theme.categories[i]!.join());
      expect(colourOf(unsure, i)).toBe(theme.uncertain.join());
    }
    expect(colourOf(unsure, 11)).toBe(theme.missing.join());
  });

  it("lie nearer to grey the less sure", () => {
    const apart = [0, 1, 2, 3].map((level) => Math.abs(fadedOf([255, 0, 0], level, theme)[0] - 128));
    expect(apart).toEqual([...apart].sort((a, b) => b - a));
    expect(apart[3]).toBe(0);
  });

  it("step at the percentiles that the key names", () => {
    expect([...levelsOf(Float32Array.from([0, 49.9, 50, 74.9, 75, 89, 90, 100, NaN]))]).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 0]);
  });
});

describe("labels", () => {
  it("never overlap, and the first has its place", () => {
    const spots = Array.from({ length: 40 }, (_, i) => [(i * 73) % 300, (i * 41) % 200] as const);
    const sizes = spots.map((_, i) => [60 + (i % 5) * 10, 30] as const);
    const offsets = placed(spots, sizes);
    expect(offsets[0]).toBe(0);
    const boxes = spots.flatMap(([x, y], i) => (offsets[i] == null ? [] : [[x - sizes[i]![0] / 2, y + offsets[i]! - 15, x + sizes[i]![0] / 2, y + offsets[i]! + 15] as const]));
    expect(boxes.length).toBeGreaterThan(5);
    expect(boxes.length).toBeLessThan(40);
    boxes.forEach((a, i) => boxes.slice(i + 1).forEach((b) => expect(a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]).toBe(false)));
  });
});
