import type { Clock } from '../../async/clock.ts';
import { maxSpansPerMessage, type Observed, type SpanFacts } from '../../snapshot/observation.ts';

/** How long a span may wait for others. */
const flushMs = 250;

/** Finished spans on their way to the daemon, in batches. Keeps none beyond a batch: where the channel is slow they are lost and counted. */
export class SpanQueue {
  readonly #clock: Clock;
  #tell: (message: Observed) => boolean = () => false;
  #spans: SpanFacts[] = [];
  #dropped = 0;
  #cancel: (() => void) | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Where they go from now on. What waits for somebody else is dropped. */
  use(tell: (message: Observed) => boolean): void {
    this.#tell = tell;
    this.#spans = [];
    this.#dropped = 0;
    this.#stop();
  }

  add(span: SpanFacts): void {
    this.#spans.push(span);
    if (this.#spans.length >= maxSpansPerMessage) this.#flush();
    else this.#cancel ??= this.#clock.after(flushMs, () => this.#flush());
  }

  #flush(): void {
    this.#stop();
    const spans = this.#spans;
    this.#spans = [];
    if (this.#tell({ kind: 'spans', dropped: this.#dropped, spans })) this.#dropped = 0;
    else this.#dropped += spans.length;
  }

  #stop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }
}
