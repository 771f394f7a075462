/** What latents rest on, in real rows: worked out one after the other, and kept. */

import type { Networks } from "../backend/networks";
import type { Saliency } from "../protocol";

export interface Asked { row: number; latent: number }

export class Saliencies {
  /** The latent that was chosen; null: the strongest. */
  latent: number | null = $state(null);
  /** What is being worked out. */
  doing: Asked | null = $state.raw(null);
  private failed: (Asked & { says: string }) | null = $state.raw(null);
  private kept: readonly Saliency[] = $state.raw([]);

  constructor(private readonly backend: Networks) {}

  /** All that is known of a row. */
  of(row: number | null): readonly Saliency[] {
    return this.kept.filter((s) => s.row === row);
  }

  find({ row, latent }: Asked): Saliency | null {
    return this.kept.find((s) => s.row === row && s.latent === latent) ?? null;
  }

  failure({ row, latent }: Asked): string | null {
    return this.failed?.row === row && this.failed.latent === latent ? this.failed.says : null;
  }

  async ask(asked: Asked): Promise<void> {
    if (this.doing || this.find(asked)) return;
    this.doing = asked;
    this.failed = null;
    try {
      this.kept = [...this.kept, await this.backend.saliency(asked.row, asked.latent)];
    } catch (error) {
      this.failed = { ...asked, says: (error as Error).message };
    }
    this.doing = null;
  }
}
