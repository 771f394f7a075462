/** What one picture has more or less of than another, on a diverging scale whose middle is no difference. */

import type { RGB } from "../map/colour";
import type { ImageContent } from "../protocol";

/** Grey levels below which a scale would only enlarge noise. */
const LEAST = 16;

export interface Signed {
  /** `to` less `from`, a pixel, averaged over its colours. */
  values: Float32Array;
  /** The end of the scale, in grey levels. */
  most: number;
}

export function signed(from: ImageContent, to: ImageContent): Signed {
  const { width, height, channels } = to;
  const colours = channels === 2 ? 1 : Math.min(channels, 3);
  const values = new Float32Array(width * height);
  let most = LEAST;
  for (let p = 0; p < values.length; p++) {
    let sum = 0;
    for (let c = 0; c < colours; c++) sum += to.pixels[p * channels + c]! - from.pixels[p * channels + c]!;
    values[p] = sum / colours;
    most = Math.max(most, Math.abs(values[p]!));
  }
  return { values, most: Math.ceil(most) };
}

/** Each pixel between `zero` and `less` or `more`. */
export function paintSigned(
  canvas: HTMLCanvasElement, { values, most }: Signed, width: number, { less, zero, more }: Record<"less" | "zero" | "more", RGB>,
): void {
  canvas.width = width;
  canvas.height = values.length / width;
  const image = new ImageData(width, canvas.height);
  values.forEach((value, p) => {
    const end = value < 0 ? less : more;
    const t = Math.abs(value) / most;
    for (let c = 0; c < 3; c++) image.data[4 * p + c] = Math.round(zero[c]! + (end[c]! - zero[c]!) * t);
    image.data[4 * p + 3] = 255;
  });
  canvas.getContext("2d")!.putImageData(image, 0, 0);
}
