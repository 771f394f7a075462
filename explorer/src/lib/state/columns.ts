/** The values of columns, each fetched once. */

import type { Backend, ColumnData } from "../backend/backend";
import type { ColumnInfo } from "../protocol";

export class Columns {
  private readonly kept = new Map<number, Promise<ColumnData>>();

  constructor(private readonly backend: Backend) {}

  /** A column that the page made itself. */
  keep(info: ColumnInfo, data: ColumnData): void {
    this.kept.set(info.index, Promise.resolve(data));
  }

  values(info: ColumnInfo): Promise<ColumnData> {
    let kept = this.kept.get(info.index);
    if (!kept) {
      kept = this.backend.column(info);
      kept.catch(() => this.kept.delete(info.index));
      this.kept.set(info.index, kept);
    }
    return kept;
  }
}
