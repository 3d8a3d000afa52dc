import type { SpanSource, TracedSpan } from '../../../src/daemon/observe/span-document.ts';
import type { SpanFacts } from '../../../src/snapshot/observation.ts';

const plain: SpanFacts = {
  traceId: '',
  spanId: '',
  parentId: null,
  side: 'client',
  startMs: 0,
  durationMs: 10,
  requestId: '7f2c1b0e-request',
  method: 'GET',
  target: '/reviews/1?q=x',
  path: '/reviews/{*}',
  authority: 'reviews:9080',
  protocol: 'HTTP/1.1',
  status: 200,
  grpcStatus: null,
  flag: '-',
  details: 'via_upstream',
  userAgent: 'curl/8',
  bytesReceived: 0,
  bytesSent: 5,
  rule: 'default',
  to: 'reviews',
  peer: 'reviews-v1-1',
  peerAddress: '10.0.0.7:9080',
  attempts: 1,
  retries: [],
  delayMs: 0,
  lost: null,
};

/** 32 digits from a few. */
export function traceIdOf(short: string): string {
  return short.padEnd(32, '0');
}

/** 16 digits from a few. */
export function spanIdOf(short: string): string {
  return short.padEnd(16, '0');
}

/** A span of a trace. `ids`: `trace/span` or `trace/span/parent`, each a few hex digits. */
export function spanOf(ids: string, service: string, more: Partial<SpanFacts> = {}): TracedSpan {
  const [trace = '', span = '', parent] = ids.split('/');
  const from: SpanSource = { name: `${service}-1`, service, version: '' };
  const parentId = parent === undefined ? null : spanIdOf(parent);
  return { from, facts: { ...plain, traceId: traceIdOf(trace), spanId: spanIdOf(span), parentId, ...more } };
}
