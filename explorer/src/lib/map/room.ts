/** Room for labels: the first come first, each over its place, else a little above or below, else not at all. */

const GAP = 3;

/** Of each label its vertical offset in pixels, or null where it has no room. Spots and sizes in pixels. */
export function placed(spots: readonly (readonly [number, number])[], sizes: readonly (readonly [number, number])[]): (number | null)[] {
  const taken: [number, number, number, number][] = [];
  return spots.map(([x, y], i) => {
    const [w, h] = sizes[i] ?? [0, 0];
    if (!w) return null;
    for (const offset of [0, -(h * 0.75), h * 0.75, -(h * 1.4), h * 1.4]) {
      const box: [number, number, number, number] = [x - w / 2 - GAP, y + offset - h / 2 - GAP, x + w / 2 + GAP, y + offset + h / 2 + GAP];
      if (taken.some((t) => box[0] < t[2] && t[0] < box[2] && box[1] < t[3] && t[1] < box[3])) continue;
      taken.push(box);
      return offset;
    }
    return null;
  });
}
