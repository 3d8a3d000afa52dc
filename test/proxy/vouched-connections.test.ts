import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { createSvid, withRoots } from '../../src/identity/svid.ts';
import { VouchedConnections } from '../../src/proxy/tls/vouched-connections.ts';
import { WorkloadIdentity } from '../../src/proxy/tls/workload-identity.ts';
import { manualClock } from '../support/manual-clock.ts';
import { createTestCa, newKey } from '../support/test-ca.ts';

const id = 'spiffe://bookshop.local/ns/default/sa/a';

/** A connection that only knows whether it was cut. */
class Connection extends EventEmitter {
  destroyed = false;
  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

function setUp() {
  const clock = manualClock();
  const [old, next] = [createTestCa(0), createTestCa(0)];
  const identity = new WorkloadIdentity(clock);
  const vouched = new VouchedConnections(identity, clock);
  const of = (ca: typeof old, bundlePem: string) => {
    const key = newKey();
    return createSvid(key, ca.issue(key, id), bundlePem, id, 0);
  };
  identity.replace(of(old, old.bundlePem));
  const oldRoot = identity.svid?.root ?? '';
  const both = of(next, next.bundlePem + old.bundlePem);
  return { clock, identity, vouched, oldRoot, nextRoot: both.root, both, alone: withRoots(both, next.bundlePem) };
}

test('a connection ends when a root of either side is trusted no more: told at once, cut after a while', () => {
  const { clock, identity, vouched, oldRoot, nextRoot, both, alone } = setUp();
  const forsaken: string[] = [];
  const made = Object.entries({ peer: [oldRoot, nextRoot], own: [nextRoot, oldRoot], neither: [nextRoot, nextRoot] }).map(
    ([name, roots]) => {
      const connection = new Connection();
      vouched.add(connection, roots, () => forsaken.push(name));
      return connection;
    },
  );
  identity.replace(both);
  clock.advance(100_000);
  assert.deepEqual(forsaken, [], 'another certificate and another root beside the old one end nothing');
  identity.replace(alone);
  assert.deepEqual(forsaken, ['peer', 'own']);
  clock.advance(44_000);
  assert.deepEqual(
    made.map(connection => connection.destroyed),
    [false, false, false],
  );
  clock.advance(16_000);
  assert.deepEqual(
    made.map(connection => connection.destroyed),
    [true, true, false],
  );
  identity.replace(alone);
  assert.deepEqual(forsaken, ['peer', 'own'], 'once');
});

test('what has closed is forgotten; an expired certificate tells all and cuts none', () => {
  const { clock, identity, vouched, oldRoot, alone, both } = setUp();
  const forsaken: string[] = [];
  const [closed, open] = [new Connection(), new Connection()];
  vouched.add(closed, [oldRoot], () => forsaken.push('closed'));
  vouched.add(open, [oldRoot], () => forsaken.push('open'));
  closed.destroy();
  vouched.forsakeAll();
  clock.advance(100_000);
  assert.deepEqual(forsaken, ['open']);
  assert.equal(open.destroyed, false);
  identity.replace(both);
  identity.replace(alone);
  clock.advance(60_000);
  assert.equal(open.destroyed, true);
});
