import { type EdgeSignal, maxEdgesPerMessage, type Party, type RuleSignal } from '../../snapshot/edge-signal.ts';
import { bucketBounds } from '../../telemetry/histogram.ts';
import type { Edge, EdgeConnections, EdgeRequests, MeshMetrics } from '../../telemetry/mesh-metrics.ts';

const buckets = bucketBounds.length + 1;
/** Columns of a sum; the buckets follow. */
const column = { requests: 0, failures: 1, clientErrors: 2, denied: 3, bytesIn: 4, bytesOut: 5, durations: 6 } as const;

/** What an edge had counted when it was looked at. */
interface Seen {
  readonly sums: Float64Array;
  readonly rules: ReadonlyMap<string, { readonly hits: number; readonly failures: number }>;
  readonly open: number;
}

const nothing: Seen = { sums: new Float64Array(column.durations + buckets), rules: new Map(), open: 0 };

/** What is open now, by the edge that counts it. */
export type OpenConnections = ReadonlyMap<EdgeRequests, number>;

/**
 * Golden signals of all edges since they were last taken: differences of the metrics, so that the two never disagree and a request pays for one of them only.
 */
export class Signals {
  readonly #metrics: MeshMetrics;
  readonly #open: () => OpenConnections;
  readonly #seen = new Map<EdgeRequests | EdgeConnections, Seen>();

  /** `open`: HTTP connections of callers. */
  constructor(metrics: MeshMetrics, open: () => OpenConnections) {
    this.#metrics = metrics;
    this.#open = open;
    this.skip();
  }

  /** What was counted until now is told to nobody; what is open still is. */
  skip(): void {
    for (const edge of this.#metrics.requestEdges) this.#seen.set(edge, ofRequests(edge, new Map()));
    for (const edge of this.#metrics.connectionEdges) this.#seen.set(edge, { ...ofConnections(edge), open: 0 });
  }

  /** Hands over the edges on which something has changed. What `tell` says `false` to is told with what comes next. */
  take(tell: (signals: readonly EdgeSignal[]) => boolean): void {
    const open = this.#open();
    const signals: EdgeSignal[] = [];
    const looked: [EdgeRequests | EdgeConnections, Seen][] = [];
    const look = (edge: EdgeRequests | EdgeConnections, now: Seen, protocol: EdgeSignal['protocol']): void => {
      const before = this.#seen.get(edge) ?? nothing;
      if (signals.length >= maxEdgesPerMessage || same(before, now)) return;
      signals.push(signal(edge.edge, protocol, before, now));
      looked.push([edge, now]);
    };
    for (const edge of this.#metrics.requestEdges) look(edge, ofRequests(edge, open), edge.tally.grpc ? 'grpc' : 'http');
    for (const edge of this.#metrics.connectionEdges) look(edge, ofConnections(edge), 'tcp');
    if (signals.length > 0 && tell(signals)) for (const [edge, now] of looked) this.#seen.set(edge, now);
  }
}

function ofRequests(edge: EdgeRequests, open: OpenConnections): Seen {
  const sums = new Float64Array(column.durations + buckets);
  const add = (at: number, n: number): void => {
    sums[at] = (sums[at] ?? 0) + n;
  };
  for (const { requests, durations, received, sent } of edge.series()) {
    add(column.requests, requests);
    add(column.bytesIn, received.sum);
    add(column.bytesOut, sent.sum);
    for (let i = 0; i < buckets; i++) add(column.durations + i, durations.buckets[i] ?? 0);
  }
  const { failures, clientErrors, denied, rules } = edge.tally;
  sums.set([failures, clientErrors, denied], column.failures);
  const hits = new Map<string, { hits: number; failures: number }>();
  for (const [name, rule] of rules) hits.set(name, { hits: rule.hits, failures: rule.failures });
  return { sums, rules: hits, open: open.get(edge) ?? 0 };
}

function ofConnections({ opened, closed, failed, denied, received, sent }: EdgeConnections): Seen {
  const sums = new Float64Array(column.durations + buckets);
  sums.set([opened, failed, 0, denied, received, sent]);
  return { sums, rules: new Map(), open: opened - closed };
}

function same(before: Seen, now: Seen): boolean {
  if (before.open !== now.open) return false;
  for (let i = 0; i < column.durations; i++) if (before.sums[i] !== now.sums[i]) return false;
  return true;
}

function signal(edge: Edge, protocol: EdgeSignal['protocol'], before: Seen, now: Seen): EdgeSignal {
  const since = (at: number): number => (now.sums[at] ?? 0) - (before.sums[at] ?? 0);
  return {
    reporter: edge.reporter,
    source: party(edge.sourceApp, edge.sourceVersion, edge.sourceWorkload, edge.sourcePrincipal),
    destination: party(edge.destinationService, edge.destinationVersion, edge.destinationWorkload, edge.destinationPrincipal),
    protocol,
    secured: edge.security === 'unknown' ? null : edge.security === 'mutual_tls',
    requests: since(column.requests),
    failures: since(column.failures),
    clientErrors: since(column.clientErrors),
    denied: since(column.denied),
    durations: protocol === 'tcp' ? [] : Array.from({ length: buckets }, (_, i) => since(column.durations + i)),
    bytesIn: since(column.bytesIn),
    bytesOut: since(column.bytesOut),
    open: now.open,
    rules: [...now.rules].flatMap(([name, rule]): RuleSignal[] => {
      const hits = rule.hits - (before.rules.get(name)?.hits ?? 0);
      return hits === 0 ? [] : [{ name, hits, failures: rule.failures - (before.rules.get(name)?.failures ?? 0) }];
    }),
  };
}

function party(service: string, version: string, workload: string, principal: string): Party {
  return { service: known(service), version: known(version), workload: known(workload), principal: known(principal) };
}

function known(fact: string): string {
  return fact === 'unknown' ? '' : fact;
}
