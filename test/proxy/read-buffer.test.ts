import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { bodyOf, exchangeRaw, get, startRaw } from './backend.ts';
import { clusterTo, outboundSnapshot, ruleTo, startPlane } from './data-plane-harness.ts';

const any = { path: null, methods: [], headers: [], query: [] };
const rules = [ruleTo('b', { matches: [{ ...any, path: { kind: 'prefix', value: '/b' } }] }), ruleTo('a')];
/** More than the kernel holds on the way. */
const largeBytes = 24 * 1024 * 1024;
const partBytes = 256 * 1024;

test('answers that wait for slow clients are not overwritten by what is read meanwhile', async () => {
  let sent = 0;
  const answer = (letter: string) => (socket: Socket) =>
    socket.once('data', () => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${largeBytes}\r\n\r\n`);
      const part = letter.repeat(partBytes);
      let left = largeBytes / partBytes;
      const more = (): void => {
        sent++;
        if (--left > 0) socket.write(part, more);
        else socket.end(part);
      };
      more();
    });
  await using a = await startRaw(answer('a'));
  await using b = await startRaw(answer('b'));
  await using plane = await startPlane('outbound', outboundSnapshot([clusterTo('a', [a.port]), clusterTo('b', [b.port])], rules));
  const clients = ['/a', '/b'].map(path => {
    const client = connect(plane.port, '127.0.0.1').pause();
    client.write(get(path));
    return client;
  });
  // Both answers fill the way to their clients before anybody reads on.
  let before = 0;
  await eventually(
    () => {
      const stalled = sent > 0 && sent === before;
      before = sent;
      assert.ok(stalled);
    },
    { everyMs: 100 },
  );
  const [gotA, gotB] = await Promise.all(clients.map(client => text(client)));
  assert.ok(bodyOf(gotA ?? '') === 'a'.repeat(largeBytes), 'the answer of a');
  assert.ok(bodyOf(gotB ?? '') === 'b'.repeat(largeBytes), 'the answer of b');
});

test('the first half of a head is not overwritten by what is read before the second half', async () => {
  const halves: Socket[] = [];
  await using a = await startRaw(socket =>
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Le');
      halves.push(socket);
    }),
  );
  await using b = await startRaw(socket =>
    socket.once('data', () => socket.end(`HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n${'b'.repeat(100)}`)),
  );
  await using plane = await startPlane('outbound', outboundSnapshot([clusterTo('a', [a.port]), clusterTo('b', [b.port])], rules));
  const waiting = exchangeRaw(plane.port, get('/a'));
  await eventually(() => assert.equal(halves.length, 1));
  assert.equal(bodyOf(await exchangeRaw(plane.port, get('/b'))), 'b'.repeat(100));
  halves[0]?.end('ngth: 3\r\n\r\nyes');
  assert.equal(bodyOf(await waiting), 'yes');
});
