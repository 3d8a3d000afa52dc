import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scrapeTargets } from '../../src/snapshot/scrape-targets.ts';

test('every pod that has an address is a target of its own, and says what it is', () => {
  const pods = [
    { address: '172.20.0.5', workload: 'reviews-v1-1', service: 'reviews', version: 'v1' },
    { address: '172.20.0.6', workload: 'redis-1', service: 'redis', version: '' },
    { address: null, workload: 'redis-2', service: 'redis', version: '' },
  ];
  assert.deepEqual(scrapeTargets('shop', pods), [
    {
      targets: ['172.20.0.5:15020'],
      labels: {
        __metrics_path__: '/stats/prometheus',
        mesh: 'shop',
        service: 'reviews',
        version: 'v1',
        workload: 'reviews-v1-1',
      },
    },
    {
      targets: ['172.20.0.6:15020'],
      labels: { __metrics_path__: '/stats/prometheus', mesh: 'shop', service: 'redis', workload: 'redis-1' },
    },
  ]);
});
