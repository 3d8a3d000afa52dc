/** Clients of the edges that never finish saying hello, or say something else. */
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { createRandom } from '../../src/async/random.ts';
import type { Snapshot } from '../../src/snapshot/snapshot.ts';
import { clusterTo, emptySnapshot, type Harness, startPlane } from '../proxy/data-plane-harness.ts';
import { eventually } from '../support/eventually.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';

const split = [{ cluster: 'app', weight: 1 }];
const gateway: Snapshot = {
  ...emptySnapshot,
  kind: 'gateway',
  clusters: [clusterTo('app', [1])],
  gateway: [{ name: 'web', port: 80, protocol: 'tls', routeTable: '', tcp: [], sni: [{ hosts: ['a.corp'], split }] }],
};
const shut: Snapshot = { ...emptySnapshot, egress: 'registry-only' };

function dial(plane: Harness, bytes: Buffer | string): Socket {
  const socket = connect(plane.port, '127.0.0.1');
  socket.on('error', () => {});
  if (bytes.length > 0) socket.write(bytes);
  return socket;
}

/** Lets seconds pass until the client is hung up on; how many it took. */
async function secondsUntilClosed(socket: Socket, clock: ManualClock): Promise<number> {
  let seconds = 0;
  await eventually(
    () => {
      if (!socket.destroyed) {
        clock.advance(1000);
        seconds++;
      }
      assert.ok(socket.destroyed);
    },
    { everyMs: 5 },
  );
  return seconds;
}

/** The beginning of a hello of 500 bytes. */
const begun = Buffer.from([22, 3, 1, 1, 0xf4, 1, 0, 1, 0xf0, 3, 3]);

describe('who does not finish is hung up on in time', () => {
  const cases: readonly [string, 'gateway' | 'outbound', Snapshot, Buffer | string][] = [
    ['a hello that stalls at a gateway', 'gateway', gateway, begun],
    ['nothing at all at a gateway', 'gateway', gateway, ''],
    ['nothing at all towards an unknown address that is closed', 'outbound', shut, ''],
    ['half a method towards an unknown address that is closed', 'outbound', shut, 'GE'],
  ];
  for (const [what, kind, snapshot, bytes] of cases) {
    test(what, async () => {
      const clock = manualClock();
      await using plane = await startPlane(kind, snapshot, { clock });
      const seconds = await secondsUntilClosed(dial(plane, bytes), clock);
      assert.ok(seconds >= 5 && seconds <= 60, `${seconds} s`);
      assert.deepEqual(
        plane.bugs.filter(line => line.includes('bug')),
        [],
      );
    });
  }
});

test('noise of every kind at the edges is cut, and breaks nothing', async () => {
  const random = createRandom(3);
  await using edge = await startPlane('gateway', gateway);
  await using egress = await startPlane('outbound', shut);
  const sockets: Socket[] = [];
  for (let round = 0; round < 300; round++) {
    const noise = Buffer.from(Array.from({ length: 1 + Math.floor(random.next() * 300) }, () => Math.floor(random.next() * 256)));
    if (round % 3 === 0) begun.copy(noise);
    sockets.push(dial(round % 2 === 0 ? edge : egress, noise));
    // What is left unfinished ends as well.
    sockets.at(-1)?.end();
  }
  await eventually(() => assert.ok(sockets.every(socket => socket.destroyed)));
  assert.deepEqual(
    [...edge.bugs, ...egress.bugs].filter(line => line.includes('"level":"error"')),
    [],
  );
});
