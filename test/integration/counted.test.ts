/** Whoever counts finds the same number: callers, the app, the metrics of both sidecars, their access logs, their spans, and the daemon's history. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, type ClientRequest, createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../src/async/clock.ts';
import { defaultRetry } from '../../src/config/default-retry.ts';
import { Statistics } from '../../src/daemon/observe/statistics.ts';
import { Traces } from '../../src/daemon/observe/traces.ts';
import { Authority } from '../../src/pki/authority.ts';
import { mesh } from '../control/mesh-builder.ts';
import { afterTest } from '../support/after-test.ts';
import { eventually } from '../support/eventually.ts';
import { startPair } from './called-pair.ts';

const rounds = 500;
/** One request of each kind in a round, `/ok` several times: 5,000 in all. */
const round = ['/ok', '/ok', '/ok', '/missing', '/ok', '/busy', '/reset', '/denied', '/direct', '/slow'] as const;
type Kind = (typeof round)[number];
const workers = 24;

/** What a caller is to see: `0` for one that gave up. */
const seen: Readonly<Record<Kind, number>> = {
  '/ok': 200,
  '/missing': 404,
  '/busy': 503,
  '/reset': 503,
  '/denied': 403,
  '/direct': 418,
  '/slow': 0,
};
const each = (count: (kind: Kind) => boolean): number => round.filter(count).length * rounds;

/** Sums of a counter by code and flag, or by another pair of labels. */
function sums(exposition: unknown, name: string, reporter: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const line of String(exposition).split('\n')) {
    if (!line.startsWith(`${name}{`) || !line.includes(`reporter="${reporter}"`)) continue;
    const label = (of: string): string => new RegExp(`[{,]${of}="([^"]*)"`).exec(line)?.[1] ?? '';
    const key = `${label('response_code')} ${label('response_flags')}`;
    found.set(key, (found.get(key) ?? 0) + Number(line.slice(line.lastIndexOf(' '))));
  }
  return found;
}

const total = (counts: ReadonlyMap<string, number>): number => [...counts.values()].reduce((a, b) => a + b, 0);

test('5,000 requests, some refused, reset or given up: nobody loses one', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'mesh-counted-'));
  afterTest(() => rm(directory, { recursive: true, force: true }));
  const authority = await Authority.open({ directory, trustDomain: 'bookshop.local', clock: systemClock });

  // The app: what it got, and those that it leaves waiting.
  const got = new Map<string, number>();
  const arrived = new Map<string, () => void>();
  const app = createServer((incoming, answer) => {
    const kind = incoming.url ?? '';
    got.set(kind, (got.get(kind) ?? 0) + 1);
    incoming.resume();
    if (kind === '/reset') incoming.socket.destroy();
    else if (kind === '/slow') arrived.get(String(incoming.headers['x-number']))?.();
    else answer.writeHead(seen[kind as Kind] ?? 500).end('text of the answer');
  });

  // The daemon's part that keeps what sidecars tell.
  const statistics = new Statistics({
    clock: systemClock,
    stateDir: join(directory, 'state'),
    emit: () => {},
    control: { status: () => new Map(), snapshots: () => [] },
    names: () => ({ services: [], gateways: [], external: [] }),
  });
  afterTest(() => statistics.close());
  const spans = new Map<string, number>();
  const traces = new Traces(systemClock, ({ from }) => spans.set(from.name, (spans.get(from.name) ?? 0) + 1));
  let dropped = 0;
  const told = { source: 0, destination: 0 };

  const { control, port, printed } = await startPair(
    app,
    authority,
    appPort => ({
      ...mesh({
        services: {
          storefront: { ports: [] },
          reviews: {
            ports: [appPort],
            routes: [
              {
                matches: [{ path: { kind: 'exact', value: '/direct' } }],
                action: { kind: 'respond', status: 418, body: 'tea', contentType: 'text/plain' },
              },
              { split: [{ service: 'reviews' }], retry: defaultRetry },
            ],
          },
        },
        access: { rules: [{ action: 'deny', to: ['reviews'], conditions: [{ on: 'path', values: ['/denied'] }] }] },
      }),
      tracing: { sample: 1, propagation: ['w3c', 'b3'] },
    }),
    (from, message) => {
      if (message.kind === 'spans') {
        traces.take(from, message);
        dropped += message.dropped;
        return;
      }
      if (message.kind !== 'signals') return;
      statistics.take(from, message.edges);
      for (const { reporter, requests } of message.edges) told[reporter] += requests;
    },
  );
  control.observe({ signals: true, spans: true });
  // Spans are asked for by now: the answer came behind it on the same channel.
  for (const workload of ['storefront-1', 'reviews-1']) await control.sidecars.query(workload, 'state');

  const agent = new Agent({ keepAlive: true, maxSockets: workers });
  afterTest(() => agent.destroy());
  const answers = new Map<string, number>();
  const call = async (number: number): Promise<void> => {
    const kind = round[number % round.length] as Kind;
    const status = await new Promise<number>((resolve, reject) => {
      const headers = { host: 'reviews', 'x-number': String(number) };
      const asked: ClientRequest = request({ port, host: '127.0.0.1', agent, method: 'POST', path: kind, headers }, answer => {
        answer.resume().on('end', () => resolve(answer.statusCode ?? 0));
      });
      asked.on('error', error => (kind === '/slow' ? resolve(0) : reject(error)));
      if (kind === '/slow') arrived.set(String(number), () => asked.socket?.resetAndDestroy());
      asked.end('text');
    });
    assert.equal(status, seen[kind], kind);
    answers.set(kind, (answers.get(kind) ?? 0) + 1);
  };
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < rounds * round.length) await call(next++);
  };
  await Promise.all(Array.from({ length: workers }, work));

  const all = rounds * round.length;
  const reached = all - each(kind => kind === '/direct');
  assert.equal(total(answers), all);
  assert.equal(total(got), reached - each(kind => kind === '/denied'));
  // Who gave up is counted a moment after the caller knows.
  await eventually(async () => {
    const source = await control.sidecars.query('storefront-1', 'stats');
    const destination = await control.sidecars.query('reviews-1', 'stats');
    const shared = {
      '200 -': each(kind => kind === '/ok'),
      '404 -': rounds,
      '0 DC': rounds,
    };
    assert.deepEqual(Object.fromEntries(sums(source, 'istio_requests_total', 'source')), {
      ...shared,
      '503 -': 2 * rounds,
      '403 -': rounds,
      '418 -': rounds,
    });
    assert.deepEqual(Object.fromEntries(sums(destination, 'istio_requests_total', 'destination')), {
      ...shared,
      '503 -': rounds,
      '503 UC': rounds,
      '403 -': rounds,
    });
    for (const histogram of ['istio_request_duration_milliseconds', 'istio_request_bytes', 'istio_response_bytes']) {
      assert.equal(total(sums(source, `${histogram}_count`, 'source')), all);
      assert.equal(total(sums(destination, `${histogram}_count`, 'destination')), reached);
    }
    assert.deepEqual(told, { source: all, destination: reached });
    assert.equal((spans.get('storefront-1') ?? 0) + (spans.get('reviews-1') ?? 0) + dropped, all + reached);
    const lines = (workload: string): number => printed(workload).filter(line => line.startsWith('[')).length;
    assert.deepEqual([lines('storefront-1'), lines('reviews-1')], [all, reached]);
    const { edges } = await statistics.stats({ window: '15m' });
    const [edge] = edges;
    assert.equal(edges.length, 1);
    assert.deepEqual(
      [edge?.total.requests, edge?.total.failures, edge?.total.clientErrors, edge?.total.denied, edge?.secured],
      [all, 2 * rounds, 3 * rounds, rounds, true],
    );
  });
});
