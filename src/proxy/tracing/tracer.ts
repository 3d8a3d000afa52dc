import type { Clock } from '../../async/clock.ts';
import type { RandomSource } from '../../async/random.ts';
import type { Observation, Observed, RetriedTry, SpanFacts } from '../../snapshot/observation.ts';
import { maxSpanText } from '../../snapshot/observation.ts';
import type { Tracing } from '../../snapshot/snapshot.ts';
import { maskTarget } from '../../telemetry/mask.ts';
import { pathTemplate } from '../call-record.ts';
import { healthCheckAgent } from '../cluster/health-checker.ts';
import type { ExchangeClient } from '../exchange/exchange-client.ts';
import type { ExchangeFacts } from '../exchange/exchange-facts.ts';
import type { Decision } from '../exchange/exchange-role.ts';
import { field } from '../http1/known-field.ts';
import type { RequestHead } from '../http1/request-head.ts';
import { pathOf } from '../route/path.ts';
import type { RequestTrace } from './request-trace.ts';
import { ServedRequests } from './served-requests.ts';
import { SpanQueue } from './span-queue.ts';
import { contextFields, contextLines, readContext } from './trace-context.ts';

const none: readonly RetriedTry[] = [];
/** Longer names and paths are not what one looks for them by. */
const maxName = 256;

/** Where a request is met: sent by the app, come in at a gateway, or on its way to the app. */
export type TracedAt = 'app' | 'edge' | 'server';

/** What a tracer takes from the program. */
export interface TracerParts {
  readonly clock: Clock;
  readonly random: RandomSource;
}

/**
 * Keeps requests in their traces and makes spans of the sampled ones: `begin` when a request's way is decided, `end` when its exchange is over. Nothing is
 * kept while nobody asks for spans; contexts of others then pass untouched.
 */
export class Tracer {
  readonly #parts: TracerParts;
  readonly #queue: SpanQueue;
  readonly #served = new ServedRequests();
  #tracing: Tracing | null = null;
  #asked = false;

  constructor(parts: TracerParts) {
    this.#parts = parts;
    this.#queue = new SpanQueue(parts.clock);
  }

  /** What the rules of this moment say. `undefined`: requests are left as they are. */
  apply(tracing: Tracing | undefined): void {
    this.#tracing = tracing ?? null;
  }

  /** Whether spans are wanted, and who takes them. */
  observe({ spans }: Observation, tell: (message: Observed) => boolean): void {
    this.#asked = spans;
    this.#queue.use(tell);
    if (!spans) this.#served.clear();
  }

  /** Fills in `decision.trace`. Called again after a wait, it leaves all as it is. */
  begin(head: RequestHead, decision: Decision, at: TracedAt): void {
    const tracing = this.#tracing;
    if (tracing === null || decision.trace !== null) return;
    const context = readContext(head);
    if (context !== null && context.traceId !== '' && !this.#asked) return;
    if (at === 'server' && head.value(field.userAgent) === healthCheckAgent) return;
    const { random, clock } = this.#parts;
    const forced = head.fields.has(field.envoy) && head.named('x-envoy-force-trace') === 'true';
    const sampled = forced || (context?.sampled ?? (tracing.sample >= 1 || random.next() < tracing.sample));
    const recorded = sampled && this.#asked;
    const known = context !== null && context.traceId !== '';
    if (known && !recorded && (at !== 'server' || !this.#asked)) return;
    const traceId = known ? context.traceId : random.hex(4);
    // The span of a request that is not recorded would be nobody's: it stays with its sender's.
    const spanId = known && !recorded ? context.spanId : random.hex(2);
    const now = this.#asked ? clock.monotonic() : 0;
    const trace: RequestTrace = {
      traceId,
      spanId,
      parentId: known ? context.spanId : null,
      side: at === 'server' ? 'server' : 'client',
      recorded,
      lines: known && !recorded ? '' : contextLines(traceId, spanId, sampled, tracing.propagation),
      cut: known && !recorded ? 0 : contextFields,
      beganAt: now,
      lost: recorded && !known && at === 'app' ? this.#served.lost(now) : null,
      retries: null,
      older: null,
      newer: null,
    };
    // Of a trace that nobody could read.
    if (!known && head.fields.has(field.traceparent)) head.drop('tracestate');
    decision.trace = trace;
    if (at === 'server' && this.#asked) this.#served.add(trace);
  }

  /** A try is over, and another one follows. */
  retried(trace: RequestTrace, { endpoint }: ExchangeFacts, outcome: string): void {
    if (!trace.recorded) return;
    trace.retries ??= [];
    trace.retries.push({
      atMs: this.#parts.clock.now(),
      workload: endpoint?.endpoint.workload ?? '',
      address: endpoint?.address ?? '',
      outcome,
    });
  }

  /** The app has taken the connection over: what it calls from now on is no more made for this request than for others. */
  tunnelled(trace: RequestTrace): void {
    this.#served.delete(trace);
  }

  /** The exchange is over. */
  end(trace: RequestTrace, facts: ExchangeFacts, client: ExchangeClient, durationMs: number): void {
    if (trace.side === 'server') this.#served.delete(trace);
    if (trace.recorded && this.#asked) this.#queue.add(this.#span(trace, facts, client, durationMs));
  }

  #span(trace: RequestTrace, facts: ExchangeFacts, client: ExchangeClient, durationMs: number): SpanFacts {
    const { decision, endpoint } = facts;
    const isServer = trace.side === 'server';
    return {
      traceId: trace.traceId,
      spanId: trace.spanId,
      parentId: trace.parentId,
      side: trace.side,
      startMs: this.#parts.clock.now() - durationMs,
      durationMs,
      requestId: short(decision.requestId, maxName),
      method: short(facts.method, maxName),
      target: short(maskTarget(facts.target), maxSpanText),
      path: pathTemplate(short(pathOf(facts.target), maxName)),
      authority: short(facts.authority, maxName),
      protocol: facts.protocol,
      status: facts.status,
      grpcStatus: facts.grpcStatus === null ? null : short(facts.grpcStatus, maxName),
      flag: facts.flag,
      details: short(facts.details, maxSpanText),
      userAgent: short(facts.userAgent, maxName),
      bytesReceived: facts.bytesReceived,
      bytesSent: facts.bytesSent,
      rule: short(decision.route?.name ?? '', maxName),
      to: decision.cluster?.cluster.service ?? '',
      peer: isServer ? (client.role.peer ?? '') : (endpoint?.endpoint.workload ?? ''),
      peerAddress: isServer ? client.remote : (endpoint?.address ?? ''),
      attempts: facts.attempt,
      retries: trace.retries ?? none,
      delayMs: decision.delayMs,
      lost: trace.lost,
    };
  }
}

function short(text: string, most: number): string {
  return text.length > most ? text.slice(0, most) : text;
}
