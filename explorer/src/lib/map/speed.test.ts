import { describe, expect, it } from "vitest";
import { boxOf } from "./lasso";
import { affordable, thinned } from "./renderer";
import { dateTicks, ticks, written } from "./ticks";
import { shuffle } from "./webgl";

const DAY = 86_400_000;

describe("drawing a part", () => {
  it("leaves nothing out where all is fast or few, and keeps to the time where it is slow", () => {
    expect(affordable(1_000_000, 0.001)).toBe(1_000_000);
    expect(affordable(30_000, 50)).toBe(30_000);
    const most = affordable(1_000_000, 0.1);
    expect(most * 0.1 / 1000).toBeLessThanOrEqual(25);
    expect(most).toBeLessThan(1_000_000);
    // However slow, the shape of the data stays to be seen.
    expect(affordable(1_000_000, 1000)).toBe(40_000);
  });

  it("covers as much with a part as with all, as long as points do not grow out of proportion", () => {
    const look = { size: 2, opacity: 0.3 };
    const covered = ({ size, opacity }: typeof look, share: number) => share * opacity * size ** 2;
    for (const share of [1, 0.9, 0.5, 0.2, 0.1]) {
      expect(covered(thinned(look, share), share)).toBeCloseTo(covered(look, 1), 9);
      expect(thinned(look, share).opacity).toBeLessThanOrEqual(0.9);
    }
    expect(thinned(look, 0.001).size).toBeCloseTo(4.4);
  });

  it("is fair: every run of the drawing order holds every stretch of the rows in its share", () => {
    for (const n of [1000, 1024, 99_991]) {
      const order = shuffle(n);
      expect(new Set(order).size).toBe(n);
      const first = order.subarray(0, Math.floor(n / 10));
      for (let k = 0; k < 10; k++) {
        const inside = first.filter((i) => Math.floor((10 * i) / n) === k).length;
        expect(Math.abs(inside / first.length - 0.1)).toBeLessThan(0.035);
      }
    }
  });
});

describe("ticks", () => {
  it("are round, inside, evenly apart and about as many as wanted", () => {
    for (const [low, high] of [[0, 1], [-3.7, 12.2], [1e-4, 9e-4], [-5e6, 3e7], [0.13, 0.14]] as const) {
      const found = ticks(low, high, 6);
      expect(found.length).toBeGreaterThanOrEqual(3);
      expect(found.length).toBeLessThanOrEqual(7);
      expect(found[0]).toBeGreaterThanOrEqual(low - 1e-9 * (high - low));
      expect(found.at(-1)).toBeLessThanOrEqual(high + 1e-9 * (high - low));
      const step = found[1]! - found[0]!;
      expect([1, 2, 5, 10]).toContain(Math.round(step / 10 ** Math.floor(Math.log10(step) + 1e-9)));
    }
    expect(ticks(0.2, 3.9, 10, true)).toEqual([1, 2, 3]);
    expect(ticks(1, 1, 5)).toEqual([]);
  });

  it("of dates are first days of years, months or days", () => {
    const at = (text: string) => Date.parse(text) / DAY;
    const said = (days: number[]) => written(days, "date");
    expect(said(dateTicks(at("2018-03-05"), at("2023-02-01"), 5))).toEqual(["2019-01-01", "2020-01-01", "2021-01-01", "2022-01-01", "2023-01-01"]);
    expect(said(dateTicks(at("2020-01-20"), at("2020-06-10"), 5))).toEqual(["2020-02-01", "2020-03-01", "2020-04-01", "2020-05-01", "2020-06-01"]);
    expect(said(dateTicks(at("2020-01-01"), at("2020-01-05"), 4))).toHaveLength(5);
    expect(dateTicks(at("1900-01-01"), at("2020-01-01"), 6).length).toBeLessThan(14);
  });

  it("are written alike along one axis", () => {
    expect(written([0, 0.5, 1], "numeric")).toEqual(["0.0", "0.5", "1.0"]);
    expect(written([1000, 2000], "integer")).toEqual(["1,000", "2,000"]);
  });
});

describe("a box", () => {
  it("has the first and the last corner of a drag for its own", () => {
    expect(boxOf([1, 2, 9, 9, 5, 6])).toEqual([1, 2, 5, 2, 5, 6, 1, 6]);
  });
});
