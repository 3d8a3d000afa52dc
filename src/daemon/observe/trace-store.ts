import type { TraceFilter, TraceSummary } from '../../api/trace.ts';
import type { SpanFacts } from '../../snapshot/observation.ts';
import { hasFailed, spanName, type TracedSpan } from './span-document.ts';

/** How much is kept. */
export interface TraceLimits {
  readonly traces: number;
  readonly bytes: number;
  /** Of one trace: a loop between services must not push all others out. */
  readonly spans: number;
}

/** Two thousand requests are more than anybody looks through. */
const defaultTraceLimits: TraceLimits = { traces: 2_000, bytes: 32 * 1024 * 1024, spans: 1_000 };

/** An object with its numbers; its texts are counted beside it. */
const spanBytes = 400;

interface Kept {
  readonly traceId: string;
  readonly spans: TracedSpan[];
  bytes: number;
}

/** The last traces: spans by trace id, whenever they come. The one that nothing was heard of for longest goes first. Pure. */
export class TraceStore {
  readonly #limits: TraceLimits;
  /** In order of the last span heard. */
  readonly #traces = new Map<string, Kept>();
  #bytes = 0;

  constructor(limits: TraceLimits = defaultTraceLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#traces.size;
  }

  /** Whether it is kept: a trace that has too many spans gets no more. */
  add(span: TracedSpan): boolean {
    const { traceId } = span.facts;
    const trace = this.#traces.get(traceId) ?? { traceId, spans: [], bytes: 0 };
    if (trace.spans.length >= this.#limits.spans) return false;
    const bytes = bytesOf(span.facts);
    trace.spans.push(span);
    trace.bytes += bytes;
    this.#bytes += bytes;
    this.#traces.delete(traceId);
    this.#traces.set(traceId, trace);
    for (const oldest of this.#traces.values()) {
      if (this.#traces.size <= this.#limits.traces && this.#bytes <= this.#limits.bytes) break;
      this.#traces.delete(oldest.traceId);
      this.#bytes -= oldest.bytes;
    }
    return true;
  }

  /** Every trace with the number of its spans, in order of the last span heard. */
  *sizes(): Iterable<readonly [traceId: string, spans: number]> {
    for (const { traceId, spans } of this.#traces.values()) yield [traceId, spans.length];
  }

  /** The newest first. */
  list({ limit = 20, ...filter }: TraceFilter): TraceSummary[] {
    const found = [...this.#traces.values()].map(({ spans }) => summaryOf(spans));
    return found
      .filter(trace => isWanted(trace, filter))
      .sort((a, b) => b.startMs - a.startMs)
      .slice(0, limit);
  }

  /** Spans of the trace with this id, in order of their start; `null`: it is not kept. */
  spans(traceId: string): readonly TracedSpan[] | null {
    const trace = this.#traces.get(traceId);
    return trace === undefined ? null : trace.spans.toSorted((a, b) => a.facts.startMs - b.facts.startMs || depth(a) - depth(b));
  }

  /** Ids of the traces that a text means: an id, the beginning of one, or a request id. */
  idsOf(text: string): readonly string[] {
    if (this.#traces.has(text)) return [text];
    const begun = /^[0-9a-f]{4,32}$/.test(text) ? [...this.#traces.keys()].filter(id => id.startsWith(text)) : [];
    if (begun.length > 0) return begun;
    return [...this.#traces.values()]
      .filter(({ spans }) => spans.some(({ facts }) => facts.requestId === text))
      .map(({ traceId }) => traceId);
  }

  /** Spans of other traces that came without context while this one's were served. */
  tornFrom(traceId: string): readonly TracedSpan[] {
    return [...this.#traces.values()].flatMap(({ spans }) => spans.filter(({ facts }) => facts.lost?.traceId === traceId));
  }
}

/** A caller's span begins before the called one's, also where the clock does not tell. */
function depth({ facts }: TracedSpan): number {
  return facts.side === 'client' ? 0 : 1;
}

/** One line of a trace. `spans`: at least one. */
export function summaryOf(spans: readonly TracedSpan[]): TraceSummary {
  const inOrder = spans.toSorted((a, b) => a.facts.startMs - b.facts.startMs || depth(a) - depth(b));
  const ids = new Set(spans.map(({ facts }) => facts.spanId));
  const root = inOrder.find(({ facts }) => facts.parentId === null || !ids.has(facts.parentId)) ?? (inOrder[0] as TracedSpan);
  const startMs = Math.min(...spans.map(({ facts }) => facts.startMs));
  const names = inOrder.flatMap(({ facts, from }) =>
    facts.side === 'client' && facts.to !== '' ? [from.service, facts.to] : [from.service],
  );
  return {
    traceId: root.facts.traceId,
    requestId: root.facts.requestId,
    startMs,
    durationMs: Math.max(...spans.map(({ facts }) => facts.startMs + facts.durationMs)) - startMs,
    service: root.from.service,
    name: spanName(root.facts),
    status: root.facts.status,
    // Clocks of sidecars differ by a little: the called one may have begun before its caller.
    services: [...new Set([root.from.service, ...names])],
    spans: spans.length,
    errors: spans.filter(({ facts }) => hasFailed(facts)).length,
    broken: (root.facts.lost?.open ?? 0) > 0,
  };
}

/** Whether a filter asks for a trace; its limit does not count. */
export function isWanted(trace: TraceSummary, { service, status, minMs = 0, broken = false }: TraceFilter): boolean {
  if (service !== undefined && !trace.services.includes(service)) return false;
  return (trace.broken || !broken) && trace.durationMs >= minMs && hasStatus(trace, status);
}

function hasStatus({ status, errors }: TraceSummary, wanted: string | undefined): boolean {
  if (wanted === undefined) return true;
  if (wanted === 'error') return errors > 0;
  return new RegExp(`^${wanted.replaceAll('x', '\\d')}$`).test(String(status));
}

function bytesOf(facts: SpanFacts): number {
  let length = 0;
  for (const value of Object.values(facts)) if (typeof value === 'string') length += value.length;
  for (const { workload, address, outcome } of facts.retries) length += workload.length + address.length + outcome.length;
  return spanBytes + 2 * length + 100 * facts.retries.length;
}
