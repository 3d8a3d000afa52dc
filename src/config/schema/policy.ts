import { z } from 'zod';
import type { HashPolicy, HealthCheck } from '../../snapshot/cluster-policy.ts';
import { shown } from '../shown.ts';
import { isProblem, type Problem } from '../units.ts';
import { checked, field, fields, integer, oneOf, oneOrMany, single, text } from './field.ts';
import { cookieName, headerName, path, percent, yes } from './http-leaves.ts';
import { duration } from './leaves.ts';
import { rateLimit } from './rate-limit.ts';

/** Envoy's and Istio's. */
const defaultRingSize = 1024;
const most = 1_000_000_000;
const count = (example: number): z.ZodType<number, unknown> => integer(1, most, 'a number', example);
const countOrNone = (example: number): z.ZodType<number, unknown> => integer(0, most, 'a number', example);

const cookie = z.union([
  cookieName.transform(name => ({ name, path: undefined, ttl: undefined })),
  fields(
    {
      name: cookieName.describe('Name of the cookie.'),
      path: path.optional().describe('Path of a cookie that the sidecar sets. Default `/`.'),
      ttl: duration
        .optional()
        .describe('The sidecar sets the cookie where a client has none, for so long. Default: it does not.'),
    },
    '`{name: user, ttl: 1h}`',
  ),
]);

const hashKeys = ['header', 'cookie', 'source', 'query'] as const;
const hashExample = '`{header: x-user}`, `{cookie: user}`, `{source: true}` or `{query: user}`';

const ringHash = checked(
  fields(
    {
      header: headerName.optional().describe('Requests with the same value of this header go to the same endpoint.'),
      cookie: cookie.optional().describe('The same for a cookie: its name, or `{name, path, ttl}`.'),
      source: yes.optional().describe('The same for the address of the caller.'),
      query: text('a query parameter').optional().describe('The same for a query parameter.'),
      minRingSize: integer(1, 1_000_000, 'a size', defaultRingSize)
        .optional()
        .describe(`Points on the ring, at least. Default \`${defaultRingSize}\`.`),
    },
    hashExample,
  ),
  (spec): HashPolicy | Problem => {
    const key = single(spec, hashKeys, hashExample);
    if (isProblem(key)) return key;
    const minRingSize = spec.minRingSize ?? defaultRingSize;
    if (spec.header !== undefined) return { by: { kind: 'header', name: spec.header }, minRingSize };
    if (spec.query !== undefined) return { by: { kind: 'query', name: spec.query }, minRingSize };
    if (spec.cookie === undefined) return { by: { kind: 'source' }, minRingSize };
    const { name, path: cookiePath = '/', ttl } = spec.cookie;
    if (cookiePath.includes(';'))
      return { problem: `${shown(cookiePath)} is not the path of a cookie`, hint: 'a path without `;`' };
    return { by: { kind: 'cookie', name, path: cookiePath, ...(ttl === undefined ? {} : { ttlMs: ttl }) }, minRingSize };
  },
);

const balancerWords = ['round-robin', 'least-request', 'random', 'peak-ewma'] as const;

const balancerWord = field<{ readonly kind: (typeof balancerWords)[number]; readonly hash: undefined }>(
  value => {
    const kind = balancerWords.find(word => word === value);
    if (kind !== undefined) return { kind, hash: undefined };
    const words = balancerWords.map(word => `\`${word}\``).join(', ');
    return { problem: `${shown(value)} is not known here`, hint: `one of ${words}, or \`{ringHash: {header: x-user}}\`` };
  },
  { type: 'string', enum: [...balancerWords] },
);

const balancer = z.union([
  balancerWord,
  fields({ ringHash: ringHash.describe('What a request is told by.') }, '`{ringHash: {header: x-user}}`').transform(spec => ({
    kind: 'ring-hash' as const,
    hash: spec.ringHash,
  })),
]);

const retryBudget = fields(
  {
    percent: percent.optional().describe('Of the requests in progress. Default `20%`.'),
    min: countOrNone(3).optional().describe('So many retries always. Default `3`.'),
  },
  '`{percent: 20%, min: 3}`',
);

const limits = fields(
  {
    connections: count(100).optional().describe('HTTP/1 and raw TCP connections. Requests beyond them wait.'),
    pending: countOrNone(10).optional().describe('Requests that wait for a connection. Beyond them 503.'),
    requests: count(200).optional().describe('Requests in progress. Beyond them 503.'),
    retries: countOrNone(3).optional().describe('Retries in progress.'),
    retryBudget: retryBudget.optional().describe('Retries in progress as a share of the requests, instead of `retries`.'),
    requestsPerConnection: countOrNone(100)
      .optional()
      .describe('A connection is closed after so many requests. `1`: no keep-alive. Default `0`: never.'),
  },
  '`{connections: 100, pending: 10}`',
);

const outliers = fields(
  {
    consecutive5xx: countOrNone(5)
      .optional()
      .describe('5xx answers in a row, also of errors without an answer. Default `5`; `0`: not counted.'),
    consecutiveGatewayErrors: countOrNone(5).optional().describe('502, 503 and 504 in a row. Default `0`: not counted.'),
    consecutiveLocalErrors: countOrNone(5)
      .optional()
      .describe('Connect failures, timeouts and resets in a row, counted apart. Default `0`: they count as 5xx.'),
    interval: duration.optional().describe('How often ejected endpoints may come back. Default `10s`.'),
    ejectFor: duration.optional().describe('First ejection; each further one in a row lasts this much longer. Default `30s`.'),
    maxEjected: percent
      .optional()
      .describe('Share of the endpoints that may be out at once. Default `10%`, which is none of nine.'),
    minHealthy: percent.optional().describe('With a smaller share in, all are used. Default `0%`.'),
  },
  '`{maxEjected: 50%}`',
);

const grpcService = z.union([yes.transform(() => ''), text('a gRPC service')]);
const probeKeys = ['http', 'tcp', 'grpc'] as const;
const probeExample = '`{http: /health}`, `{tcp: true}` or `{grpc: true}`';

const healthCheck = checked(
  fields(
    {
      http: path.optional().describe('Asks for this path with GET.'),
      tcp: yes.optional().describe('A connection that can be made is enough.'),
      grpc: grpcService.optional().describe('Asks `grpc.health.v1.Health`: `true`, or the name of a service.'),
      statuses: oneOrMany(integer(200, 599, 'a status code', 200), '`[200]`')
        .optional()
        .describe('Of `http`: statuses that are well. Default `[200]`.'),
      interval: duration.optional().describe('Time between checks. Default `10s`.'),
      timeout: duration.optional().describe('Time for an answer. Default `1s`.'),
      healthy: count(1).optional().describe('Good checks in a row that bring an endpoint back. Default `1`.'),
      unhealthy: count(3).optional().describe('Failed checks in a row that take it out. Default `3`.'),
    },
    probeExample,
  ),
  (spec): HealthCheck | Problem => {
    const key = single(spec, probeKeys, probeExample);
    if (isProblem(key)) return key;
    if (spec.statuses !== undefined && spec.http === undefined)
      return { problem: '`statuses` without `http`', hint: 'only HTTP answers have a status: remove it' };
    return {
      probe: probeOf(spec.http, spec.grpc, spec.statuses ?? [200]),
      intervalMs: spec.interval ?? 10_000,
      timeoutMs: spec.timeout ?? 1_000,
      healthyThreshold: spec.healthy ?? 1,
      unhealthyThreshold: spec.unhealthy ?? 3,
    };
  },
);

function probeOf(http: string | undefined, grpc: string | undefined, statuses: readonly number[]): HealthCheck['probe'] {
  if (http !== undefined) return { kind: 'http', path: http, statuses: [...new Set(statuses)].sort((a, b) => a - b) };
  return grpc === undefined ? { kind: 'tcp' } : { kind: 'grpc', service: grpc };
}

/** What callers' sidecars do about a service: fields of `services.<name>`, and of `external.<name>`. */
export const policyFields = {
  balancer: balancer
    .optional()
    .describe(
      'How callers choose an endpoint: a word, or `{ringHash: {header: x-user}}` for sessions that stay. Default `least-request`.',
    ),
  slowStart: duration.optional().describe('A new endpoint gets a tenth of its share at first and all of it after this time.'),
  connectTimeout: duration.optional().describe('Time for a connection to be made. Default `5s`.'),
  idleTimeout: duration.optional().describe('Unused connections are closed after this time. Default `1m`.'),
  upstreamProtocol: oneOf(['preserve', 'http1', 'http2'])
    .optional()
    .describe('HTTP version that the service is spoken to. Default `preserve`: that of the caller.'),
  limits: limits.optional().describe('Circuit breaker: what one caller may have open at once. Default: no limits.'),
  outliers: outliers
    .optional()
    .describe('Leaves endpoints out that fail several times in a row; `{}` is enough. Default: nobody is left out.'),
  healthCheck: healthCheck
    .optional()
    .describe("Callers' sidecars ask the endpoints whether they are well. Default: nobody asks."),
};

/** `services.<name>.rateLimit`. */
export const rateLimits = oneOrMany(rateLimit, '`{requests: 100, per: 1s}`');

const policy = fields(policyFields, '`{}`');
/** Policy as written. */
export type PolicySpec = z.output<typeof policy>;
