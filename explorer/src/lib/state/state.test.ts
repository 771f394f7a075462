import { describe, expect, it } from "vitest";
import type { ColumnInfo } from "../protocol";
import { Anchors } from "./anchors.svelte";
import { Columns } from "./columns";
import { Filters } from "./filters.svelte";
import { Paths } from "./paths.svelte";
import { Shown } from "./shown.svelte";

const KIND = { index: 0, name: "kind of thing", categories: ["a", "b|c", "d"] } as unknown as ColumnInfo;
const SIZE = { index: 1, name: "size", categories: null } as unknown as ColumnInfo;
const DATA = [Uint8Array.from([0, 1, 2, 0, 255]), Float32Array.from([1.5, -2, NaN, 1e7, 3])];

function filters(): Filters {
  const made = new Filters(new Columns({ column: async (info: ColumnInfo) => DATA[info.index]! } as never), () => [KIND, SIZE]);
  made.n = 5;
  return made;
}

function said(part: { write(values: URLSearchParams): void }): URLSearchParams {
  const values = new URLSearchParams();
  part.write(values);
  return values;
}

describe("filters", () => {
  it("all have to hold, and a column's own does not narrow its histogram", async () => {
    const f = filters();
    expect(f.context).toBeNull();
    expect(f.counted).toBe(5);
    await f.by(KIND, { kind: "categories", codes: new Set([0, 1]) });
    expect([...f.context!]).toEqual([0, 0, 1, 0, 1]);
    await f.by(SIZE, { kind: "range", low: -Infinity, high: 100 });
    expect([...f.rows()]).toEqual([0, 1]);
    expect([...f.without(KIND)!]).toEqual([0, 0, 1, 1, 0]);
    expect([...f.without(SIZE)!]).toEqual([0, 0, 1, 0, 1]);
    f.pick([4, 1]);
    expect([...f.rows()]).toEqual([1]);
    expect([...f.without(KIND)!]).toEqual([1, 0, 1, 1, 0]);
    await f.by(KIND, null);
    expect([...f.rows()]).toEqual([1, 4]);
    f.clear();
    expect(f.context).toBeNull();
  });

  it("light categories one by one or alone", async () => {
    const f = filters();
    await f.only(KIND, 2);
    expect([...f.codes(KIND)]).toEqual([2]);
    await f.toggle(KIND, 0);
    expect(f.counted).toBe(3);
    await f.toggle(KIND, 2);
    await f.toggle(KIND, 0);
    expect(f.any).toBe(false);
    await f.only(KIND, 1);
    await f.only(KIND, 1);
    expect(f.any).toBe(false);
  });

  it("come back from the address as they were, whatever the names hold", async () => {
    const f = filters();
    await f.by(KIND, { kind: "categories", codes: new Set([1, 0]) });
    await f.by(SIZE, { kind: "range", low: -2.00000012, high: Infinity });
    f.pick([3, 1, 0]);
    const values = said(f);
    expect(Object.fromEntries(values)).toEqual({ "filter.kind of thing": "a|#1", "filter.size": "-2..", select: "rows:0,1,3" });
    const again = filters();
    await again.read(new URLSearchParams(values.toString()));
    expect([...again.rows()]).toEqual([...f.rows()]);
    expect(said(again).toString()).toBe(values.toString());
    await again.read(new URLSearchParams());
    expect(again.any).toBe(false);
  });

  it("pass over what an address cannot mean", async () => {
    const f = filters();
    await f.read(new URLSearchParams("filter.size=wide&filter.kind of thing=nothing&select=magic:1&filter.other=1"));
    expect(f.any).toBe(false);
    await f.read(new URLSearchParams("select=rows:99,-1,x,2"));
    expect([...f.rows()]).toEqual([2]);
  });
});

describe("anchors", () => {
  it("keep their order through the address", () => {
    const anchors = new Anchors(() => 10);
    anchors.add({ row: 3 });
    anchors.add({ row: 3 });
    anchors.add({ x: 1 / 3, y: -2 });
    anchors.add({ row: 9 });
    anchors.move(2, 0);
    expect(anchors.places).toEqual(["row:9", "row:3", "at:0.333333,-2"]);
    const again = new Anchors(() => 9);
    again.read(said(anchors));
    expect(again.places).toEqual(["row:3", "at:0.333333,-2"]);
    again.reverse();
    again.remove(0);
    expect(again.places).toEqual(["row:3"]);
    again.read(new URLSearchParams());
    expect(again.list).toEqual([]);
  });
});

describe("layers", () => {
  it("are in the address where they are not as usual", () => {
    const shown = new Shown();
    expect(said(shown).toString()).toBe("");
    shown.toggle("grid");
    expect(said(shown).get("show")).toBe("grid");
    const again = new Shown();
    again.read(new URLSearchParams("show=grid,<b>"));
    expect(again.has("grid")).toBe(true);
    again.read(new URLSearchParams());
    expect(again.has("grid")).toBe(false);
  });
});

describe("paths", () => {
  const explorer = (paths: unknown) => ({ backend: { paths } }) as never;

  it("the kind and the steps are in the address, unless they are the usual ones", () => {
    const paths = new Paths(explorer(null));
    expect(said(paths).toString()).toBe("");
    paths.read(new URLSearchParams("way=density&steps=21"));
    expect([paths.chosen, paths.steps]).toEqual(["density", 21]);
    expect(said(paths).toString()).toBe("way=density&steps=21");
    paths.read(new URLSearchParams("way=scenic&steps=1000000"));
    expect([paths.chosen, paths.steps]).toEqual(["geodesic", 11]);
  });

  it("only the last places are asked for, and one place is no path", async () => {
    const asked: string[][] = [];
    const paths = new Paths(explorer((through: string[], steps: number) => {
      asked.push(through);
      return through.includes("row:9") ? Promise.reject(new Error("There is no row 9.")) : Promise.resolve({ steps, ways: [] });
    }));
    paths.ask(["row:1", "row:2"], 11);
    paths.ask(["row:1", "row:2", "row:3"], 2);
    expect(paths.waiting).toBe(true);
    await new Promise((done) => setTimeout(done, 200));
    expect(asked).toEqual([["row:1", "row:2", "row:3"]]);
    expect(paths.found?.steps).toBe(3);
    paths.ask(["row:1", "row:9"], 11);
    await new Promise((done) => setTimeout(done, 200));
    expect([paths.found, paths.failure, paths.waiting]).toEqual([null, "There is no row 9.", false]);
    paths.ask(["row:1"], 11);
    expect([paths.found, paths.failure, paths.waiting]).toEqual([null, null, false]);
  });
});
