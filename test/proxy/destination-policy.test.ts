/** Destination policies at work: a caller's data plane, those of its replicas, and real apps behind them. */
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { TcpSessions } from '../../src/proxy/tcp/tcp-proxy.ts';
import type { OutlierPolicy } from '../../src/snapshot/cluster-policy.ts';
import type { Cluster, RetryPolicy, RouteRule, Snapshot } from '../../src/snapshot/snapshot.ts';
import { eventually } from '../support/eventually.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';
import { bodyOf, exchangeRaw, get, headerOf, startHttp, startRaw, statusOf } from './backend.ts';
import {
  clusterTo,
  freePort,
  type Harness,
  inboundSnapshot,
  outboundSnapshot,
  ruleTo,
  startPlane,
} from './data-plane-harness.ts';

const outliers: OutlierPolicy = {
  consecutive5xx: 3,
  consecutiveGatewayErrors: 0,
  consecutiveLocalErrors: 0,
  intervalMs: 10_000,
  baseEjectionMs: 30_000,
  maxEjectionPercent: 50,
  minHealthPercent: 0,
};

/** A replica: an app that tells its name, with a sidecar before it. */
interface Replica {
  readonly port: number;
  status: number;
  readonly asked: string[];
}

async function startReplica(name: string, stack: AsyncDisposableStack): Promise<Replica> {
  const asked: string[] = [];
  const replica = { port: 0, status: 200, asked };
  const app = stack.use(
    await startHttp((request, response) => {
      asked.push(request.url ?? '');
      response.writeHead(replica.status).end(name);
    }),
  );
  const sidecar = stack.use(await startPlane('inbound', inboundSnapshot(app.port), { localPort: app.port }));
  replica.port = sidecar.port;
  return replica;
}

interface Mesh {
  readonly clock: ManualClock;
  readonly replicas: readonly Replica[];
  readonly caller: Harness;
  /** Applies another policy for the replicas that there are, or for the first of them. */
  reload(policy: Partial<Cluster>, count?: number): void;
  /** Bodies, or statuses where they are not 200. */
  ask(times: number, ...lines: readonly string[]): Promise<string[]>;
}

async function startMesh(
  count: number,
  policy: Partial<Cluster>,
  stack: AsyncDisposableStack,
  rule: Partial<RouteRule> = {},
): Promise<Mesh> {
  const clock = manualClock();
  const replicas: Replica[] = [];
  for (let i = 1; i <= count; i++) replicas.push(await startReplica(`r${i}`, stack));
  const snapshot = (more: Partial<Cluster>, used = count): Snapshot =>
    outboundSnapshot([clusterTo('app', replicas.map(({ port }) => port).slice(0, used), more)], [ruleTo('app', rule)], {
      accessLog: 'json',
    });
  const caller = stack.use(await startPlane('outbound', snapshot(policy), { clock }));
  return {
    clock,
    replicas,
    caller,
    reload: (more, used) => caller.plane.apply({ ...snapshot(more, used), version: `${Math.random()}` }),
    async ask(times, ...lines) {
      const got: string[] = [];
      for (let i = 0; i < times; i++) {
        const answer = await exchangeRaw(caller.port, get('/', ...lines));
        got.push(statusOf(answer) === 200 ? bodyOf(answer).trim() : String(statusOf(answer)));
      }
      return got;
    },
  };
}

function metric({ plane }: Harness, name: string): number {
  const value = new RegExp(`^${name}\\{[^}]*\\} (\\d+)$`, 'm').exec(plane.metrics())?.[1];
  assert.ok(value !== undefined, `no ${name}`);
  return Number(value);
}

const only = (got: readonly string[]): string[] =>
  [...new Set(got.map(body => body.replaceAll(/^.*\b(r\d)\b.*$/gs, '$1')))].sort();

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

describe('circuit breaker', () => {
  /** An app that answers when it is told to. */
  async function startSlowApp(stack: AsyncDisposableStack, status = 200) {
    const open: ServerResponse[] = [];
    const app = stack.use(await startHttp((_, response) => void open.push(response)));
    const release = (): void => {
      for (const response of open.splice(0)) response.writeHead(status).end('done');
    };
    return { app, open, release };
  }

  test('one connection and one that waits: the third request gets 503 UO, the two pass', async () => {
    await using stack = new AsyncDisposableStack();
    const { app, open, release } = await startSlowApp(stack);
    const cluster = clusterTo('app', [app.port], { limits: { maxConnections: 1, maxPendingRequests: 1 } });
    const caller = stack.use(await startPlane('outbound', outboundSnapshot([cluster], [ruleTo('app')], { accessLog: 'json' })));
    const first = exchangeRaw(caller.port, get('/first'));
    await eventually(() => assert.equal(open.length, 1));
    const others = [exchangeRaw(caller.port, get('/a')), exchangeRaw(caller.port, get('/b'))];
    const refused = await Promise.race(others);
    assert.equal(statusOf(refused), 503);
    assert.equal(headerOf(refused, 'x-envoy-overloaded'), 'true');
    assert.match(bodyOf(refused), /reset reason: overflow/);
    assert.equal(metric(caller, 'envoy_cluster_upstream_rq_pending_overflow'), 1);
    release();
    assert.equal(statusOf(await first), 200);
    await eventually(() => assert.equal(open.length, 1));
    release();
    assert.deepEqual((await Promise.all(others)).map(statusOf).sort(), [200, 503]);
    assert.equal(app.connections(), 1);
    assert.ok(caller.accessLog.some(line => line.includes('"response_flags":"UO"')));
    assert.deepEqual(caller.bugs, []);
  });

  test('requests in progress are bounded, and those that end make room', async () => {
    await using stack = new AsyncDisposableStack();
    const { app, open, release } = await startSlowApp(stack);
    const cluster = clusterTo('app', [app.port], { limits: { maxRequests: 1 } });
    const caller = stack.use(await startPlane('outbound', outboundSnapshot([cluster], [ruleTo('app')])));
    for (let round = 0; round < 2; round++) {
      const first = exchangeRaw(caller.port, get('/'));
      await eventually(() => assert.equal(open.length, 1));
      assert.equal(statusOf(await exchangeRaw(caller.port, get('/'))), 503);
      release();
      assert.equal(statusOf(await first), 200);
    }
  });

  test('a client that goes away while it waits frees its place', async () => {
    await using stack = new AsyncDisposableStack();
    const { app, open, release } = await startSlowApp(stack);
    const cluster = clusterTo('app', [app.port], { limits: { maxConnections: 1, maxPendingRequests: 1 } });
    const caller = stack.use(await startPlane('outbound', outboundSnapshot([cluster], [ruleTo('app')], { accessLog: 'json' })));
    const first = exchangeRaw(caller.port, get('/'));
    await eventually(() => assert.equal(open.length, 1));
    const waiting = new Set<Socket>();
    const refused = new Promise<Socket>(resolve => {
      for (const socket of [0, 1].map(() => connect({ host: '127.0.0.1', port: caller.port }))) {
        stack.defer(() => void socket.destroy());
        socket.on('error', () => {});
        socket.write(get('/'));
        socket.once('data', () => resolve(socket));
        waiting.add(socket);
      }
    });
    waiting.delete(await refused);
    for (const socket of waiting) socket.resetAndDestroy();
    await eventually(() => assert.ok(caller.accessLog.some(line => line.includes('"response_flags":"DC"'))));
    const next = exchangeRaw(caller.port, get('/'));
    release();
    assert.equal(statusOf(await first), 200);
    await eventually(() => assert.equal(open.length, 1));
    release();
    assert.equal(statusOf(await next), 200);
  });

  test('retries are bounded: the failure there is comes back, with flag UO, and a retry that is over makes room', async () => {
    await using stack = new AsyncDisposableStack();
    const retry: RetryPolicy = {
      attempts: 2,
      on: ['5xx'],
      statusCodes: [],
      perTryTimeoutMs: null,
      methods: ['GET'],
      backoffBaseMs: 1,
    };
    let calls = 0;
    const app = stack.use(
      await startHttp((request, response) => {
        calls++;
        const fails = request.url === '/always' || request.headers['x-envoy-attempt-count'] === '1';
        response.writeHead(fails ? 500 : 200).end();
      }),
    );
    const snapshot = (maxRetries: number): Snapshot =>
      outboundSnapshot([clusterTo('app', [app.port], { limits: { maxRetries } })], [ruleTo('app', { retry })], {
        accessLog: 'json',
        version: String(maxRetries),
      });
    const caller = stack.use(await startPlane('outbound', snapshot(0)));
    assert.equal(statusOf(await exchangeRaw(caller.port, get('/'))), 500);
    assert.equal(calls, 1);
    assert.equal(metric(caller, 'envoy_cluster_upstream_rq_retry_overflow'), 1);
    assert.match(caller.accessLog.at(-1) ?? '', /"response_flags":"[A-Z,]*UO/);
    caller.plane.apply(snapshot(1));
    for (let i = 0; i < 5; i++) assert.equal(statusOf(await exchangeRaw(caller.port, get('/'))), 200);
    for (let i = 0; i < 3; i++) assert.equal(statusOf(await exchangeRaw(caller.port, get('/always'))), 500);
    assert.equal(calls, 1 + 10 + 9);
    assert.equal(metric(caller, 'envoy_cluster_upstream_rq_retry_overflow'), 1);
  });

  test('raw TCP beyond the connections is closed', async () => {
    await using stack = new AsyncDisposableStack();
    const server = stack.use(await startRaw(socket => socket.write('hello')));
    const cluster = clusterTo('db', [server.port], { limits: { maxConnections: 1 } });
    const caller = stack.use(
      await startPlane(
        'outbound',
        {
          ...outboundSnapshot([cluster], []),
          outbound: [
            {
              address: '240.240.0.1',
              port: 80,
              protocol: 'tcp',
              service: 'db',
              routeTable: 'all',
              tcp: [{ cluster: 'db', weight: 1 }],
            },
          ],
        },
        { tcp: new TcpSessions().proxy },
      ),
    );
    const hello = (): Promise<{ readonly text: string; readonly close: () => void }> =>
      new Promise(resolve => {
        const socket = connect({ host: '127.0.0.1', port: caller.port });
        socket.on('error', () => {});
        const close = (): void => void socket.resetAndDestroy();
        socket.once('data', data => resolve({ text: data.toString(), close }));
        socket.once('close', () => resolve({ text: '', close }));
      });
    const first = await hello();
    assert.equal(first.text, 'hello');
    assert.equal((await hello()).text, '');
    assert.equal(metric(caller, 'envoy_cluster_upstream_cx_overflow'), 1);
    first.close();
    await eventually(async () => {
      const next = await hello();
      next.close();
      assert.equal(next.text, 'hello');
    });
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

describe('health checks', () => {
  const healthCheck: NonNullable<Cluster['healthCheck']> = {
    probe: { kind: 'http', path: '/health', statuses: [200] },
    intervalMs: 20,
    timeoutMs: 5000,
    healthyThreshold: 1,
    unhealthyThreshold: 2,
  };

  test('HTTP: an ill replica gets no traffic until it is well, and nobody is asked without a policy', async () => {
    await using stack = new AsyncDisposableStack();
    const replicas = [await startReplica('r1', stack), await startReplica('r2', stack)] as const;
    const ports = replicas.map(({ port }) => port);
    const snapshot = (more: Partial<Cluster>, version: string): Snapshot =>
      outboundSnapshot([clusterTo('app', ports, more)], [ruleTo('app')], { version });
    const caller = stack.use(await startPlane('outbound', snapshot({ healthCheck }, '1')));
    const healthy = (count: number): Promise<void> =>
      eventually(() => assert.equal(metric(caller, 'envoy_cluster_membership_healthy'), count));
    replicas[0].status = 500;
    await healthy(1);
    for (let i = 0; i < 6; i++) assert.deepEqual(only([bodyOf(await exchangeRaw(caller.port, get('/')))]), ['r2']);
    replicas[1].status = 500;
    await healthy(0);
    const none = await exchangeRaw(caller.port, get('/'));
    assert.equal(statusOf(none), 503);
    assert.match(bodyOf(none), /no healthy upstream/);
    for (const replica of replicas) replica.status = 200;
    await healthy(2);
    assert.equal(statusOf(await exchangeRaw(caller.port, get('/'))), 200);

    replicas[0].status = 500;
    await healthy(1);
    caller.plane.apply(snapshot({}, '2'));
    assert.deepEqual(caller.bugs, []);
    const asked = replicas[1].asked.length;
    const all = new Set<number>();
    for (let i = 0; i < 4; i++) all.add(statusOf(await exchangeRaw(caller.port, get('/'))));
    assert.deepEqual(all, new Set([200, 500]));
    assert.equal(replicas[1].asked.slice(asked).filter(url => url === '/health').length, 0);
  });

  test('TCP: a port that nobody listens on', async () => {
    await using stack = new AsyncDisposableStack();
    const replica = await startReplica('r1', stack);
    const cluster = clusterTo('app', [await freePort(), replica.port], {
      healthCheck: { ...healthCheck, probe: { kind: 'tcp' } },
    });
    const caller = stack.use(await startPlane('outbound', outboundSnapshot([cluster], [ruleTo('app')])));
    await eventually(() => assert.equal(metric(caller, 'envoy_cluster_membership_healthy'), 1));
    for (let i = 0; i < 4; i++) assert.equal(statusOf(await exchangeRaw(caller.port, get('/'))), 200);
  });

  test('gRPC: SERVING is well, everything else is not', async () => {
    await using stack = new AsyncDisposableStack();
    let answer: (stream: ServerHttp2Stream) => void = () => {};
    const asked: string[] = [];
    const server = createHttp2Server();
    server.on('stream', (stream: ServerHttp2Stream, headers) => {
      const parts: Buffer[] = [];
      stream.on('error', () => {});
      stream.on('data', (part: Buffer) => parts.push(part));
      stream.on('end', () => {
        asked.push(`${headers[':path']} ${headers['content-type']} ${Buffer.concat(parts).toString('hex')}`);
        answer(stream);
      });
    });
    const respond =
      (message: readonly number[], status: string) =>
      (stream: ServerHttp2Stream): void => {
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status }));
        stream.end(Buffer.from(message));
      };
    const serving = respond([0, 0, 0, 0, 2, 8, 1], '0');
    answer = serving;
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    const port = (server.address() as { port: number }).port;
    const cluster = clusterTo('app', [port], {
      protocol: 'http2',
      healthCheck: { ...healthCheck, unhealthyThreshold: 1, probe: { kind: 'grpc', service: 'shop.Api' } },
    });
    const caller = await startPlane('outbound', outboundSnapshot([cluster], [ruleTo('app')]));
    stack.defer(async () => {
      await caller[Symbol.asyncDispose]();
      await new Promise(resolve => server.close(resolve));
    });
    const healthy = (count: number): Promise<void> =>
      eventually(() => assert.equal(metric(caller, 'envoy_cluster_membership_healthy'), count));
    await eventually(() => assert.ok(asked.length > 1));
    assert.equal(
      asked[0],
      `/grpc.health.v1.Health/Check application/grpc 000000000a0a08${Buffer.from('shop.Api').toString('hex')}`,
    );
    for (const wrong of [
      respond([0, 0, 0, 0, 2, 8, 2], '0'),
      respond([], '5'),
      respond([0, 0, 0, 0, 0], '0'),
      (stream: ServerHttp2Stream): void =>
        stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '12' }, { endStream: true }),
    ]) {
      answer = serving;
      await healthy(1);
      answer = wrong;
      await healthy(0);
    }
    assert.deepEqual(caller.bugs, []);
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
