/** Authorizers that are dead, broken or hostile. */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { describe, test } from 'node:test';
import { createRandom } from '../../../src/async/random.ts';
import { bodyOf, exchangeRaw, get, headerOf, startHttp, startRaw, statusOf } from '../backend.ts';
import { freePort } from '../data-plane-harness.ts';
import { lastEntry, startStage } from './authorizer-plane.ts';

describe('no answer', () => {
  const raw = (text: string) => (socket: Socket) => void socket.once('data', () => socket.write(text, 'latin1'));
  const ways: Readonly<Record<string, (socket: Socket) => void>> = {
    'never a byte': () => {},
    'a 500': raw('HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n'),
    garbage: raw('\0\x01\x02 what\r\n\r\n'),
    'a head without end': socket => void socket.once('data', () => socket.write(`HTTP/1.1 200 OK\r\n${'x-a: b\r\n'.repeat(50)}`)),
    'a head that is too large': raw(`HTTP/1.1 200 OK\r\n${`x-a: ${'b'.repeat(1000)}\r\n`.repeat(200)}\r\n`),
    'nothing but 1xx': socket => void socket.once('data', () => socket.write('HTTP/1.1 102 Processing\r\n\r\n'.repeat(100))),
    'a switch of protocols': raw('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'),
    'a header with a bare CR': raw('HTTP/1.1 200 OK\r\nx-user: a\rx-admin: 1\r\nContent-Length: 0\r\n\r\n'),
    'two lengths': raw('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n'),
    'the end at once': socket => void socket.once('data', () => socket.end()),
    'a reset': socket => void socket.once('data', () => socket.resetAndDestroy()),
    'the refusal of a sidecar on the way': raw(
      'HTTP/1.1 403 Forbidden\r\nx-mesh-reason: rbac_access_denied\r\nContent-Length: 0\r\n\r\n',
    ),
  };
  for (const [what, serve] of Object.entries(ways)) {
    test(`${what}: refused, or let through where it is to fail open`, async () => {
      await using opa = await startRaw(serve);
      await using stage = await startStage([opa.port], { timeoutMs: 300, addsToRequest: ['x-user'] });
      const answer = await exchangeRaw(stage.plane.port, get('/'));
      assert.equal(statusOf(answer), 403);
      assert.equal(headerOf(answer, 'x-mesh-reason'), 'ext_authz_error');
      const { response_flags: flags, response_code_details: details } = lastEntry(stage.plane);
      assert.deepEqual([flags, details], ['UAEX', 'ext_authz_error']);
      assert.equal(stage.calls.length, 0);
      assert.equal(stage.plane.bugs.length, 1, stage.plane.bugs.join());
      assert.match(stage.plane.bugs[0] ?? '', /an authorizer gave no answer/);

      stage.apply({ timeoutMs: 300, failOpen: true, addsToRequest: ['x-user'] });
      assert.equal(statusOf(await exchangeRaw(stage.plane.port, get('/', 'x-user: mallory'))), 200);
      assert.equal(stage.calls[0]?.headers['x-user'], undefined);
      const results = /result="(\w+)"\} 1/g;
      assert.deepEqual(
        [...stage.plane.plane.metrics().matchAll(results)]
          .map(([, result]) => result)
          .filter(result => /open|error/.test(result ?? '')),
        ['error', 'failed_open'],
      );
      const { clusters } = stage.plane.plane;
      const opaNow = clusters.call(stage.plane.plane).find(({ name }) => name === 'opa');
      assert.deepEqual([opaNow?.requests, opaNow?.endpoints[0]?.active], [0, 0]);
    });
  }

  test('nobody listens, no endpoint, no such cluster, no such authorizer: refused with the status for that', async () => {
    const dead = await freePort();
    for (const [ports, more] of [
      [[dead], {}],
      [[], {}],
      [[dead], { cluster: 'gone' }],
    ] as const) {
      await using stage = await startStage(ports, { statusOnError: 503, ...more });
      assert.equal(statusOf(await exchangeRaw(stage.plane.port, get('/'))), 503);
    }
    await using stage = await startStage([dead], { name: 'other', failOpen: true });
    assert.equal(statusOf(await exchangeRaw(stage.plane.port, get('/'))), 403);
  });

  test('a kept connection that has gone stale is no failure, and of two replicas one may be down', async () => {
    let asked = 0;
    await using opa = await startRaw((socket, nth) =>
      socket.on('data', () => {
        // The second question on the first connection meets its end.
        if (nth === 1 && ++asked === 2) socket.destroy();
        else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
      }),
    );
    await using stage = await startStage([opa.port]);
    for (let i = 0; i < 3; i++) assert.equal(statusOf(await exchangeRaw(stage.plane.port, get('/'))), 200);
    assert.equal(opa.connections(), 2);
    await using pair = await startStage([await freePort(), opa.port]);
    for (let i = 0; i < 6; i++) assert.equal(statusOf(await exchangeRaw(pair.plane.port, get('/'))), 200);
  });

  test('a refusal stays one when its body never ends, or is lost', async () => {
    for (const end of [() => {}, (socket: Socket) => socket.destroy()]) {
      await using opa = await startRaw(
        socket =>
          void socket.once('data', () => socket.write('HTTP/1.1 401 No\r\nContent-Length: 100\r\n\r\nhalf', () => end(socket))),
      );
      await using stage = await startStage([opa.port], { timeoutMs: 300, failOpen: true });
      const answer = await exchangeRaw(stage.plane.port, get('/'));
      assert.deepEqual([statusOf(answer), bodyOf(answer).startsWith('half') || bodyOf(answer) === ''], [401, true]);
      assert.equal(stage.calls.length, 0);
    }
  });

  test('a body without bounds is cut', async () => {
    await using opa = await startHttp((_req, res) => void res.writeHead(403).end(Buffer.alloc(8 * 1024 * 1024, 120)));
    await using stage = await startStage([opa.port]);
    const answer = await exchangeRaw(stage.plane.port, get('/'));
    assert.deepEqual([statusOf(answer), bodyOf(answer).length], [403, 64 * 1024]);
    await using generous = await startHttp((_req, res) => void res.end(Buffer.alloc(8 * 1024 * 1024, 120)));
    await using other = await startStage([generous.port]);
    assert.equal(statusOf(await exchangeRaw(other.plane.port, get('/'))), 200);
  });
});

test('whatever an authorizer says in bytes, only a proper 200 lets a request through', async () => {
  const random = createRandom(20);
  const some = (count: number): number => Math.floor(random.next() * count);
  const parts = [
    'HTTP/1.1 200 OK',
    'HTTP/1.1 403 No',
    'HTTP/1.1 2000',
    'HTTP/1.0 200',
    '\r\n',
    '\r\n\r\n',
    '\n',
    ': ',
    'x-user: a',
    'Content-Length: 0',
    '\0',
    ' ',
  ];
  let sent = '';
  await using opa = await startRaw(socket => void socket.once('data', () => socket.end(sent, 'latin1')));
  await using stage = await startStage([opa.port], { timeoutMs: 500, addsToRequest: ['x-user'] });
  for (let i = 0; i < 150; i++) {
    sent = Array.from({ length: 1 + some(8) }, () => parts[some(parts.length)]).join('');
    const status = statusOf(await exchangeRaw(stage.plane.port, get('/')));
    const proper = /^HTTP\/1\.[01] 200( OK)?[\t -~]*\r\n/.test(sent);
    assert.ok(status === 200 ? proper : status >= 400, JSON.stringify([sent, status]));
  }
  assert.deepEqual(
    stage.plane.bugs.filter(line => !line.includes('gave no answer')),
    [],
  );
});
