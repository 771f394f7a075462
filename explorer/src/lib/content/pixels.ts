/** Raw pixels onto a canvas. */

import type { ImageContent } from "../protocol";

/** Gives the canvas the picture's size and paints it; grey and colour, with or without transparency. */
export function paint(canvas: HTMLCanvasElement, { width, height, channels, pixels }: ImageContent): void {
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  const out = image.data;
  const grey = channels < 3;
  for (let p = 0; p < width * height; p++) {
    const at = p * channels;
    out[4 * p] = pixels[at]!;
    out[4 * p + 1] = pixels[grey ? at : at + 1]!;
    out[4 * p + 2] = pixels[grey ? at : at + 2]!;
    out[4 * p + 3] = channels === 4 ? pixels[at + 3]! : 255;
  }
  canvas.getContext("2d")!.putImageData(image, 0, 0);
}
