/**
 * Configurations that change all the time under load: whoever saves a file, scales a service and puts faults on it at once. No request may fail that the rules
 * do not fail, and what is swapped out must not stay: connections, health checks, timers. And snapshots with damage are refused or run, never half of each.
 * Seeded by FUZZ_SEED; SWAPS makes longer runs.
 */
import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { type Clock, systemClock } from '../../src/async/clock.ts';
import { createRandom } from '../../src/async/random.ts';
import { createDataPlane } from '../../src/proxy/assemble.ts';
import { decodeSnapshot, SnapshotError } from '../../src/snapshot/decode.ts';
import type { RouteRule } from '../../src/snapshot/route-rule.ts';
import type { Cluster, Snapshot } from '../../src/snapshot/snapshot.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { startHttp } from '../proxy/backend.ts';
import { clusterTo, outboundSnapshot, plainConnector, startPlane } from '../proxy/data-plane-harness.ts';
import { fullFixture } from '../snapshot/fixture.ts';
import { eventually } from '../support/eventually.ts';

const swaps = Number(process.env['SWAPS'] ?? 200);
const random = createRandom(Number(process.env['FUZZ_SEED'] ?? 3));
const below = (n: number): number => Math.floor(random.next() * n);
const one = <T>(of: readonly T[]): T => of[below(of.length)] as T;
const maybe = <T extends object>(value: T): Partial<T> => (random.next() < 0.4 ? value : {});

/** Counts what waits. */
function countingClock(): { readonly clock: Clock; readonly pending: () => number } {
  let pending = 0;
  const after = (ms: number, fn: () => void): (() => void) => {
    pending++;
    let open = true;
    const settle = (): void => {
      if (open) pending--;
      open = false;
    };
    const cancel = systemClock.after(ms, () => {
      settle();
      fn();
    });
    return () => {
      settle();
      cancel();
    };
  };
  return { clock: { ...systemClock, after }, pending: () => pending };
}

function someCluster(name: string, ports: readonly number[]): Cluster {
  return clusterTo(
    name,
    ports.filter((_, i) => i === 0 || random.next() < 0.6),
    {
      balancer: one(['round-robin', 'least-request', 'random', 'peak-ewma']),
      ...maybe({ balancer: 'ring-hash' as const, hash: { by: { kind: 'source' as const }, minRingSize: 8 } }),
      ...maybe({ slowStartMs: 100 }),
      ...maybe({ limits: { maxConnections: 1000, maxPendingRequests: 1000, maxRequests: 1000 } }),
      ...maybe({
        outliers: {
          ...{ consecutive5xx: 5, consecutiveGatewayErrors: 0, consecutiveLocalErrors: 0, intervalMs: 20 },
          ...{ baseEjectionMs: 10, maxEjectionPercent: 100, minHealthPercent: 0 },
        },
      }),
      ...maybe({
        healthCheck: {
          probe: { kind: 'tcp' as const },
          intervalMs: 10,
          timeoutMs: 1000,
          healthyThreshold: 1,
          unhealthyThreshold: 3,
        },
      }),
      ...maybe({ maxRequestsPerConnection: 1 + below(5) }),
      ...maybe({ idleTimeoutMs: 20 }),
    },
  );
}

function someRule(clusters: readonly Cluster[]): RouteRule {
  const cluster = (): string => one(clusters).name;
  const edits = { remove: ['x-a'], set: [{ name: 'x-b', value: 'b' }], add: [{ name: 'x-c', value: 'c' }] };
  const split = Array.from({ length: 1 + below(3) }, () => ({
    cluster: cluster(),
    weight: 1 + below(9),
    ...maybe({ requestHeaders: edits }),
  }));
  const unique = [...new Map(split.map(entry => [entry.cluster, entry])).values()];
  return {
    name: one(['a', 'b', 'c']),
    matches: random.next() < 0.3 ? [{ path: { kind: 'prefix', value: '/p' }, methods: [], headers: [], query: [] }] : [],
    action: one<RouteRule['action']>([
      { kind: 'forward', split: unique, ...maybe({ exact: true }), ...maybe({ rewrite: { host: 'other' } }) },
      { kind: 'forward', split: unique },
      { kind: 'respond', status: 200, body: 'ok', contentType: 'text/plain' },
      { kind: 'redirect', status: 302, host: 'x' },
    ]),
    timeoutMs: one([null, 20_000]),
    retry: null,
    ...maybe({ faults: [{ kind: 'delay' as const, percent: 50, ms: 2, jitterMs: 3 }] }),
    ...maybe({ faults: [{ kind: 'abort' as const, percent: 20, status: 418 }] }),
    ...maybe({ faults: [{ kind: 'bandwidth' as const, percent: 50, bytesPerSecond: 1_000_000 }] }),
    ...maybe({ mirrors: [{ cluster: cluster(), percent: 50 }] }),
    ...maybe({ responseHeaders: edits }),
    ...maybe({ rateLimits: [{ name: 'l', requests: 1_000_000, perMs: 1000, burst: 1_000_000, by: { kind: 'all' as const } }] }),
  };
}

test(`${swaps} swaps under load fail no request and leave nothing behind`, async () => {
  const open = new Set<Socket>();
  const answer: Parameters<typeof startHttp>[0] = ({ socket }, response) => {
    if (!open.has(socket)) socket.once('close', () => open.delete(socket));
    open.add(socket);
    response.end('x'.repeat(below(3000)));
  };
  await using first = await startHttp(answer);
  await using second = await startHttp(answer);
  const ports = [first.port, second.port];
  const { clock, pending } = countingClock();
  const some = (version: number): Snapshot => {
    const clusters = ['a', 'b', 'c'].slice(0, 1 + below(3)).map(name => someCluster(name, one([ports, ports.toReversed()])));
    const last = { ...someRule(clusters), matches: [] };
    return outboundSnapshot(clusters, [someRule(clusters), last], { version: String(version), ...maybe({ seed: 1 }) });
  };
  await using harness = await startPlane('outbound', some(0), { clock });
  const statuses = new Map<string, number>();
  let over = false;
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const ask = (n: number): Promise<void> =>
    new Promise(resolve => {
      const count = (what: string): void => {
        statuses.set(what, (statuses.get(what) ?? 0) + 1);
        resolve();
      };
      const body = n % 3 === 0 ? 'y'.repeat(n % 5000) : '';
      const asked = request(
        { port: harness.port, agent, path: n % 2 === 0 ? '/p/q' : '/r', method: body === '' ? 'GET' : 'POST' },
        response => {
          response.resume();
          response.on('end', () => count(String(response.statusCode)));
          response.on('error', error => count(String(error)));
        },
      );
      asked.on('error', error => count(String(error)));
      asked.end(body);
    });
  const load = Array.from({ length: 8 }, async (_, worker) => {
    for (let n = worker; !over; n += 8) await ask(n);
  });
  for (let version = 1; version <= swaps; version++) {
    harness.plane.apply(decodeSnapshot(JSON.parse(JSON.stringify(some(version)))));
    const seen = [...statuses.values()].reduce((sum, count) => sum + count, 0);
    await eventually(() => assert.ok([...statuses.values()].reduce((sum, count) => sum + count, 0) > seen + 3));
  }
  over = true;
  await Promise.all(load);
  agent.destroy();
  assert.deepEqual(
    [...statuses.keys()].filter(status => !['200', '302', '418'].includes(status)),
    [],
    JSON.stringify([...statuses]),
  );
  assert.deepEqual(harness.bugs, []);
  harness.plane.apply(outboundSnapshot([], [], { version: 'empty' }));
  await eventually(() => assert.equal(open.size, 0, 'connections to servers'));
  // Deadlines of one length share a timer, which runs out when it next would.
  await eventually(() => assert.ok(pending() <= 6, `${pending()} timers`));
});

/** A copy with a few places changed: values of other fields, of other kinds, or gone. */
function damaged(from: Snapshot): unknown {
  const copy = JSON.parse(JSON.stringify(from)) as Record<string, unknown>;
  const places: { readonly at: Record<string, unknown>; readonly key: string }[] = [];
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      places.push({ at: value as Record<string, unknown>, key });
      walk(inner);
    }
  };
  walk(copy);
  for (let n = 1 + below(3); n > 0; n--) {
    const { at, key } = one(places);
    const value = at[key];
    const odd = [
      null,
      '',
      '*',
      '(',
      '(a*)*',
      'a\r\nb: c',
      'ü',
      '/',
      '%',
      '::1',
      -1,
      0,
      1,
      0.5,
      65_536,
      2 ** 31 - 1,
      2 ** 53,
      1e308,
      true,
      [],
      {},
    ];
    const other = one(places);
    const sibling = structuredClone(other.at[other.key]);
    const kin = [typeof value === 'number' ? one([0, 1, 99, 100, 599, 65_535, 2 ** 31 - 1]) : sibling, one(odd)];
    if (random.next() < 0.1) delete at[key];
    else if (Array.isArray(value) && random.next() < 0.5) at[key] = random.next() < 0.5 ? [] : [...value, ...value];
    else at[key] = one(kin);
  }
  return JSON.parse(JSON.stringify(copy));
}

test('damaged snapshots are refused with a SnapshotError or run', () => {
  const { clock } = countingClock();
  const deps = {
    connector: plainConnector,
    clock,
    random,
    log: createLog('proxy', () => {}),
    tcp: () => {},
    accessLog: () => {},
  };
  let ran = 0;
  for (let i = 0; i < swaps * 10; i++) {
    const value = damaged(fullFixture);
    let snapshot: Snapshot;
    try {
      snapshot = decodeSnapshot(value);
    } catch (error) {
      assert.ok(error instanceof SnapshotError, `${error instanceof Error ? error.stack : error}\n${JSON.stringify(value)}`);
      continue;
    }
    const plane = createDataPlane(deps);
    try {
      // No health checks: there are no servers.
      plane.apply({ ...snapshot, clusters: snapshot.clusters.map(({ healthCheck: _, ...rest }) => rest) });
      ran++;
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.stack : error}\n${JSON.stringify(value)}`);
    }
    void plane.drain(0);
  }
  assert.ok(ran > swaps / 2, `${ran} ran`);
});
