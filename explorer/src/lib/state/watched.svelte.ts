/** Work on the server that takes some seconds: begun, asked how far it is, stopped. */

/** How often it is asked how far it is. */
export const EVERY = 350;
export const pause = (time: number) => new Promise((done) => setTimeout(done, time));

export class Watched<T extends { state: string }> {
  now: T | null = $state.raw(null);
  failure: string | null = $state(null);
  private turn = 0;
  private watching = false;

  constructor(
    private readonly look: () => Promise<T>,
    private readonly end: () => Promise<T>,
  ) {}

  /** Follows what `begin` begins until it ends, or until something else is begun. */
  async start(begin: () => Promise<T>): Promise<void> {
    const turn = ++this.turn;
    this.watching = true;
    this.failure = null;
    try {
      let now = await begin();
      while (turn === this.turn) {
        this.now = now;
        if (now.state !== "making") break;
        await pause(EVERY);
        now = await this.look();
      }
    } catch (error) {
      if (turn === this.turn) this.failure = (error as Error).message;
    } finally {
      if (turn === this.turn) this.watching = false;
    }
  }

  /** As `start`, unless it is under way or there. */
  async once(begin: () => Promise<T>): Promise<void> {
    if (!this.watching && this.now?.state !== "ready") await this.start(begin);
  }

  async stop(): Promise<void> {
    ++this.turn;
    this.watching = false;
    try {
      this.now = await this.end();
    } catch (error) {
      this.failure = (error as Error).message;
    }
  }

  /** What was found is of something else by now. */
  forget(): void {
    ++this.turn;
    this.watching = false;
    this.now = null;
    this.failure = null;
  }
}
