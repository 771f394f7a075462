/** Signals as SVG paths. */

export type Range = [low: number, high: number];

/** Range over all lines given, widened where flat. */
export function rangeOf(lines: readonly Float32Array[]): Range {
  let low = Infinity;
  let high = -Infinity;
  for (const line of lines) {
    for (const value of line) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  if (!(low <= high)) return [0, 1];
  return low === high ? [low - 1, high + 1] : [low, high];
}

/** A path through the values; gaps where a value is missing. Long lines keep each pixel's extremes. */
export function pathOf(line: Float32Array, width: number, height: number, [low, high]: Range): string {
  const n = line.length;
  const y = (v: number) => (height - ((v - low) / (high - low)) * height).toFixed(1);
  const x = (i: number) => ((i / Math.max(n - 1, 1)) * width).toFixed(1);
  let path = "";
  let drawing = false;
  const put = (i: number) => {
    const value = line[i]!;
    if (!Number.isFinite(value)) {
      drawing = false;
      return;
    }
    path += `${drawing ? "L" : "M"}${x(i)} ${y(value)}`;
    drawing = true;
  };
  const step = Math.floor(n / (width * 2));
  if (step < 2) {
    for (let i = 0; i < n; i++) put(i);
    return path;
  }
  for (let from = 0; from < n; from += step) {
    let [least, most] = [from, from];
    for (let i = from; i < Math.min(from + step, n); i++) {
      if (line[i]! < line[least]!) least = i;
      if (line[i]! > line[most]!) most = i;
    }
    put(Math.min(least, most));
    if (least !== most) put(Math.max(least, most));
  }
  return path;
}
