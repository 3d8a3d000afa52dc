/** Who is called: outlier detection, ring hash, connections, and what a reload does to them. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { OutlierPolicy } from '../../src/snapshot/cluster-policy.ts';
import type { Cluster } from '../../src/snapshot/snapshot.ts';
import { eventually } from '../support/eventually.ts';
import { manualClock } from '../support/manual-clock.ts';
import { bodyOf, exchangeRaw, get, headerOf, startHttp, statusOf } from './backend.ts';
import { clusterTo, freePort, outboundSnapshot, ruleTo, startPlane } from './data-plane-harness.ts';
import { metric, only, type Replica, startMesh, startReplica } from './policy-mesh.ts';

const outliers: OutlierPolicy = {
  consecutive5xx: 3,
  consecutiveGatewayErrors: 0,
  consecutiveLocalErrors: 0,
  intervalMs: 10_000,
  baseEjectionMs: 30_000,
  maxEjectionPercent: 50,
  minHealthPercent: 0,
};

describe('outlier detection', () => {
  test('a replica that fails is left out, comes back after its time, and a reload changes nothing about it', async () => {
    await using stack = new AsyncDisposableStack();
    const { ask, replicas, clock, caller, reload } = await startMesh(2, { outliers }, stack);
    const [bad] = replicas as [Replica];
    bad.status = 500;
    assert.deepEqual(only(await ask(6)), ['500', 'r2']);
    assert.deepEqual(only(await ask(10)), ['r2']);
    assert.equal(metric(caller, 'envoy_cluster_outlier_detection_ejections_active'), 1);
    assert.equal(metric(caller, 'envoy_cluster_membership_healthy'), 1);

    reload({ outliers, idleTimeoutMs: 30_000, connectTimeoutMs: 500 });
    assert.deepEqual(only(await ask(4)), ['r2']);

    bad.status = 200;
    clock.advance(30_000);
    assert.deepEqual(only(await ask(4)), ['r1', 'r2']);
    assert.equal(metric(caller, 'envoy_cluster_outlier_detection_ejections_active'), 0);
    assert.equal(metric(caller, 'envoy_cluster_outlier_detection_ejections_enforced_total'), 1);
  });

  test('a replica that nobody can reach is left out too', async () => {
    await using stack = new AsyncDisposableStack();
    const replica = await startReplica('r1', stack);
    const cluster = clusterTo('app', [await freePort(), replica.port], { outliers });
    const caller = stack.use(
      await startPlane('outbound', outboundSnapshot([cluster], [ruleTo('app')]), { clock: manualClock() }),
    );
    const statuses: number[] = [];
    for (let i = 0; i < 16; i++) statuses.push(statusOf(await exchangeRaw(caller.port, get('/'))));
    assert.equal(statuses.filter(status => status === 503).length, 3);
    assert.deepEqual(statuses.slice(6), new Array(10).fill(200));
  });

  test('when all are out: 503 UH, or all are used in a panic', async () => {
    await using stack = new AsyncDisposableStack();
    const all = { ...outliers, maxEjectionPercent: 100 };
    const { ask, replicas, caller, reload } = await startMesh(2, { outliers: all }, stack);
    for (const replica of replicas) replica.status = 503;
    await ask(6);
    assert.match(await exchangeRaw(caller.port, get('/')), /no healthy upstream/);
    for (const replica of replicas) replica.status = 200;
    assert.deepEqual(only(await ask(2)), ['503']);
    reload({ outliers: { ...all, minHealthPercent: 50 } });
    assert.deepEqual(only(await ask(4)), ['r1', 'r2']);
  });
});

describe('ring hash', () => {
  const hash = (by: NonNullable<Cluster['hash']>['by']): Partial<Cluster> => ({
    balancer: 'ring-hash',
    hash: { by, minRingSize: 1024 },
  });

  test('the same header goes to the same replica, others elsewhere, and a reload moves nobody', async () => {
    await using stack = new AsyncDisposableStack();
    const policy = hash({ kind: 'header', name: 'x-user' });
    const { ask, reload } = await startMesh(3, policy, stack);
    const users = Array.from({ length: 12 }, (_, i) => `x-user: u${i}`);
    const homes = new Map<string, string>();
    for (const user of users) {
      const got = only(await ask(3, user));
      assert.equal(got.length, 1, user);
      homes.set(user, got[0] ?? '');
    }
    assert.ok(new Set(homes.values()).size > 1);
    reload({ ...policy, idleTimeoutMs: 1000 });
    for (const [user, home] of homes) assert.deepEqual(only(await ask(1, user)), [home]);
    reload(policy, 2);
    for (const [user, home] of homes) if (home !== 'r3') assert.deepEqual(only(await ask(1, user)), [home]);
    assert.ok(only(await ask(20)).length > 1, 'without the header anywhere');
  });

  test('a client without the cookie gets one that leads back', async () => {
    await using stack = new AsyncDisposableStack();
    const by = { kind: 'cookie', name: 'seat', path: '/shop', ttlMs: 90_000 } as const;
    const { ask, caller } = await startMesh(3, hash(by), stack);
    const seen = new Set<string>();
    for (let i = 0; i < 6; i++) {
      const answer = await exchangeRaw(caller.port, get('/'));
      const cookie = headerOf(answer, 'set-cookie') ?? '';
      assert.match(cookie, /^seat="[0-9a-f]{16}"; Max-Age=90; Path=\/shop; HttpOnly$/);
      const value = /"(\w+)"/.exec(cookie)?.[1] ?? '';
      const home = only([bodyOf(answer)]);
      assert.deepEqual(only(await ask(2, `Cookie: other=1; seat="${value}"`)), home);
      assert.deepEqual(only(await ask(1, `Cookie: seat=${value}`)), home);
      seen.add(home[0] ?? '');
    }
    assert.ok(seen.size > 1);
    assert.equal(headerOf(await exchangeRaw(caller.port, get('/', 'Cookie: seat=x')), 'set-cookie'), null);
  });

  test('by query and by source', async () => {
    await using stack = new AsyncDisposableStack();
    const { ask, caller, reload } = await startMesh(3, hash({ kind: 'source' }), stack);
    assert.equal(only(await ask(6)).length, 1);
    reload(hash({ kind: 'query', name: 'user' }));
    const home = async (user: string): Promise<string[]> => {
      const answers: string[] = [];
      for (let i = 0; i < 3; i++) answers.push(bodyOf(await exchangeRaw(caller.port, get(`/?a=b&user=${user}`))));
      return only(answers);
    };
    const homes = await Promise.all(Array.from({ length: 8 }, (_, i) => home(`u${i}`)));
    for (const one of homes) assert.equal(one.length, 1);
    assert.ok(new Set(homes.flat()).size > 1);
  });
});

describe('connections', () => {
  test('a connection ends after its number of requests', async () => {
    await using stack = new AsyncDisposableStack();
    const app = stack.use(await startHttp((_, response) => response.end('x')));
    for (const [most, expected] of [
      [0, 1],
      [2, 3],
      [1, 6],
    ] as const) {
      const before = app.connections();
      const more = most === 0 ? {} : { maxRequestsPerConnection: most };
      const caller = stack.use(
        await startPlane('outbound', outboundSnapshot([clusterTo('app', [app.port], more)], [ruleTo('app')])),
      );
      for (let i = 0; i < 6; i++) assert.equal(statusOf(await exchangeRaw(caller.port, get('/'))), 200);
      assert.equal(app.connections() - before, expected, `at most ${most}`);
    }
  });
});

test('reloads under load lose no request, and nothing stays counted', async () => {
  await using stack = new AsyncDisposableStack();
  const { caller, reload, ask } = await startMesh(3, {}, stack);
  const policies: readonly Partial<Cluster>[] = [
    { balancer: 'peak-ewma', limits: { maxRequests: 100 } },
    { outliers, slowStartMs: 1000, idleTimeoutMs: 1000 },
    { balancer: 'ring-hash', hash: { by: { kind: 'source' }, minRingSize: 64 }, maxRequestsPerConnection: 2 },
    { balancer: 'random', limits: { maxConnections: 50, maxPendingRequests: 50 }, connectTimeoutMs: 900 },
    {},
  ];
  let done = false;
  const load = Promise.all(Array.from({ length: 4 }, () => ask(40))).finally(() => {
    done = true;
  });
  for (let i = 0; !done; i++) {
    reload(policies[i % policies.length] ?? {}, 1 + (i % 3));
    await new Promise(resolve => setImmediate(resolve));
  }
  assert.deepEqual([...new Set((await load).flat().map(body => only([body])[0]))].sort(), ['r1', 'r2', 'r3']);
  reload({});
  await eventually(() => {
    const [report] = caller.plane.clusters();
    assert.ok(report !== undefined);
    assert.deepEqual([report.requests, report.pending, report.retries], [0, 0, 0]);
    assert.ok(report.endpoints.every(({ active, health }) => active === 0 && health === 'healthy'));
    assert.ok(report.connections >= 0 && report.connections <= 12, `${report.connections} connections`);
  });
  assert.deepEqual(caller.bugs, []);
});

test('a retry goes to an endpoint that was not tried yet, not back to the first', async () => {
  await using stack = new AsyncDisposableStack();
  const retry = {
    attempts: 2,
    on: ['5xx'],
    statusCodes: [],
    perTryTimeoutMs: null,
    methods: ['GET'],
    backoffBaseMs: 1,
  } as const;
  const { ask, replicas, clock } = await startMesh(3, { balancer: 'random' }, stack, { retry });
  for (const replica of replicas.slice(0, 2)) replica.status = 500;
  const going = ask(40);
  // The back-off waits by the clock of the test.
  let done = false;
  void going.finally(() => {
    done = true;
  });
  await eventually(
    () => {
      clock.advance(1000);
      assert.ok(done);
    },
    { everyMs: 1 },
  );
  const failed = (await going).filter(body => body === '500').length;
  // One in six would fail if the first could be tried again, one in two hundred if not.
  assert.ok(failed <= 2, `${failed} of 40 failed`);
});
