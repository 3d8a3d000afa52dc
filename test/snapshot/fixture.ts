import type { Snapshot } from '../../src/snapshot/snapshot.ts';

/** A small snapshot in which every table has an entry. */
export const fixture: Snapshot = {
  version: '0011223344556677',
  workload: 'storefront-1',
  service: 'storefront',
  serviceVersion: '',
  kind: 'sidecar',
  trustDomain: 'bookshop.local',
  inbound: [
    {
      port: 9080,
      protocol: 'http',
      mtls: 'strict',
      published: false,
      cluster: 'inbound|9080||storefront',
      access: {
        default: 'deny',
        rules: [{ name: 'web', action: 'allow', principals: ['*'], methods: ['GET'], paths: ['/a*'], hosts: [] }],
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
