/** One request at a time, the newest next: what was wanted in between is never asked for. */

export class Latest<A, T> {
  private busy = false;
  private next: { wanted: A } | null = null;

  constructor(
    private readonly ask: (wanted: A) => Promise<T>,
    private readonly show: (answer: T, wanted: A) => void,
    private readonly failed: (error: Error) => void,
  ) {}

  want(wanted: A): void {
    this.next = { wanted };
    if (!this.busy) void this.run();
  }

  private async run(): Promise<void> {
    this.busy = true;
    while (this.next) {
      const { wanted } = this.next;
      this.next = null;
      try {
        this.show(await this.ask(wanted), wanted);
      } catch (error) {
        this.failed(error as Error);
      }
    }
    this.busy = false;
  }
}
