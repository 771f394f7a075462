/** Layers in words, and which of them are one step together. */

import type { StripLayer } from "../../protocol";

interface Words { name: string; means: string }

const KINDS: [RegExp, Words][] = [
  [/^ConvTranspose/, { name: "filters that enlarge", means: "Every unit lays out a small learned pattern wherever the layer before says so, on a finer grid." }],
  [/^Conv/, { name: "learned filters", means: "Every unit slides one small learned pattern over the item and answers where it fits. Its answers are a map, bright where they are large." }],
  [/^(Linear|Bilinear)/, { name: "weighted sums", means: "Every unit adds up all numbers of the layer before, each times a weight that was learned: one answer for the whole item." }],
  [/^(ReLU|ReLU6)/, { name: "kept above zero", means: "Answers below zero become zero, so that a unit can stay silent (ReLU)." }],
  [/^(LeakyReLU|PReLU|ELU|CELU|SELU|GELU|SiLU|Mish|Softplus|Hardswish|Tanh|Sigmoid|Hard)/, { name: "damped", means: "Large and small answers are bent by a fixed curve; nothing is learned here." }],
  [/^(Batch|Layer|Group|Instance|RMS|Local)\w*Norm/, { name: "evened out", means: "Answers are brought to a common range." }],
  [/^(Max|Avg|Adaptive)\w*Pool/, { name: "made coarser", means: "Neighbouring answers become one, their largest or their mean." }],
  [/^(Upsample|PixelShuffle)/, { name: "made finer", means: "Answers are laid out on a larger grid." }],
  [/^(Flatten|Unflatten|View|Reshape|Permute)/, { name: "laid out anew", means: "The same numbers in another shape." }],
  [/^(Dropout|Identity)/, { name: "passed on", means: "Does nothing once training is over." }],
  [/^Standardise/, { name: "brought to one scale", means: "The item itself, its numbers shifted and divided so that all vary alike." }],
  [/^Embedding/, { name: "looked up", means: "Every category has numbers of its own, which were learned." }],
];

const LATENT: Words = { name: "the latent's numbers", means: "Weighted sums that give each latent dimension and, where the model says how sure it is, its spread (as a logarithm)." };

export function wordsOf(kind: string, name = ""): Words {
  return name === "posterior" ? LATENT : KINDS.find(([pattern]) => pattern.test(kind))?.[1] ?? { name: kind, means: `A layer of the kind ${kind}.` };
}

/** Whether a layer changes each answer of the one before by itself, so that both are one step. */
const alone = (kind: string): boolean =>
  /^(ReLU|ReLU6|LeakyReLU|PReLU|ELU|CELU|SELU|GELU|SiLU|Mish|Softplus|Hardswish|Tanh|Sigmoid|Hard\w+|Dropout\w*|Identity|(Batch|Layer|Group|Instance|RMS)\w*Norm\w*)$/.test(kind);

/** Layers as one step: what the last of them answers, called what the first of them does. */
export interface Step<T> { first: T; last: T; numbers: string; kinds: string[] }

export function stepsOf<T extends Pick<StripLayer, "kind" | "count" | "part">>(layers: readonly T[], every: boolean): Step<T>[] {
  const steps: (Step<T> & { from: number })[] = [];
  layers.forEach((layer, i) => {
    const before = steps.at(-1);
    if (before && !every && alone(layer.kind) && layer.count === before.last.count && layer.part === before.last.part) {
      before.last = layer;
      before.numbers = `${before.from}–${i + 1}`;
      before.kinds.push(layer.kind);
    } else steps.push({ first: layer, last: layer, from: i + 1, numbers: String(i + 1), kinds: [layer.kind] });
  });
  return steps;
}

/** A path beside the main one, by the name of its layers. */
export const beside = (name: string): boolean => name.startsWith("linear.");

export const percent = (share: number): string => (share >= 0.0995 ? `${Math.round(100 * share)} %` : share >= 0.00095 ? `${(100 * share).toFixed(1)} %` : "< .1 %");

/** Where a layer stands in a chart: a short mark for the axis, its name in words, its number where it has one. */
export interface LayerPlace { tick: string; name: string; number: number | null }

export function placesOf(layers: readonly string[], known: readonly { name: string; kind: string }[]): LayerPlace[] {
  return layers.map((layer) => {
    if (layer === "input") return { tick: "item", name: "the item itself", number: null };
    if (layer === "latent") return { tick: "latent", name: "the latent", number: null };
    const i = known.findIndex((k) => k.name === layer);
    return { tick: String(i + 1), name: `layer ${i + 1}, ${wordsOf(known[i]?.kind ?? "", layer).name}`, number: i + 1 };
  });
}
