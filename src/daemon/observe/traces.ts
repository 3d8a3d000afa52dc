import { MeshError } from '../../api/mesh-error.ts';
import type { BrokenPropagationDocument, TraceDocument, TraceFilter, TraceSummary, TracesDocument } from '../../api/trace.ts';
import { apiVersion } from '../../api/types.ts';
import type { Clock } from '../../async/clock.ts';
import { delay } from '../../async/delay.ts';
import type { Observed } from '../../snapshot/observation.ts';
import { PropagationWatch } from './propagation-watch.ts';
import { type SpanSource, spanDocument, spanName, type TracedSpan } from './span-document.ts';
import { isWanted, summaryOf, TraceStore } from './trace-store.ts';

const lookEveryMs = 1_000;

/** What a message of spans is. */
export type SpansMessage = Extract<Observed, { readonly kind: 'spans' }>;

/** The traces of a running mesh: takes in what sidecars tell, answers what people ask. */
export class Traces {
  readonly #clock: Clock;
  readonly #store = new TraceStore();
  readonly #propagation = new PropagationWatch();
  readonly #onSpan: (span: TracedSpan) => void;
  #dropped = 0;
  #received = 0;

  /** `onSpan`: hears every span, for an exporter. */
  constructor(clock: Clock, onSpan: (span: TracedSpan) => void = () => {}) {
    this.#clock = clock;
    this.#onSpan = onSpan;
  }

  take(from: SpanSource, { dropped, spans }: SpansMessage): void {
    this.#dropped += dropped;
    this.#received += spans.length;
    for (const facts of spans) {
      const span = { facts, from };
      if (!this.#store.add(span)) this.#dropped++;
      this.#propagation.add(span);
      this.#onSpan(span);
    }
  }

  /** Spans since the daemon began. */
  get spans(): { readonly received: number; readonly dropped: number } {
    return { received: this.#received, dropped: this.#dropped };
  }

  list(filter: TraceFilter): TracesDocument {
    return { apiVersion, kind: 'Traces', traces: this.#store.list(filter), kept: this.#store.size, dropped: this.#dropped };
  }

  /**
   * Traces from now on, each when nothing was heard of it for a second: then it is over, as far as can be told. More than are kept within that time are
   * not told.
   */
  async *watch(filter: TraceFilter, signal: AbortSignal): AsyncGenerator<TraceSummary, void, void> {
    // By id: how many spans it had at the last look; those that were told stay at 0.
    let seen = new Map([...this.#store.sizes()].map(([id]) => [id, 0]));
    while (!signal.aborted) {
      await delay(this.#clock, lookEveryMs, signal).catch(() => undefined);
      const now = new Map<string, number>();
      const over: string[] = [];
      for (const [id, spans] of this.#store.sizes()) {
        const before = seen.get(id);
        if (before === spans) over.push(id);
        now.set(id, before === 0 || before === spans ? 0 : spans);
      }
      seen = now;
      for (const id of over) {
        const spans = this.#store.spans(id);
        const summary = spans === null ? null : summaryOf(spans);
        if (summary !== null && isWanted(summary, filter)) yield summary;
      }
    }
  }

  broken(): BrokenPropagationDocument {
    return { apiVersion, kind: 'BrokenPropagation', services: this.#propagation.list(this.#clock.now()) };
  }

  /** `text`: a trace id, the beginning of one, or a request id. @throws MeshError `unknown-trace` */
  find(text: string): TraceDocument {
    const ids = this.#store.idsOf(text);
    // A request whose context was lost on the way has several traces with one request id: its first is meant.
    if (ids.length > 1 && ids.every(id => id.startsWith(text)))
      throw new MeshError(
        'ambiguous-trace',
        `${ids.length} traces begin with ${text}`,
        `write more of it: ${ids.slice(0, 3).join(', ')}`,
      );
    const found = ids.map(id => this.#store.spans(id) ?? []).sort((a, b) => startOf(a) - startOf(b));
    const [spans] = found;
    if (spans === undefined)
      throw new MeshError(
        'unknown-trace',
        `no trace ${JSON.stringify(text.slice(0, 80))} is kept`,
        '`mesh traces` lists the last ones',
      );
    const summary = summaryOf(spans);
    return {
      apiVersion,
      kind: 'Trace',
      ...summary,
      hops: spans.map(spanDocument),
      notes: [...tornHere(spans), ...this.#store.tornFrom(summary.traceId).map(tornAway)],
    };
  }
}

function startOf(spans: readonly TracedSpan[]): number {
  return spans[0]?.facts.startMs ?? Number.POSITIVE_INFINITY;
}

/** The trace is the rest of another one. */
function tornHere(spans: readonly TracedSpan[]): string[] {
  return spans.flatMap(({ facts, from }) => {
    if (facts.lost === null || facts.lost.open === 0) return [];
    const { open, traceId } = facts.lost;
    const which = open === 1 ? 'a request' : `${open} requests`;
    const where = open === 1 && traceId !== null ? ` (\`mesh trace ${traceId}\`)` : '';
    return [
      `begins in the middle: ${from.service} called ${facts.to || facts.authority} without trace context while it served ${which}${where}`,
    ];
  });
}

function tornAway({ facts, from }: TracedSpan): string {
  const sure = facts.lost?.open === 1 ? 'goes on' : 'may go on';
  return `${sure} as \`mesh trace ${facts.traceId}\`: ${from.service} called ${facts.to || facts.authority} (${spanName(facts)}) without the trace context that it was given`;
}
