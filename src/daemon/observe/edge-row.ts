import type { Party } from '../../snapshot/edge-signal.ts';
import { bucketBounds } from '../../telemetry/histogram.ts';

/** Counts per latency bucket; the last one is for what took longer than every bound. */
export const bucketCount: number = bucketBounds.length + 1;

/** Who calls whom, and how. */
export interface EdgeName {
  readonly source: Party;
  readonly destination: Party;
  readonly protocol: 'http' | 'grpc' | 'tcp';
}

/** Callers bring their own names: past this many edges in one second, minute or answer the others are one. */
export const maxEdges = 4_096;
const overflow: Party = { service: 'overflow', version: '', workload: '', principal: '' };
/** Rules of one edge that are told apart. Sidecars keep to fewer; reloads bring others. */
const maxRules = 1_024;
/** What edges that are too many are counted as. */
export const overflowEdge: EdgeName = { source: overflow, destination: overflow, protocol: 'http' };

/** What happened on one edge in some stretch of time. */
export interface EdgeRow {
  requests: number;
  failures: number;
  clientErrors: number;
  denied: number;
  bytesIn: number;
  bytesOut: number;
  /** Connections at the end of that time. */
  open: number;
  /** `null`: nobody could tell. */
  secured: boolean | null;
  /** Requests per bucket, not cumulative. */
  readonly durations: Float64Array;
  readonly rules: Map<string, { hits: number; failures: number }>;
}

/** A row of nothing. */
export function emptyRow(): EdgeRow {
  return {
    requests: 0,
    failures: 0,
    clientErrors: 0,
    denied: 0,
    bytesIn: 0,
    bytesOut: 0,
    open: 0,
    secured: null,
    durations: new Float64Array(bucketCount),
    rules: new Map(),
  };
}

/** Adds what came later to what came before. */
export function addRow(sum: EdgeRow, later: EdgeRow): void {
  sum.requests += later.requests;
  sum.failures += later.failures;
  sum.clientErrors += later.clientErrors;
  sum.denied += later.denied;
  sum.bytesIn += later.bytesIn;
  sum.bytesOut += later.bytesOut;
  sum.open = later.open;
  sum.secured = later.secured ?? sum.secured;
  for (let i = 0; i < bucketCount; i++) sum.durations[i] = (sum.durations[i] ?? 0) + (later.durations[i] ?? 0);
  for (const [name, { hits, failures }] of later.rules) countRule(sum, name, hits, failures);
}

/** Adds what a rule took. */
export function countRule({ rules }: EdgeRow, name: string, hits: number, failures: number): void {
  const rule = rules.get(name);
  if (rule === undefined) {
    if (rules.size < maxRules) rules.set(name, { hits, failures });
  } else {
    rule.hits += hits;
    rule.failures += failures;
  }
}

/** The value in ms below which a share of the requests stayed, interpolated within its bucket as Prometheus does; `null` where there were none. */
export function quantile(durations: Float64Array, share: number): number | null {
  const total = durations.reduce((sum, n) => sum + n, 0);
  if (total === 0) return null;
  const rank = share * total;
  let below = 0;
  for (let i = 0; i < bucketBounds.length; i++) {
    const count = durations[i] ?? 0;
    const lower = bucketBounds[i - 1] ?? 0;
    if (count > 0 && below + count >= rank) return lower + (((bucketBounds[i] ?? 0) - lower) * (rank - below)) / count;
    below += count;
  }
  return bucketBounds.at(-1) ?? 0;
}
