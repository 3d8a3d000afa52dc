import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SeenContainer, SeenPod } from '../../src/runtime/observe.ts';
import type { Observed, ReconcileOptions } from '../../src/runtime/reconcile.ts';
import { containerConfig, gatewayConfig, meshConfig, oneContainer, serviceConfig, versionConfig } from './configs.ts';
import { planFor, podsFor, running, settled } from './desired-and-seen.ts';
import { printPlan } from './plan-text.ts';

const nothing: Observed = { pods: [], images: new Map(), networks: new Set(), volumes: new Set() };
const shop = meshConfig(
  [
    oneContainer('redis', 'redis:7', 6379),
    serviceConfig(
      'reviews',
      [versionConfig('v1', containerConfig('reviews:1'), { replicas: 2 }), versionConfig('v3', containerConfig('reviews:3'))],
      9080,
    ),
  ],
  {
    gateways: [gatewayConfig('web', 8080)],
    volumes: [{ name: 'data', engineName: 'shop_data', external: false, driver: null, driverOpts: {} }],
  },
);

describe('a plan', () => {
  it('makes everything where nothing is', () => {
    assert.equal(
      printPlan(planFor(shop, nothing)),
      [
        'make image pause:1        (not there yet)',
        'make image sidecar:1      (not there yet)',
        'pull image redis:7        (not there yet)',
        'pull image reviews:1      (not there yet)',
        'pull image reviews:3      (not there yet)',
        'create network shop_mesh  (new)',
        'create volume shop_data   (new)',
        'create pod redis-1        (new)',
        'create pod reviews-v1-1   (new)',
        'create pod reviews-v1-2   (new)',
        'create pod reviews-v3-1   (new)',
        'create pod web-1          (new)',
        '',
      ].join('\n'),
    );
  });

  it('is empty where all runs as wanted', () => {
    assert.equal(printPlan(planFor(shop, settled(shop))), 'shop: nothing to do\n');
  });

  it('touches no pod for a change of routes', () => {
    const [redis, reviews] = shop.services;
    assert.ok(redis !== undefined && reviews !== undefined);
    const rule = {
      name: 'all',
      matches: [],
      action: { kind: 'forward' as const, split: [{ service: 'reviews', version: 'v3', port: null, weight: 100 }] },
      timeoutMs: 500,
      retry: null,
    };
    const changed = { ...shop, services: [redis, { ...reviews, mtls: 'permissive' as const, routes: [rule] }] };
    assert.deepEqual(planFor(changed, settled(shop)).operations, []);
  });

  it('removes what is no longer configured', () => {
    const fewer = { ...shop, services: shop.services.slice(0, 1) };
    assert.deepEqual(
      planFor(fewer, settled(shop)).operations.map(one => `${one.kind} ${one.target}: ${one.cause}`),
      ['reviews-v1-1', 'reviews-v1-2', 'reviews-v3-1'].map(pod => `remove-pod ${pod}: no longer configured`),
    );
  });

  it('says why a pod is recreated', () => {
    const causes = (image: string, more: object) => {
      const changed = meshConfig([oneContainer('a', image, 80, more)]);
      const before = meshConfig([oneContainer('a', 'a:1', 80)]);
      const observed = { ...settled(before), images: new Map([...settled(before).images, ...settled(changed).images]) };
      return planFor(changed, observed).operations.map(one => `${one.kind} ${one.cause}`);
    };
    assert.deepEqual(causes('a:2', {}), ['recreate-pod image changed']);
    assert.deepEqual(causes('a:1', { environment: { X: '1' } }), ['recreate-pod configuration changed']);
    assert.deepEqual(causes('a:1', { labels: { x: '1' } }), ['recreate-pod configuration changed']);
    assert.deepEqual(causes('a:1', { publish: [{ hostAddress: '127.0.0.1', hostPort: 1, containerPort: 1, protocol: 'tcp' }] }), [
      'recreate-pod network settings changed',
    ]);
    assert.deepEqual(causes('a:1', {}), []);
  });

  it('recreates pods whose sidecar trusts another mesh, once that is known', () => {
    const environmentHash = () => 'other';
    assert.deepEqual(
      new Set(planFor(shop, settled(shop), { environmentHash }).operations.map(one => one.cause)),
      new Set(['identity changed']),
    );
  });

  it('recreates the pods of a service whose account changed, and no others', () => {
    const environmentHash = ({ facts }: { readonly facts: { readonly account: string } }) =>
      facts.account === 'bookinfo' ? 'other' : 'e';
    const [first, ...rest] = shop.services;
    assert.ok(first);
    const changed = { ...shop, services: [{ ...first, account: 'bookinfo' }, ...rest] };
    const seen = settled(shop);
    const before = {
      ...seen,
      pods: seen.pods.map(pod => ({ ...pod, sidecar: pod.sidecar && { ...pod.sidecar, environmentHash: 'e' } })),
    };
    const { operations } = planFor(changed, before, { environmentHash });
    assert.ok(operations.length > 0);
    for (const { kind, target, cause } of operations) {
      assert.deepEqual([kind, cause], ['recreate-pod', 'identity changed']);
      assert.ok(target.startsWith(`${first.name}-`), target);
    }
  });

  it('counts a moved tag only when a user asks', () => {
    const config = meshConfig([oneContainer('a', 'a:1', 80)]);
    const moved = { ...settled(config), images: new Map([...settled(config).images, ['a:1', 'another id']]) };
    assert.deepEqual(planFor(config, moved).operations, []);
    assert.deepEqual(planFor(config, moved, { initial: true }).operations, [
      { kind: 'recreate-pod', target: 'a-1', cause: 'image changed' },
    ]);
  });

  it('builds what has no image yet, and all that has a build when asked', () => {
    const build = { context: '/shop/a', dockerfile: 'Dockerfile', args: {}, target: null, labels: {} };
    const config = meshConfig([oneContainer('a', 'a:1', 80, { build })]);
    assert.deepEqual(
      planFor(config, {
        ...settled(config),
        images: new Map([
          ['pause:1', 'x'],
          ['sidecar:1', 'x'],
        ]),
        pods: [],
      }).operations.slice(0, 1),
      [{ kind: 'build-image', target: 'a:1', cause: 'not there yet' }],
    );
    assert.deepEqual(
      planFor(config, settled(config), { build: true }).operations.map(one => one.kind),
      ['build-image', 'recreate-pod'],
    );
  });

  it('pulls `always` images only when a user asks', () => {
    const config = meshConfig([oneContainer('a', 'a:1', 80, { pullPolicy: 'always' })]);
    assert.deepEqual(planFor(config, settled(config)).operations, []);
    assert.deepEqual(planFor(config, settled(config), { initial: true }).operations[0]?.kind, 'pull-image');
  });
});

describe('what happened to a pod and what is done about it', () => {
  const exited = { state: 'exited', exitCode: 137 } as const;
  type Break = (pod: SeenPod) => Partial<SeenPod>;
  const set =
    (role: 'pause' | 'sidecar' | 'app', change: Partial<SeenContainer>): Break =>
    pod => ({ [role]: { ...(pod[role] as SeenContainer), ...change } });
  const both =
    (...breaks: readonly Break[]): Break =>
    pod =>
      Object.assign({}, ...breaks.map(one => one(pod))) as Partial<SeenPod>;
  const gone =
    (role: string): Break =>
    () => ({ [role]: null });
  const ended = { state: 'exited', exitCode: 0 } as const;
  const table: readonly (readonly [what: string, port: number | null, how: Break, initial: boolean, then: string])[] = [
    ['the sidecar died', 80, set('sidecar', exited), false, 'repair-pod (sidecar stopped)'],
    ['the engine restarts the sidecar already', 80, set('sidecar', { state: 'restarting' }), false, ''],
    ['the sidecar was removed', 80, gone('sidecar'), false, 'repair-pod (sidecar is missing)'],
    ['the pause container died', 80, set('pause', exited), false, 'repair-pod (its network container stopped)'],
    [
      'the pause container restarted',
      80,
      set('pause', { startedAt: '2026-01-01T00:00:04.25Z' }),
      false,
      'repair-pod (its network container restarted)',
    ],
    [
      'the pause container started a moment before the sidecar',
      80,
      set('pause', { startedAt: '2026-01-01T00:00:02.49Z' }),
      false,
      '',
    ],
    [
      'the sidecar joined the new network, the app did not',
      80,
      both(set('pause', { startedAt: '2026-01-01T00:00:04Z' }), set('sidecar', { startedAt: '2026-01-01T00:00:05Z' })),
      false,
      'repair-pod (its network container restarted)',
    ],
    ['the pause container was removed', 80, gone('pause'), false, 'recreate-pod (its network container is gone)'],
    ['the app was removed', 80, gone('app'), false, 'repair-pod (app container is missing)'],
    ['the app crashed', 80, set('app', exited), false, ''],
    ['the app crashed and the user says up', 80, set('app', exited), true, 'start-pod (ended)'],
    ['all was stopped', 80, both(set('app', exited), set('sidecar', exited), set('pause', exited)), false, 'start-pod (stopped)'],
    [
      'an interrupted start',
      80,
      both(set('app', { state: 'created' }), set('sidecar', { state: 'created' })),
      false,
      'start-pod (was not started)',
    ],
    ['a job ended', null, set('app', ended), false, 'stop-pod (ended with exit code 0)'],
    ['a job ended and its pod was stopped', null, both(set('app', ended), set('sidecar', ended), set('pause', ended)), false, ''],
    [
      'a job ended and the user says up',
      null,
      both(set('app', ended), set('sidecar', ended), set('pause', ended)),
      true,
      'start-pod (ended)',
    ],
  ];
  for (const [what, port, how, initial, then] of table) {
    it(`${what}: ${then === '' ? 'nothing' : then}`, () => {
      const config = meshConfig([oneContainer('a', 'a:1', port)]);
      const [pod] = podsFor(config).map(running);
      assert.ok(pod !== undefined);
      const options: Partial<ReconcileOptions> = { initial };
      const { operations } = planFor(config, settled(config, [{ ...pod, ...how(pod) }]), options);
      assert.equal(operations.map(one => `${one.kind} (${one.cause})`).join('; '), then);
    });
  }
});
