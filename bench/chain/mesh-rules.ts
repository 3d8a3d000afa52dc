import { defaultRetry } from '../../src/config/default-retry.ts';
import type { RouteShort } from '../../test/control/mesh-builder.ts';

/** What the rivals do as well: a header match and a weighted split. */
export const fewRules: readonly RouteShort[] = [
  {
    matches: [{ headers: [{ name: 'end-user', kind: 'exact', value: 'jason' }] }],
    split: [{ service: 'app', version: 'v2' }],
  },
  {
    split: [
      { service: 'app', version: 'v1', weight: 90 },
      { service: 'app', version: 'v3', weight: 10 },
    ],
  },
];

/** The same with retries armed, time limits and edited headers on the way there and back. */
export const everyRule: readonly RouteShort[] = fewRules.map(rule => ({
  ...rule,
  timeoutMs: 15_000,
  idleTimeoutMs: 30_000,
  retry: {
    ...defaultRetry,
    attempts: 3,
    on: ['connect-failure', 'refused-stream', 'reset', 'gateway-error'],
    perTryTimeoutMs: 5_000,
  },
  requestHeaders: { remove: ['x-internal'], set: [{ name: 'x-tenant', value: 'bench' }], add: [] },
  responseHeaders: { remove: ['x-powered-by'], set: [], add: [{ name: 'x-served-by', value: 'mesh' }] },
}));
