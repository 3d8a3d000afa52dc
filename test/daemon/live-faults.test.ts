import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { FaultRequest } from '../../src/api/fault.ts';
import type { MeshEventBody } from '../../src/api/types.ts';
import type { LiveFault } from '../../src/control/live-fault.ts';
import { LiveFaults } from '../../src/daemon/live-faults.ts';
import { gatewayConfig, meshConfig, oneContainer } from '../runtime/configs.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';

const request: FaultRequest = {
  service: 'a',
  route: null,
  fault: { kind: 'delay', ms: 2000, jitterMs: 0, percent: 100 },
  forMs: null,
};

function faults(): { live: LiveFaults; applied: (readonly LiveFault[])[]; events: MeshEventBody[]; clock: ManualClock } {
  const clock = manualClock();
  const applied: (readonly LiveFault[])[] = [];
  const events: MeshEventBody[] = [];
  const database = oneContainer('db', 'db:1', 5432);
  const tcp = { ...database, ports: database.ports.map(each => ({ ...each, protocol: 'tcp' as const })) };
  const config = {
    ...meshConfig([oneContainer('a', 'a:1', 80), oneContainer('b', 'b:1', 80), tcp]),
    gateways: [gatewayConfig('web', 8080)],
  };
  const live = new LiveFaults({
    clock,
    config: () => config,
    apply: each => applied.push(each),
    settled: async () => {},
    emit: event => events.push(event),
  });
  return { live, applied, events, clock };
}

describe('live faults', () => {
  test('are in force from add to rm, and named by what they do', async () => {
    const { live, applied } = faults();
    const added = await live.add(request);
    assert.equal(added.id, 'delay-1');
    assert.deepEqual(applied.at(-1), [{ id: 'delay-1', service: 'a', route: null, fault: request.fault }]);
    await live.remove(['delay-1']);
    assert.deepEqual(applied.at(-1), []);
  });

  test('end by themselves when their time is over', async () => {
    const { live, applied, events, clock } = faults();
    await live.add({ ...request, forMs: 60_000 });
    clock.advance(59_000);
    assert.equal(live.statuses[0]?.remainingMs, 1000);
    clock.advance(1_000);
    assert.deepEqual(applied.at(-1), []);
    assert.deepEqual(live.statuses, []);
    assert.deepEqual(events.at(-1), { kind: 'fault', change: 'expired', text: 'delay-1: delay 2000 ms on a' });
  });

  test('answer with a status only where HTTP is spoken', async () => {
    const { live, applied } = faults();
    const fault = { kind: 'abort', status: 503, percent: 100 } as const;
    await assert.rejects(live.add({ ...request, service: 'db', fault }), { code: 'http-on-tcp' });
    assert.deepEqual(applied, []);
    await live.add({ ...request, service: 'db' });
  });

  test('need a service and a rule that exist', async () => {
    const { live, applied } = faults();
    await assert.rejects(live.add({ ...request, service: 'aa' }), { code: 'unknown-service', hint: 'did you mean `a`?' });
    await assert.rejects(live.add({ ...request, route: 'x' }), { code: 'unknown-route' });
    assert.deepEqual(applied, []);
  });

  test('of several names none goes when one is unknown', async () => {
    const { live } = faults();
    await live.add(request);
    await assert.rejects(live.remove(['delay-1', 'delay-9']), { code: 'unknown-fault', hint: 'one of delay-1' });
    assert.equal(live.statuses.length, 1);
    await live.remove('all');
    assert.equal(live.statuses.length, 0);
  });
});
