/** A start page made up inside the page: `?fixture=start`. */

import type { Session } from "../protocol";
import type { Desk, Look, Offers } from "./desk";

const NOW = 1_767_000_000;
const READY: Session = { type: "session", phase: "ready", name: "fixture", version: "fixture", notes: [], canStop: false, desk: true, serial: 1 };

export class FixtureDesk implements Desk {
  private content: Offers = {
    folder: "/home/you", room: 40e9,
    recent: [
      { path: "/home/you/credit.space", name: "credit", modality: "table", rows: 30000, opened: NOW - 3600, missing: false },
      { path: "/home/you/faces.space", name: "faces", modality: "image", rows: 13233, opened: NOW - 200000, missing: true },
      { path: "/home/you/har.space", name: "har", modality: "signal", rows: 10299, opened: null, missing: false },
    ],
    partial: [
      { path: "/home/you/adult.space", name: "adult", data: "adult.csv", epochs: 12, elbo: -14.2, trained: false, changed: NOW - 900, blocked: null },
      { path: "/home/you/old.space", name: "old", data: null, epochs: 3, elbo: null, trained: false, changed: NOW - 900000, blocked: "it was begun from Python; the same call goes on with it" },
    ],
    examples: [
      { name: "digits", title: "Handwritten digits", modality: "image", rows: 1797, says: "8 x 8 pixels from 43 people." },
      { name: "iris", title: "Irises", modality: "table", rows: 150, says: "Four lengths of each flower, and which of three species it is." },
    ],
  };

  async offers() { return this.content; }
  async upload() { return "upload:iris.csv"; }

  async look(source: string): Promise<Look> {
    return {
      source, name: "iris.csv", modality: "table", rows: 150, shape: [2], target: "species", columnCount: 3, correctable: true,
      columns: [
        { name: "length", kind: "numeric", role: "feature", missing: 1, distinct: 35, values: "4.3 to 7.9", reason: "" },
        { name: "width", kind: "numeric", role: "feature", missing: 0, distinct: 23, values: "2 to 4.4", reason: "" },
        { name: "species", kind: "categorical", role: "target", missing: 0, distinct: 3, values: "setosa, versicolor, virginica", reason: "" },
      ],
      notes: ["'species' is taken as the target because of its name: it is not trained on."],
      head: { names: ["length", "width", "species"], cells: [["5.1", "3.5", "setosa"], ["4.9", "3", "setosa"]] },
      items: null, output: "iris", taken: false,
      families: [{ name: "vae", title: "VAE", says: "A variational autoencoder." }],
    };
  }

  private async walk(): Promise<Session> {
    location.search = "?fixture=table";
    return READY;
  }

  fit() { return this.walk(); }
  open() { return this.walk(); }
  resume() { return this.walk(); }

  async leave(): Promise<Session> {
    location.search = "?fixture=start";
    return { ...READY, phase: "idle" };
  }

  async discard(path: string) {
    this.content = { ...this.content, partial: this.content.partial.filter((p) => p.path !== path) };
    return this.content;
  }

  async forget(path: string) {
    this.content = { ...this.content, recent: this.content.recent.filter((r) => r.path !== path) };
    return this.content;
  }
}
