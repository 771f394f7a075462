/** An even spread of very many rows, where drawing all of them a second time would cost too much. */

const MOST = 100_000;

/** Row numbers to draw; null: all of them. */
export function spreadRows(n: number, most = MOST): Uint32Array | null {
  return n <= most ? null : Uint32Array.from({ length: most }, (_, i) => Math.floor((i * n) / most));
}

/** The values of those rows. */
export function taken(values: Uint8Array, rows: Uint32Array | null): Uint8Array {
  return rows ? Uint8Array.from(rows, (row) => values[row]!) : values;
}
