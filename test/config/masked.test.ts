import assert from 'node:assert/strict';
import { test } from 'node:test';
import { masked } from '../../src/config/masked.ts';
import type { MeshConfig } from '../../src/config/mesh-config.ts';

test('values named like secrets and passwords in URLs are masked, all else stays', () => {
  const container = {
    image: 'shop/token-service',
    environment: { DB_PASSWORD: 'hunter2', EMPTY_SECRET: '', MODE: 'dev', DSN: 'postgres://app:hunter2@db:5432/shop' },
    labels: { 'api-key': 'abc', team: 'a' },
    command: ['serve', '--url=http://user:hunter2@x/', 'http://x/@y'],
  };
  const config = { tokens: [{ issuer: 'https://a' }], services: [{ versions: [{ container }] }] } as unknown as MeshConfig;
  assert.deepEqual(masked(config), {
    tokens: [{ issuer: 'https://a' }],
    services: [
      {
        versions: [
          {
            container: {
              image: 'shop/token-service',
              environment: { DB_PASSWORD: '***', EMPTY_SECRET: '***', MODE: 'dev', DSN: 'postgres://app:***@db:5432/shop' },
              labels: { 'api-key': '***', team: 'a' },
              command: ['serve', '--url=http://user:***@x/', 'http://x/@y'],
            },
          },
        ],
      },
    ],
  });
});
