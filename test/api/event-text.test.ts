import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventText } from '../../src/api/event-text.ts';
import type { MeshEventBody } from '../../src/api/types.ts';

const by = ['web-1', 'web-2', 'web-3', 'web-4', 'web-5', 'web-6', 'web-7'];
const endpoint = { kind: 'endpoint', service: 'reviews', endpoint: 'reviews-v1-1', by: ['web-1'] } as const;

for (const [event, level, text] of [
  [
    { kind: 'nack', workloads: by, reason: 'no such port' },
    'bad',
    'web-1, web-2, web-3, web-4, web-5 and 2 more refused a configuration: no such port',
  ],
  [{ kind: 'certificates', workloads: ['web-1'] }, 'step', 'certificates issued to web-1'],
  [{ ...endpoint, change: 'ejected' }, 'warn', 'reviews-v1-1 of reviews is ejected by web-1'],
  [{ ...endpoint, change: 'unhealthy' }, 'warn', 'reviews-v1-1 of reviews is found unhealthy by web-1'],
  [{ ...endpoint, change: 'healthy' }, 'good', 'reviews-v1-1 of reviews is taken back by web-1'],
  [
    { kind: 'overflow', service: 'reviews', refused: 1, by: ['web-1'] },
    'warn',
    'the circuit breaker to reviews refused 1 call of web-1',
  ],
  [{ kind: 'started', version: '0.1.0', pid: 7 }, 'step', 'daemon 0.1.0 began (pid 7)'],
  [{ kind: 'gap', missed: 7 }, 'warn', '7 events were not read in time'],
] as const satisfies readonly (readonly [MeshEventBody, string, string])[])
  test(text, () => assert.deepEqual(eventText(event), { level, text }));
