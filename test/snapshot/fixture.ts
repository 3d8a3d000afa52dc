import type { Snapshot } from '../../src/snapshot/snapshot.ts';

/** A small snapshot in which every table has an entry. */
export const fixture: Snapshot = {
  version: '0011223344556677',
  workload: 'storefront-1',
  service: 'storefront',
  serviceVersion: '',
  kind: 'sidecar',
  trustDomain: 'bookshop.local',
  identity: 'spiffe://bookshop.local/ns/default/sa/storefront',
  inbound: [
    {
      port: 9080,
      protocol: 'http',
      mtls: 'strict',
      published: false,
      cluster: 'inbound|9080||storefront',
      access: {
        default: 'deny',
        rules: [
          {
            name: 'web',
            action: 'allow',
            conditions: [
              { on: 'principal', values: ['*'] },
              { on: 'path', values: ['/a*', '/b/{*}'] },
              { on: 'header', name: ['x-role'], values: ['admin'], not: true },
            ],
          },
        ],
      },
    },
  ],
  outbound: [
    {
      address: '240.240.1.2',
      port: 9080,
      protocol: 'http',
      service: 'reviews',
      routeTable: 'reviews:9080',
      tcp: [{ cluster: 'outbound|9080||reviews', weight: 1 }],
    },
  ],
  gateway: [{ name: 'web', port: 8080, protocol: 'http', routeTable: 'reviews:9080', tcp: [] }],
  routeTables: [
    {
      name: 'reviews:9080',
      virtualHosts: [
        {
          name: 'reviews',
          domains: ['reviews', '*.reviews.mesh', '*'],
          rules: [
            {
              name: 'one',
              matches: [
                {
                  path: { kind: 'regex', value: '/a[0-9]+' },
                  methods: ['GET'],
                  headers: [{ name: 'end-user', kind: 'exact', value: 'jason' }],
                  query: [{ name: 'q', kind: 'present', value: '' }],
                },
              ],
              action: { kind: 'forward', split: [{ cluster: 'outbound|9080||reviews', weight: 1 }] },
              timeoutMs: 2000,
              retry: { attempts: 2, on: ['5xx'], statusCodes: [], perTryTimeoutMs: null, methods: ['GET'], backoffBaseMs: 25 },
            },
          ],
        },
      ],
    },
  ],
  clusters: [
    {
      name: 'outbound|9080||reviews',
      service: 'reviews',
      subset: '',
      port: 9080,
      endpoints: [{ workload: 'reviews-v1-1', address: '172.18.0.3', port: 9080, tls: 'mtls' }],
      balancer: 'round-robin',
      connectTimeoutMs: 1000,
      identities: ['spiffe://bookshop.local/ns/default/sa/reviews'],
      idleTimeoutMs: 60_000,
    },
  ],
  dns: [{ name: 'reviews', address: '240.240.1.2' }],
  egress: 'allow-any',
  accessLog: 'text',
};

/** As `fixture`, but with every field that may be absent. */
export const fullFixture: Snapshot = {
  ...fixture,
  seed: 42,
  inbound: fixture.inbound.map(listener => ({
    ...listener,
    appProtocol: 'http2',
    rateLimits: [{ name: 'a', requests: 10, perMs: 1000, burst: 5, by: { kind: 'source' } }],
    tokens: [
      {
        issuer: 'https://auth.test',
        keys: [{ kty: 'EC', kid: 'one', crv: 'P-256', x: 'AA', y: 'AA' }],
        audiences: ['shop'],
        from: [
          { kind: 'header', name: 'authorization', prefix: 'Bearer ' },
          { kind: 'query', name: 'access_token' },
          { kind: 'cookie', name: 'session' },
        ],
        forward: false,
        payloadHeader: 'x-payload',
        claimHeaders: [{ header: 'x-user', claim: ['realm', 'user'] }],
        spaceDelimited: ['scope'],
      },
    ],
  })),
  outbound: fixture.outbound.map(listener => ({
    ...listener,
    protocol: 'auto',
    tcpFaults: [
      { id: 'delay-1', kind: 'delay', percent: 12.5, first: 3, ms: 100, jitterMs: 0 },
      { kind: 'reset', percent: 100 },
      { kind: 'bandwidth', percent: 100, bytesPerSecond: 65_536 },
    ],
  })),
  gateway: [
    { name: 'web', port: 8080, protocol: 'http', routeTable: 'reviews:9080', tcp: [], httpsRedirectPort: 8443 },
    {
      name: 'secure',
      port: 8443,
      protocol: 'http',
      routeTable: 'reviews:9080',
      tcp: [],
      tls: { certificates: ['secure'], minVersion: '1.2' },
    },
    {
      name: 'pass',
      port: 9443,
      protocol: 'tls',
      routeTable: '',
      tcp: [],
      sni: [{ hosts: ['*.shop.localhost'], split: [{ cluster: 'outbound|9080||reviews', weight: 1 }] }],
    },
  ],
  routeTables: [
    {
      name: 'reviews:9080',
      virtualHosts: [
        {
          name: 'reviews',
          domains: ['*'],
          rules: [
            {
              name: 'everything',
              matches: [
                {
                  path: { kind: 'starts-with', value: '/a' },
                  methods: ['POST'],
                  headers: [{ name: 'x', kind: 'prefix', value: 'a', not: true }],
                  query: [],
                  hosts: ['shop.localhost', '*.shop.localhost', 'shop.*'],
                },
              ],
              action: {
                kind: 'forward',
                split: [
                  {
                    cluster: 'outbound|9080||reviews',
                    weight: 1,
                    requestHeaders: { remove: ['a'], set: [{ name: 'host', value: 'inner' }], add: [] },
                    responseHeaders: { remove: [], set: [], add: [{ name: 'b', value: '' }] },
                  },
                ],
                exact: true,
                rewrite: { path: { kind: 'regex', pattern: '^/(a)', value: '/\\1' }, host: 'inner:8080' },
              },
              timeoutMs: null,
              retry: {
                attempts: 1,
                on: ['refused-stream', 'unavailable'],
                statusCodes: [],
                perTryTimeoutMs: null,
                methods: ['POST'],
                backoffBaseMs: 25,
                backoffMaxMs: 1000,
              },
              idleTimeoutMs: 1000,
              requestHeaders: { remove: [], set: [], add: [] },
              responseHeaders: { remove: [], set: [], add: [] },
              cors: {
                allowOrigins: [{ kind: 'exact', value: 'https://shop.example' }],
                allowMethods: ['GET'],
                allowHeaders: ['content-type'],
                exposeHeaders: ['x'],
                maxAgeSeconds: 60,
                allowCredentials: true,
                unmatchedPreflights: 'ignore',
              },
              faults: [
                { kind: 'abort', percent: 50, status: 200, grpcStatus: 14 },
                { kind: 'blackhole', percent: 1 },
              ],
              mirrors: [{ cluster: 'outbound|9080||reviews', percent: 10 }],
              rateLimits: [{ name: 'b', requests: 1, perMs: 60_000, burst: 1, by: { kind: 'header', name: 'x-user' } }],
            },
            {
              name: 'away',
              matches: [],
              action: {
                kind: 'redirect',
                status: 308,
                scheme: 'https',
                host: 'shop.localhost',
                port: 8443,
                path: { kind: 'prefix', value: '/' },
              },
              timeoutMs: null,
              retry: null,
            },
            {
              name: 'answer',
              matches: [],
              action: { kind: 'respond', status: 503, body: 'back soon', contentType: 'text/plain' },
              timeoutMs: null,
              retry: null,
            },
          ],
        },
      ],
    },
  ],
  clusters: fixture.clusters.map(cluster => ({
    ...cluster,
    endpoints: [{ workload: 'api.example', address: 'api.example', port: 443, tls: 'tls' }],
    balancer: 'ring-hash',
    hash: { by: { kind: 'cookie', name: 'session', path: '/', ttlMs: 60_000 }, minRingSize: 1024 },
    slowStartMs: 30_000,
    limits: {
      maxConnections: 1,
      maxPendingRequests: 0,
      maxRequests: 1,
      maxRetries: 1,
      retryBudget: { percent: 20, minConcurrency: 3 },
    },
    outliers: {
      consecutive5xx: 5,
      consecutiveGatewayErrors: 0,
      consecutiveLocalErrors: 0,
      intervalMs: 10_000,
      baseEjectionMs: 30_000,
      maxEjectionPercent: 10,
      minHealthPercent: 0,
    },
    healthCheck: {
      probe: { kind: 'http', path: '/health', statuses: [200] },
      intervalMs: 1000,
      timeoutMs: 1000,
      healthyThreshold: 1,
      unhealthyThreshold: 3,
    },
    protocol: 'http2',
    maxRequestsPerConnection: 1,
    tls: { serverName: 'api.example', caPem: 'PEM', insecure: true },
    resolution: 'dns',
  })),
};
