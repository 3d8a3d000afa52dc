/** Shapes of route tables and of everything that a rule can ask for. */
import { claimMatch } from './access-shapes.ts';
import {
  anyText,
  delayMs,
  domain,
  durationMs,
  fieldText,
  finalStatus,
  headerName,
  method,
  name,
  pathText,
  pattern,
  percent,
  port,
  withPattern,
} from './forms.ts';
import type {
  CorsPolicy,
  Fault,
  FaultScope,
  HeaderEdits,
  HeaderField,
  Mirror,
  NamedMatch,
  PathMatch,
  PathRewrite,
  RateLimit,
  RetryPolicy,
  Rewrite,
  RouteAction,
  RouteMatch,
  RouteRule,
  RouteTable,
  TextMatch,
  VirtualHost,
  WeightedCluster,
} from './route-rule.ts';
import {
  flag,
  list,
  nullable,
  object,
  on,
  oneOf,
  optional,
  type Shape,
  SnapshotError,
  share,
  tagged,
  text,
  whole,
} from './shape.ts';

const headerField = object<HeaderField>({ name: headerName, value: fieldText });
const headerEdits = object<HeaderEdits>({ remove: list(headerName), set: list(headerField), add: list(headerField) });

const weightedCluster = object<WeightedCluster>({
  cluster: name,
  weight: share(2 ** 32 - 1),
  requestHeaders: optional(headerEdits),
  responseHeaders: optional(headerEdits),
});

/** Destinations; may be none. */
export const split: Shape<readonly WeightedCluster[]> = (value, path) => {
  const entries = list(weightedCluster, entry => entry.cluster)(value, path);
  const idle = entries.length > 1 ? entries.findIndex(entry => entry.weight === 0) : -1;
  if (idle >= 0) throw new SnapshotError(`${path}[${idle}].weight`, 'expected more than 0 beside other destinations');
  return entries;
};

/** Destinations, one at least. */
export const filledSplit: Shape<readonly WeightedCluster[]> = (value, path) => {
  const entries = split(value, path);
  if (entries.length === 0) throw new SnapshotError(path, 'expected at least one destination');
  return entries;
};

const pathMatch = withPattern(object<PathMatch>({ kind: oneOf('exact', 'prefix', 'starts-with', 'regex'), value: name }));
const namedMatch = (form: Shape<string>): Shape<NamedMatch> =>
  withPattern(
    object<NamedMatch>({
      name: form,
      kind: oneOf('exact', 'prefix', 'regex', 'present', 'absent'),
      value: anyText,
      not: optional(on),
    }),
  );
const routeMatch = object<RouteMatch>({
  path: nullable(pathMatch),
  methods: list(method),
  headers: list(namedMatch(headerName)),
  query: list(namedMatch(anyText)),
  hosts: optional(list(domain)),
  claims: optional(list(claimMatch)),
});

const pathRewrite = tagged<PathRewrite>({
  full: { value: pathText },
  prefix: { value: pathText },
  regex: { pattern, value: pathText },
});
/** What is written into a head must not end its line. */
const authority = text(/^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?$/, 'a host, with or without a port');
const action = tagged<RouteAction>({
  forward: {
    split: filledSplit,
    exact: optional(on),
    rewrite: optional(object<Rewrite>({ path: optional(pathRewrite), host: optional(authority) })),
  },
  redirect: {
    status: redirectStatus,
    scheme: optional(oneOf('http', 'https')),
    host: optional(authority),
    port: optional(port),
    path: optional(pathRewrite),
  },
  respond: { status: finalStatus, body: anyText, contentType: fieldText },
});

const cors = object<CorsPolicy>({
  allowOrigins: list(withPattern(object<TextMatch>({ kind: oneOf('exact', 'prefix', 'regex'), value: name }))),
  allowMethods: list(fieldText),
  allowHeaders: list(fieldText),
  exposeHeaders: list(fieldText),
  maxAgeSeconds: optional(whole(0)),
  allowCredentials: flag,
  unmatchedPreflights: oneOf('forward', 'ignore'),
});

const scope = { id: optional(name), percent, first: optional(whole(1)) } satisfies {
  [K in keyof FaultScope]-?: Shape<FaultScope[K]>;
};

/** A failure made on purpose. */
export const fault: Shape<Fault> = tagged<Fault>({
  delay: { ...scope, ms: delayMs, jitterMs: delayMs },
  abort: { ...scope, status: finalStatus, grpcStatus: optional(whole(0, 16)) },
  reset: { ...scope },
  blackhole: { ...scope },
  bandwidth: { ...scope, bytesPerSecond: whole(1) },
});
/** Several, in order. */
export const faults: Shape<readonly Fault[]> = list(fault);

/** Token buckets; two of one name would share their tokens. */
export const rateLimits: Shape<readonly RateLimit[]> = list(
  object<RateLimit>({
    name,
    requests: whole(1),
    perMs: durationMs,
    burst: whole(1),
    by: tagged<RateLimit['by']>({
      all: {},
      source: {},
      header: { name: headerName },
    }),
  }),
  limit => limit.name,
);

const retry = object<RetryPolicy>({
  attempts: whole(0, 100),
  on: list(
    oneOf(
      'connect-failure',
      'refused-stream',
      'reset',
      'reset-before-request',
      '5xx',
      'gateway-error',
      'retriable-4xx',
      'retriable-status-codes',
      'envoy-ratelimited',
      'cancelled',
      'deadline-exceeded',
      'internal',
      'resource-exhausted',
      'unavailable',
    ),
  ),
  statusCodes: list(whole(100, 599)),
  perTryTimeoutMs: nullable(durationMs),
  methods: list(method),
  backoffBaseMs: delayMs,
  backoffMaxMs: optional(delayMs),
});

const routeRule = object<RouteRule>({
  name: anyText,
  matches: list(routeMatch),
  action,
  timeoutMs: nullable(durationMs),
  retry: nullable(retry),
  idleTimeoutMs: optional(durationMs),
  requestHeaders: optional(headerEdits),
  responseHeaders: optional(headerEdits),
  cors: optional(cors),
  faults: optional(faults),
  mirrors: optional(list(object<Mirror>({ cluster: name, percent }))),
  rateLimits: optional(rateLimits),
});
const virtualHost = object<VirtualHost>({ name, domains: list(domain), rules: list(routeRule) });

/** A route table in which every host is answered for once. */
export const routeTable: Shape<RouteTable> = (value, path) => {
  const table = object<RouteTable>({ name, virtualHosts: list(virtualHost, host => host.name) })(value, path);
  const seen = new Set<string>();
  for (const [index, host] of table.virtualHosts.entries()) {
    for (const item of host.domains) {
      if (seen.has(item))
        throw new SnapshotError(`${path}.virtualHosts[${index}].domains`, `"${item}" is there twice in the table`);
      seen.add(item);
    }
  }
  return table;
};

function redirectStatus(value: unknown, path: string): 301 | 302 | 303 | 307 | 308 {
  switch (value) {
    case 301:
    case 302:
    case 303:
    case 307:
    case 308:
      return value;
    default:
      throw new SnapshotError(path, 'expected 301, 302, 303, 307 or 308');
  }
}
