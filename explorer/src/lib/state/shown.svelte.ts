/** What lies over the points: each layer by name, on or off. */

import type { Part } from "./address.svelte";

/** On unless switched off. */
const DEFAULT: ReadonlySet<string> = new Set(["mask", "boundary"]);

export class Shown implements Part {
  readonly quiet = true;
  private on: ReadonlySet<string> = $state.raw(DEFAULT);

  has(layer: string): boolean {
    return this.on.has(layer);
  }

  toggle(layer: string): void {
    const next = new Set(this.on);
    if (!next.delete(layer)) next.add(layer);
    this.on = next;
  }

  /** Names of layers that are on, and with a minus those that are off though they are on by default. */
  write(values: URLSearchParams): void {
    const changed = [...[...this.on].filter((l) => !DEFAULT.has(l)), ...[...DEFAULT].filter((l) => !this.on.has(l)).map((l) => `-${l}`)];
    if (changed.length) values.set("show", changed.join(","));
  }

  read(values: URLSearchParams): void {
    const next = new Set(DEFAULT);
    for (const word of (values.get("show") ?? "").split(",").filter((w) => /^-?[a-z]{1,20}$/.test(w))) {
      if (word.startsWith("-")) next.delete(word.slice(1));
      else next.add(word);
    }
    this.on = next;
  }
}
