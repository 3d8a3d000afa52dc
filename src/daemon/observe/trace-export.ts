import type { Clock } from '../../async/clock.ts';
import type { TracedSpan } from './span-document.ts';

/** These spans will never be taken: sent again they would hold up all that come behind. */
export class SpansRefused extends Error {
  override readonly name = 'SpansRefused';
  /** Fewer at once may be. */
  readonly tooLarge: boolean;

  constructor(message: string, tooLarge: boolean) {
    super(message);
    this.tooLarge = tooLarge;
  }
}

/** Sends spans somewhere; rejects with the reason, `SpansRefused` where there is no use in another try. */
export interface SpanSink {
  send(spans: readonly TracedSpan[]): Promise<void>;
  close(): Promise<void>;
}

/** What an export needs. */
export interface TraceExportOptions {
  readonly clock: Clock;
  /** Makes the sink when the first span is there: what it loads is large. */
  readonly open: () => Promise<SpanSink>;
  /** Where to, for messages. */
  readonly shown: string;
  readonly warn: (message: string, hint: string) => void;
}

/** Some 4 MiB. */
const maxQueued = 4_096;
const maxBatch = 512;
/** As OpenTelemetry's batch processor waits; more often costs requests. */
const batchMs = 1_000;
const retryMs = 5_000;
/** A collector that is away does not hold up the end of the daemon. */
const closeMs = 2_000;

/** Spans on their way to a collector, one batch after the other. While it is away the newest are kept, and it is told once. */
export class TraceExport {
  readonly #options: TraceExportOptions;
  #sink: SpanSink | null = null;
  #queue: TracedSpan[] = [];
  /** Spans sent at once. */
  #batch = maxBatch;
  #dropped = 0;
  #failing = false;
  #sending: Promise<void> | null = null;
  #cancel: (() => void) | null = null;
  #closed = false;

  constructor(options: TraceExportOptions) {
    this.#options = options;
  }

  add(span: TracedSpan): void {
    if (this.#closed) return;
    this.#queue.push(span);
    // In steps: a queue that is full would be copied for every span.
    if (this.#queue.length > maxQueued + maxBatch) {
      this.#dropped += this.#queue.length - maxQueued;
      this.#queue = this.#queue.slice(-maxQueued);
    }
    this.#later(batchMs);
  }

  /** Sends what is there, for a short time. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancel?.();
    const { clock } = this.#options;
    const over = Promise.withResolvers<void>();
    const cancel = clock.after(closeMs, over.resolve);
    const rest = async (): Promise<void> => {
      await this.#sending;
      if (!this.#failing && this.#queue.length > 0) await this.#send();
      await this.#sink?.close();
    };
    await Promise.race([rest().catch(() => undefined), over.promise]);
    cancel();
  }

  #later(ms: number): void {
    if (this.#sending !== null || this.#closed) return;
    this.#cancel ??= this.#options.clock.after(ms, () => {
      this.#cancel = null;
      this.#sending = this.#send().finally(() => {
        this.#sending = null;
        if (this.#queue.length > 0) this.#later(this.#failing ? retryMs : batchMs);
      });
    });
  }

  /** Never rejects. */
  async #send(): Promise<void> {
    const batch = this.#queue.splice(0, this.#batch);
    try {
      this.#sink ??= await this.#options.open();
      await this.#sink.send(batch);
      this.#worked();
    } catch (error) {
      if (!(error instanceof SpansRefused)) this.#queue.unshift(...batch);
      else if (error.tooLarge && batch.length > 1) {
        this.#queue.unshift(...batch);
        this.#batch = Math.ceil(batch.length / 2);
        return;
      } else this.#dropped += batch.length;
      this.#failed(error);
    }
  }

  #worked(): void {
    if (!this.#failing) return;
    this.#failing = false;
    const lost = this.#dropped === 0 ? 'none was lost' : `${this.#dropped} spans were lost`;
    this.#dropped = 0;
    this.#options.warn(`traces reach ${this.#options.shown} again, ${lost}`, '');
  }

  #failed(error: unknown): void {
    if (this.#failing) return;
    this.#failing = true;
    const reason = error instanceof Error ? error.message : String(error);
    this.#options.warn(
      `traces do not reach ${this.#options.shown}: ${reason.slice(0, 300)}`,
      'the last ones are kept and sent when it is back; OTEL_TRACES_EXPORTER=none turns the export off',
    );
  }
}
