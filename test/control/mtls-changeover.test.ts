import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changedPorts, MtlsChangeover } from '../../src/control/mtls-changeover.ts';
import type { MtlsMode } from '../../src/snapshot/snapshot.ts';
import { eventually } from '../support/eventually.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';
import { mesh, type ServiceShort } from './mesh-builder.ts';

const one = (mtls: MtlsMode, more: ServiceShort = {}) => mesh({ services: { a: { ports: [80, 81], mtls, ...more } } });
const none = new Map();

test('callers change where a port comes to or from plaintext, and nowhere else', () => {
  const strictToDisabled = changedPorts(one('strict'), one('disabled'), none);
  assert.deepEqual(
    [...strictToDisabled.from],
    [
      ['a 80', 'mtls'],
      ['a 81', 'mtls'],
    ],
  );
  assert.deepEqual(
    [...strictToDisabled.to],
    [
      ['a 80', 'plain'],
      ['a 81', 'plain'],
    ],
  );
  assert.equal(changedPorts(one('strict'), one('permissive'), none).from.size, 0);
  assert.equal(changedPorts(one('permissive'), one('strict'), none).from.size, 0);
  const onePort = changedPorts(one('strict'), one('strict', { mtlsPorts: [{ port: 81, mode: 'disabled' }] }), none);
  assert.deepEqual([...onePort.to], [['a 81', 'plain']]);
});

test('ports and services that are new or gone have no callers to wait for', () => {
  assert.equal(changedPorts(one('strict', { ports: [82] }), one('disabled'), none).from.size, 0);
  assert.equal(changedPorts(mesh({ services: { b: {} } }), one('disabled'), none).from.size, 0);
});

/** What is published, step by step, each waiting to be settled. */
function steps() {
  const clock = manualClock();
  const published: [string, string][][] = [];
  const waiting: (() => void)[] = [];
  const changeover: MtlsChangeover = new MtlsChangeover({
    clock,
    publish: () => published.push([...changeover.current] as [string, string][]),
    settled: signal =>
      new Promise((resolve, reject) => {
        const done = (): void => resolve(null);
        waiting.push(done);
        signal.addEventListener('abort', () => {
          waiting.splice(waiting.indexOf(done), waiting.includes(done) ? 1 : 0);
          reject(signal.reason);
        });
      }),
  });
  const settle = async (): Promise<void> => {
    const next = await eventually(() => {
      const found = waiting.shift();
      assert.ok(found);
      return found;
    });
    next();
  };
  return { clock, changeover, published, settle, waiting };
}

/** Lets time go by until the last step is made. */
async function passed(clock: ManualClock, changeover: MtlsChangeover): Promise<void> {
  let over = false;
  void changeover.over.then(() => {
    over = true;
  });
  await eventually(() => {
    clock.advance(500);
    assert.ok(over);
  });
}

test('first the service takes both, then the callers change, then the mode is in force', async () => {
  const { changeover, clock, published, settle } = steps();
  changeover.begin(null, one('strict'));
  assert.equal(changeover.current.size, 0);
  changeover.begin(one('strict', { ports: [80] }), one('disabled', { ports: [80] }));
  assert.deepEqual([...changeover.current], [['a 80', 'mtls']]);
  await settle();
  await eventually(() => assert.deepEqual(published, [[['a 80', 'plain']]]));
  await settle();
  await passed(clock, changeover);
  assert.deepEqual(published, [[['a 80', 'plain']], []]);
});

test('an edit that takes the change back goes on from where it stood', async () => {
  const { changeover, clock, published, settle } = steps();
  const strict = one('strict', { ports: [80] });
  const disabled = one('disabled', { ports: [80] });
  changeover.begin(strict, disabled);
  await settle();
  await eventually(() => assert.equal(published.length, 1));
  const before = changeover.over;
  changeover.begin(disabled, strict);
  assert.deepEqual([...changeover.current], [['a 80', 'plain']], 'callers send plaintext already: it is taken on');
  await settle();
  await settle();
  await Promise.all([before, passed(clock, changeover)]);
  assert.deepEqual(published, [[['a 80', 'plain']], [['a 80', 'mtls']], []]);
});

test('a sidecar that hangs holds nobody up for long', async () => {
  const { changeover, clock, published, waiting } = steps();
  changeover.begin(one('disabled', { ports: [80] }), one('strict', { ports: [80] }));
  clock.advance(10_000);
  await eventually(() => assert.deepEqual([published.length, waiting.length], [1, 1]));
  await passed(clock, changeover);
  assert.deepEqual(published, [[['a 80', 'mtls']], []]);
});

test('closed, it stays where it is', async () => {
  const { changeover, published } = steps();
  changeover.begin(one('strict'), one('disabled'));
  changeover.close();
  await changeover.over;
  assert.deepEqual(published, []);
});
