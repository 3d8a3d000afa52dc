/** What a sidecar says of its policies: through a whole data plane, with real replicas that fail. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OutlierPolicy } from '../../../src/snapshot/cluster-policy.ts';
import { nothingObserved, type PolicyReport } from '../../../src/snapshot/observation.ts';
import { type Mesh, type Replica, startMesh } from '../policy-mesh.ts';

const outliers: OutlierPolicy = {
  consecutive5xx: 3,
  consecutiveGatewayErrors: 0,
  consecutiveLocalErrors: 0,
  intervalMs: 10_000,
  baseEjectionMs: 30_000,
  maxEjectionPercent: 50,
  minHealthPercent: 0,
};

/** What is told from now on; `takes`: whether the channel takes it. */
function listen({ caller }: Mesh, takes: () => boolean = () => true): PolicyReport[] {
  const told: PolicyReport[] = [];
  caller.plane.observe({ ...nothingObserved, signals: true }, message => {
    if (message.kind !== 'policies') return true;
    if (!takes()) return false;
    told.push(message);
    return true;
  });
  return told;
}

test('an endpoint that is left out is told once, and once more when it is back', async () => {
  await using stack = new AsyncDisposableStack();
  const mesh = await startMesh(2, { outliers }, stack);
  const [bad] = mesh.replicas as [Replica];
  const told = listen(mesh);
  bad.status = 500;
  await mesh.ask(6);
  mesh.clock.advance(1_000);
  assert.deepEqual(told, [{ kind: 'policies', endpoints: [change(told, 'ejected')], overflows: [] }]);
  mesh.clock.advance(5_000);
  assert.equal(told.length, 1);
  mesh.clock.advance(35_000);
  assert.deepEqual(
    told.slice(1).map(({ endpoints }) => endpoints),
    [[change(told, 'healthy')]],
  );
});

test('who begins to listen hears of what is left out already; what was not taken is told again', async () => {
  await using stack = new AsyncDisposableStack();
  const mesh = await startMesh(2, { outliers }, stack);
  const [bad] = mesh.replicas as [Replica];
  bad.status = 500;
  await mesh.ask(6);
  let isOpen = false;
  const told = listen(mesh, () => isOpen);
  mesh.clock.advance(1_000);
  assert.equal(told.length, 0);
  isOpen = true;
  mesh.clock.advance(1_000);
  assert.equal(told[0]?.endpoints[0]?.health, 'ejected');
  const again = listen(mesh);
  mesh.clock.advance(1_000);
  assert.equal(again[0]?.endpoints[0]?.health, 'ejected');
  // Nobody listens any more.
  mesh.caller.plane.observe(nothingObserved, () => assert.fail('it is told'));
  mesh.clock.advance(60_000);
});

test('what a circuit breaker refuses is counted, from the moment on that somebody listens', async () => {
  await using stack = new AsyncDisposableStack();
  const mesh = await startMesh(1, { limits: { maxRequests: 0 } }, stack);
  await mesh.ask(2);
  const told = listen(mesh);
  mesh.clock.advance(1_000);
  assert.equal(told.length, 0);
  await mesh.ask(3);
  mesh.clock.advance(1_000);
  mesh.clock.advance(1_000);
  assert.deepEqual(told, [{ kind: 'policies', endpoints: [], overflows: [{ service: 'app', refused: 3 }] }]);
});

function change(told: readonly PolicyReport[], health: string): object {
  const endpoint = told[0]?.endpoints[0]?.endpoint ?? '';
  assert.notEqual(endpoint, '');
  return { service: 'app', endpoint, health };
}
