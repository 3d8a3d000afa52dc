/** Requests that keep coming while something is done to the mesh: `workers` at a time, each waiting for its answer. */
export class SteadyLoad implements AsyncDisposable {
  readonly failures: string[] = [];
  answers = 0;
  #running = true;
  #answered = Promise.withResolvers<void>();
  readonly #workers: Promise<void>[];

  constructor(workers: number, request: () => Promise<string | null>) {
    this.#workers = Array.from({ length: workers }, async () => {
      while (this.#running) {
        const failure = await request().catch((error: unknown) =>
          String(error instanceof Error ? (error.cause ?? error.message) : error),
        );
        this.answers += 1;
        if (failure !== null) this.failures.push(failure);
        this.#answered.resolve();
        this.#answered = Promise.withResolvers();
      }
    });
  }

  /** Resolves when at least `count` more answers have come. */
  async more(count: number): Promise<void> {
    const goal = this.answers + count;
    while (this.answers < goal) await this.#answered.promise;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Lets what is under way finish. */
  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#workers);
  }
}
