import { describe, expect, it } from "vitest";
import { packed, unpacked } from "../state/sharing.svelte";
import { arranged, type Picked } from "./files";
import { bytes } from "./start.svelte";
import { ago, sentence, shapeOf } from "./words";

const file = (name: string, size = 1): Picked => ({ file: { size } as File, name });
const names = (picked: readonly Picked[]) => picked.map((p) => p.name);

describe("files that come together", () => {
  it("one file is itself", () => {
    const found = arranged([file("a.csv")], "1");
    expect([names(found.files), found.source]).toEqual([["a.csv"], "a.csv"]);
  });

  it("loose arrays stay side by side, and the largest is looked at", () => {
    const found = arranged([file("labels.npy", 10), file("images.npy", 900)], "1");
    expect([names(found.files), found.source]).toEqual([["labels.npy", "images.npy"], "images.npy"]);
  });

  it("loose pictures get a folder", () => {
    const found = arranged([file("1.png"), file("2.png")], "7");
    expect([names(found.files), found.source]).toEqual([["files-7/1.png", "files-7/2.png"], "files-7"]);
  });

  it("a folder keeps its name and what is below it", () => {
    const found = arranged([file("pets/dog/1.png"), file("pets/cat/2.png")], "7");
    expect([names(found.files), found.source]).toEqual([["pets/dog/1.png", "pets/cat/2.png"], "pets"]);
    expect(arranged([file("pets/1.png")], "7").source).toBe("pets");
  });

  it("several folders go into one", () => {
    const found = arranged([file("dog/1.png"), file("cat/2.png")], "7");
    expect([names(found.files), found.source]).toEqual([["files-7/dog/1.png", "files-7/cat/2.png"], "files-7"]);
  });
});

describe("rows as bits", () => {
  it("come back as they went, whatever the number of rows", () => {
    for (const n of [1, 7, 8, 9, 64, 203]) {
      const rows = Array.from({ length: n }, (_, i) => i).filter((i) => (i * 7919) % 3 === 0);
      expect([...unpacked(packed(rows, n), n)]).toEqual(rows);
    }
    expect([...packed([0, 9], 10)]).toEqual([1, 2]);
  });
});

describe("words", () => {
  it("say how long ago", () => {
    const now = 1_700_000_000;
    expect(ago(now - 5, now)).toBe("just now");
    expect(ago(now - 3 * 3600 - 5, now)).toBe("3 hours ago");
    expect(ago(now - 86400, now)).toBe("1 day ago");
    expect(ago(now - 400 * 86400, now)).toMatch(/^on \d+ \w+ 2022$/);
  });

  it("say how large", () => {
    expect([bytes(5), bytes(1500), bytes(999_000_000), bytes(2.5e12)]).toEqual(["5 bytes", "1.50 KB", "999 MB", "2.50 TB"]);
  });

  it("begin errors large, but leave names alone", () => {
    expect(sentence("column 'a' is empty.")).toBe("Column 'a' is empty.");
    expect(sentence("'a.csv' is empty.")).toBe("'a.csv' is empty.");
  });

  it("say what shape", () => {
    expect(shapeOf("image", [3, 24, 32])).toBe("32 × 24 pixels, in colour");
    expect(shapeOf("signal", [1, 96])).toBe("1 channel of 96 steps");
    expect(shapeOf("table", [4])).toBe("4 columns learned from");
  });
});
