import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compile } from '../../src/control/compile/compile.ts';
import type { LiveFault } from '../../src/control/live-fault.ts';
import { emptyRegistry, observe, workloadsOf } from '../../src/control/registry.ts';
import type { HeaderEdits } from '../../src/snapshot/route-rule.ts';
import type { Snapshot } from '../../src/snapshot/snapshot.ts';
import { type MeshShort, mesh, pod, type RouteShort } from './mesh-builder.ts';

const pods = [pod('a', '', 2), pod('b', 'v1', 3), pod('b', 'v2', 4), pod('c', '', 5)];
const workloads = workloadsOf(observe(emptyRegistry, { kind: 'pods', pods }));

function compiled(
  routes: readonly RouteShort[],
  rest: MeshShort = {},
  faults: readonly LiveFault[] = [],
): ReadonlyMap<string, Snapshot> {
  const services = { a: {}, b: { versions: { v1: 'b-v1', v2: 'b-v2' }, routes }, c: {} };
  return compile({ config: mesh({ ...rest, services }), workloads, addresses: new Map(), faults }).snapshots;
}

function snapshot(of: ReadonlyMap<string, Snapshot>, workload: string): Snapshot {
  const found = of.get(workload);
  assert.ok(found !== undefined, workload);
  return found;
}

const split = [
  { service: 'b', version: 'v1', weight: 9 },
  { service: 'b', version: 'v2', weight: 1 },
];
const edits: HeaderEdits = { remove: [], set: [{ name: 'x', value: '1' }], add: [] };
const cors = {
  allowOrigins: [],
  allowMethods: [],
  allowHeaders: [],
  exposeHeaders: [],
  allowCredentials: false,
  unmatchedPreflights: 'forward',
} as const;
const limit = { name: 'l', requests: 1, perMs: 1000, burst: 1, by: { kind: 'all' } } as const;
const delay = { kind: 'delay', percent: 100, ms: 10, jitterMs: 0 } as const;

/** Each differs from the first in one field. */
const rules: Readonly<Record<string, RouteShort>> = {
  plain: { split },
  name: { name: 'x', split },
  path: { split, matches: [{ path: { kind: 'prefix', value: '/a' } }] },
  'kind of path': { split, matches: [{ path: { kind: 'starts-with', value: '/a' } }] },
  header: { split, matches: [{ headers: [{ name: 'a', kind: 'exact', value: 'b' }] }] },
  'not header': { split, matches: [{ headers: [{ name: 'a', kind: 'exact', value: 'b', not: true }] }] },
  host: { split, matches: [{ hosts: ['x.localhost'] }] },
  weight: { split: [{ service: 'b', version: 'v1', weight: 8 }, ...split.slice(1)] },
  exact: { split, forward: { exact: true } },
  'rewritten path': { split, forward: { rewrite: { path: { kind: 'full', value: '/' } } } },
  'rewritten prefix': { split, forward: { rewrite: { path: { kind: 'prefix', value: '/' } } } },
  'rewritten host': { split, forward: { rewrite: { host: 'x' } } },
  'headers of a share': { split: [{ service: 'b', version: 'v1', weight: 9, requestHeaders: edits }, ...split.slice(1)] },
  'request headers': { split, requestHeaders: edits },
  'response headers': { split, responseHeaders: edits },
  redirect: { action: { kind: 'redirect', status: 301, scheme: 'https' } },
  'status of a redirect': { action: { kind: 'redirect', status: 302, scheme: 'https' } },
  respond: { action: { kind: 'respond', status: 200, body: '', contentType: 'text/plain' } },
  body: { action: { kind: 'respond', status: 200, body: 'x', contentType: 'text/plain' } },
  cors: { split, cors },
  'cors for all': { split, cors: { ...cors, allowOrigins: [{ kind: 'regex', value: '.*' }] } },
  mirror: { split, mirrors: [{ service: 'c', version: '', port: null, percent: 100 }] },
  'share of a mirror': { split, mirrors: [{ service: 'c', version: '', port: null, percent: 10 }] },
  fault: { split, faults: [delay] },
  'percent of a fault': { split, faults: [{ ...delay, percent: 10 }] },
  'first of a fault': { split, faults: [{ ...delay, first: 3 }] },
  'kind of a fault': { split, faults: [{ kind: 'reset', percent: 100 }] },
  timeout: { split, timeoutMs: 10 },
  'idle timeout': { split, idleTimeoutMs: 10 },
  'no retries': { split, retry: null },
  'rate limit': { split, rateLimits: [limit] },
  'burst of a rate limit': { split, rateLimits: [{ ...limit, burst: 2 }] },
};

describe('versions of rules', () => {
  test('configurations that differ in one field differ in their version; equal ones do not', () => {
    const versionOf = (rule: RouteShort, rest: MeshShort = {}): string => snapshot(compiled([rule], rest), 'a-1').version;
    const seen = new Map<string, string>();
    for (const [name, rule] of Object.entries(rules)) {
      const version = versionOf(rule);
      assert.equal(version, versionOf(rule), name);
      assert.equal(seen.get(version), undefined, `${name} and ${seen.get(version)}`);
      seen.set(version, name);
    }
    assert.ok(!seen.has(versionOf({ split }, { seed: 1 })));
    assert.notEqual(versionOf({ split }, { seed: 1 }), versionOf({ split }, { seed: 2 }));
  });

  test('a live fault changes the version, and its end brings the old one back', () => {
    const fault: LiveFault = { id: 'delay-1', service: 'b', route: null, fault: delay };
    const before = snapshot(compiled([{ split }]), 'a-1');
    const during = snapshot(compiled([{ split }], {}, [fault]), 'a-1');
    assert.notEqual(during.version, before.version);
    assert.notEqual(during.version, snapshot(compiled([{ split, faults: [delay] }]), 'a-1').version);
    assert.equal(snapshot(compiled([{ split }], {}, []), 'a-1').version, before.version);
  });

  test('a fault, mirror or share of nothing is not there', () => {
    const none = compiled([
      {
        split: [
          { service: 'b', version: 'v1' },
          { service: 'b', version: 'v2', weight: 0 },
        ],
        faults: [{ ...delay, percent: 0 }],
        mirrors: [{ service: 'c', version: '', port: null, percent: 0 }],
      },
    ]);
    assert.equal(
      snapshot(none, 'a-1').version,
      snapshot(compiled([{ split: [{ service: 'b', version: 'v1' }] }]), 'a-1').version,
    );
  });
});

describe('rules that ask who calls', () => {
  const routes: readonly RouteShort[] = [{ matches: [{ from: ['a'] }], split: [{ service: 'b', version: 'v2' }] }, { split }];
  const table = (of: Snapshot, name: string) => of.routeTables.find(item => item.name === name);

  test('differ between callers; everything else is shared', () => {
    const all = compiled(routes);
    const [a, b, c] = [snapshot(all, 'a-1'), snapshot(all, 'b-v1-1'), snapshot(all, 'c-1')];
    assert.equal(table(a, 'b:9080')?.virtualHosts[0]?.rules.length, 2);
    assert.equal(table(c, 'b:9080')?.virtualHosts[0]?.rules.length, 1);
    assert.equal(b.routeTables, c.routeTables, 'callers whom no rule names');
    assert.equal(table(a, 'c:9080'), table(c, 'c:9080'), 'a table without such rules');
    assert.equal(a.dns, c.dns);
  });

  test('a change of them leaves other callers as they are', () => {
    const other = [{ ...routes[0], timeoutMs: 10 }, ...routes.slice(1)];
    const [before, after] = [compiled(routes), compiled(other)];
    assert.notEqual(snapshot(after, 'a-1').version, snapshot(before, 'a-1').version);
    assert.equal(snapshot(after, 'c-1').version, snapshot(before, 'c-1').version);
  });
});

test('a port of unknown protocol whose requests are counted is taken for HTTP', () => {
  // With `\r\nGET / HTTP/1.1`, which no sniffer takes for HTTP and every server does, a caller went past the limit.
  const limit = { name: 'l', requests: 1, perMs: 1000, burst: 1, by: { kind: 'all' } } as const;
  const protocolOf = (more: { rateLimits?: readonly (typeof limit)[] }, protocol: 'auto' | 'tcp') => {
    const config = mesh({ services: { a: { ports: [{ port: 7777, protocol }], ...more } } });
    return snapshot(compile({ config, workloads, addresses: new Map() }).snapshots, 'a-1').inbound[0]?.protocol;
  };
  assert.equal(protocolOf({}, 'auto'), 'auto');
  assert.equal(protocolOf({ rateLimits: [limit] }, 'auto'), 'http');
  assert.equal(protocolOf({ rateLimits: [limit] }, 'tcp'), 'tcp');
});
