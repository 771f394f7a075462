import { describe, expect, it } from "vitest";
import { compare } from "./content/compare";
import { pathOf, rangeOf } from "./content/lines";
import { Decoding, DWELL } from "./state/decoding";
import { readFrame, type Decoded } from "./protocol";
import { duration, number, ordinal, percentile } from "./words";

function frame(header: object, payload: Uint8Array): ArrayBuffer {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const out = new Uint8Array(4 + text.length + payload.length);
  new DataView(out.buffer).setUint32(0, text.length, true);
  out.set(text, 4);
  out.set(payload, 4 + text.length);
  return out.buffer;
}

const DECODED = { type: "decoded", id: 3, x: 1, y: 2, nearest: { index: 4, distance: 0.5 }, hasData: true };

describe("frames", () => {
  it("hold a picture behind a header of any length", () => {
    const header = { ...DECODED, note: "é".repeat(5), content: { kind: "image", width: 2, height: 1, channels: 3 } };
    const read = readFrame(frame(header, new Uint8Array([1, 2, 3, 4, 5, 6])));
    if (read.type !== "decoded" || read.decoded.content.kind !== "image") throw new Error("not a picture");
    expect([...read.decoded.content.pixels]).toEqual([1, 2, 3, 4, 5, 6]);
    expect(read.decoded.neighbours).toBeNull();
    expect(read.decoded.densityPercentile).toBeNull();
  });

  it("hold signals channel by channel", () => {
    const values = new Float32Array([1, 2, 3, -1, -2, NaN]);
    const header = { ...DECODED, content: { kind: "signal", channels: 2, length: 3 } };
    const read = readFrame(frame(header, new Uint8Array(values.buffer)));
    if (read.type !== "decoded" || read.decoded.content.kind !== "signal") throw new Error("not a signal");
    expect(read.decoded.content.lines.map((l) => [...l])).toEqual([[1, 2, 3], [-1, -2, NaN]]);
  });

  it("hold a preview with its labels behind the places", () => {
    const places = new Uint8Array(new Float32Array([1, 2, 3, 4]).buffer);
    const payload = new Uint8Array([...places, 1, 255]);
    const read = readFrame(frame({ type: "preview", epoch: 7, n: 2, labels: { categories: ["a", "b"], encoding: "u8" } }, payload));
    if (read.type !== "preview") throw new Error("not a preview");
    expect([...read.preview.positions]).toEqual([1, 2, 3, 4]);
    expect([...read.preview.codes!]).toEqual([1, 255]);
  });

  it("are refused when cut short or unknown", () => {
    expect(() => readFrame(new ArrayBuffer(2))).toThrow();
    expect(() => readFrame(frame(DECODED, new Uint8Array()).slice(0, 20))).toThrow();
    expect(() => readFrame(frame({ type: "other" }, new Uint8Array()))).toThrow(/other/);
  });
});

describe("decoding", () => {
  const answer = (id: number): Decoded => ({ ...DECODED, id }) as unknown as Decoded;

  it("keeps one request in flight and sends the newest place next", () => {
    const sent: [number, number][] = [];
    const decoding = new Decoding((id, x) => sent.push([id, x]), () => undefined, () => 0);
    for (let x = 0; x < 10; x++) decoding.at(x, 0);
    expect(sent).toEqual([[1, 0]]);
    decoding.received(answer(1));
    expect(sent).toEqual([[1, 0], [2, 9]]);
    decoding.leave();
  });

  it("asks for detail once the cursor rests, and for nothing after it left", async () => {
    const sent: boolean[] = [];
    const shown: number[] = [];
    const decoding = new Decoding((_, __, ___, detail) => sent.push(detail), (d) => shown.push(d.id));
    decoding.at(1, 1);
    decoding.received(answer(1));
    await new Promise((done) => setTimeout(done, DWELL + 40));
    expect(sent).toEqual([false, true]);
    decoding.leave();
    decoding.received(answer(2));
    expect(shown).toEqual([1]);
  });

  it("does not wait for ever for an answer that was lost", () => {
    let now = 0;
    const sent: number[] = [];
    const decoding = new Decoding((id) => sent.push(id), () => undefined, () => now);
    decoding.at(1, 1);
    decoding.at(2, 2);
    now = 10_000;
    decoding.at(3, 3);
    expect(sent).toHaveLength(2);
    decoding.leave();
  });
});

describe("words", () => {
  it("have two or three significant digits", () => {
    expect([0.123456, 12345.6, 0.00001234, 0, 7].map((v) => number(v))).toEqual(["0.123", "12,346", "1.2e-5", "0", "7"]);
    expect(number(19000, { date: true })).toBe("2022-01-08");
    expect(number(NaN)).toBe("missing");
  });

  it("count in English", () => {
    expect([1, 2, 3, 4, 11, 12, 13, 21, 102].map(ordinal)).toEqual(["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd"]);
    expect([percentile(100), percentile(0)]).toEqual(["99th percentile", "1st percentile"]);
    expect([duration(0.4), duration(42), duration(600)]).toEqual(["a second", "42 seconds", "10 minutes"]);
  });
});

describe("records", () => {
  it("differ first where they differ most, measured against their columns", () => {
    const columns = [{ name: "a", minimum: 0, maximum: 100 }, { name: "b", minimum: 0, maximum: 1 }] as never;
    const cell = (name: string, value: string, kind = "numeric") => ({ name, value, kind, share: null });
    const here = [cell("a", "50"), cell("b", "0.1"), cell("c", "x", "categorical"), cell("d", "same", "categorical")];
    const there = [cell("a", "51"), cell("b", "0.9"), cell("c", "y", "categorical"), cell("d", "same", "categorical")];
    expect(compare(here, there, columns).map((d) => d.name)).toEqual(["b", "c"]);
  });
});

describe("lines", () => {
  it("leave a gap where a value is missing", () => {
    expect(pathOf(new Float32Array([0, 1, NaN, 1]), 30, 10, [0, 1])).toBe("M0.0 10.0L10.0 0.0M30.0 0.0");
    expect(rangeOf([new Float32Array([2, NaN, -1])])).toEqual([-1, 2]);
  });

  it("keep the extremes of a long signal", () => {
    const line = new Float32Array(10_000);
    line[5_001] = 9;
    expect(pathOf(line, 100, 10, [0, 9])).toMatch(/ 0\.0/);
  });
});
