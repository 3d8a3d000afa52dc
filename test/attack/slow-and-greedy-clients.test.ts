/** Clients that hold resources by being slow, and ones that send as much as they can. */
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { exchangeRaw, get, startHttp, startRaw, statusOf } from '../proxy/backend.ts';
import { clusterTo, inboundSnapshot, outboundSnapshot, ruleTo, startPlane } from '../proxy/data-plane-harness.ts';
import { eventually } from '../support/eventually.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';

interface Client {
  readonly socket: Socket;
  readonly got: () => string;
  readonly closed: () => boolean;
}

function dial(port: number, text: string): Client {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  let got = '';
  let closed = false;
  socket.setEncoding('latin1').on('data', part => {
    got += part;
  });
  socket.on('error', () => {});
  const ended = (): void => {
    closed = true;
    socket.destroy();
  };
  socket.on('end', ended).on('close', ended);
  socket.write(text);
  return { socket, got: () => got, closed: () => closed };
}

/** Lets seconds pass until the client is hung up on; how many it took. */
async function secondsUntilClosed(client: Client, clock: ManualClock, drip = ''): Promise<number> {
  let seconds = 0;
  await eventually(
    () => {
      if (drip !== '' && client.socket.writable) client.socket.write(drip);
      if (!client.closed()) {
        clock.advance(1000);
        seconds++;
      }
      assert.ok(client.closed());
    },
    { everyMs: 3 },
  );
  return seconds;
}

describe('slow clients are hung up on', () => {
  const cases: readonly (readonly [name: string, sent: string, drip: string, status: number, least: number])[] = [
    ['that never send a byte', '', '', 0, 60],
    ['that drip a head', 'GET / HTTP/1.1\r\n', 'X: y\r\n', 408, 10],
    ['that stall in a body', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nx', '', 408, 60],
    ['that drip a body', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nx', 'x', 408, 60],
  ];
  for (const [name, sent, drip, status, least] of cases) {
    test(name, async () => {
      const clock = manualClock();
      await using app = await startRaw(socket => socket.resume());
      await using plane = await startPlane('inbound', inboundSnapshot(app.port), { localPort: app.port, clock });
      const client = dial(plane.port, sent);
      const seconds = await secondsUntilClosed(client, clock, drip);
      assert.equal(statusOf(client.got()), status);
      assert.ok(seconds >= least, `${seconds} s`);
      assert.deepEqual(plane.bugs, []);
    });
  }

  test('that stay idle after an answer', async () => {
    const clock = manualClock();
    await using app = await startHttp((_, res) => res.end('ok'));
    await using plane = await startPlane('inbound', inboundSnapshot(app.port), { localPort: app.port, clock });
    const client = dial(plane.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await eventually(() => assert.match(client.got(), /ok$/));
    const seconds = await secondsUntilClosed(client, clock);
    assert.ok(seconds >= 75 && seconds < 90, `${seconds} s`);
  });
});

describe('greedy clients', () => {
  test('thousands of pipelined requests with local answers do not exhaust the stack', async () => {
    await using plane = await startPlane('outbound', outboundSnapshot([], []));
    const answers = await exchangeRaw(plane.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(20_000) + get('/'));
    // On a slow machine that is an overload, and part of it is turned away.
    assert.equal(answers.split(/HTTP\/1\.1 (?:404|503)/).length - 1, 20_001);
    assert.deepEqual(
      plane.bugs.filter(line => !line.includes('overload')),
      [],
    );
  });

  test('more fields or bytes than a head may have are refused', async () => {
    await using plane = await startPlane('outbound', outboundSnapshot([], []));
    const many = Array.from({ length: 300 }, (_, i) => `X-${i}: v`);
    assert.equal(statusOf(await exchangeRaw(plane.port, get('/', ...many))), 431);
    assert.equal(statusOf(await exchangeRaw(plane.port, get('/', `X: ${'a'.repeat(70_000)}`))), 431);
    assert.equal(statusOf(await exchangeRaw(plane.port, `GET /${'a'.repeat(70_000)}`)), 431);
  });

  test('a request refused before its body was read cannot smuggle another one in that body', async () => {
    await using app = await startHttp((req, res) => res.end(req.url));
    const rule = ruleTo('a', { matches: [{ path: { kind: 'exact', value: '/ok' }, methods: [], headers: [], query: [] }] });
    await using plane = await startPlane('outbound', outboundSnapshot([clusterTo('a', [app.port])], [rule]));
    const inner = 'GET /ok HTTP/1.1\r\nHost: a\r\n\r\n';
    const answers = await exchangeRaw(
      plane.port,
      `POST /no HTTP/1.1\r\nHost: a\r\nContent-Length: ${inner.length}\r\n\r\n${inner}`,
    );
    assert.equal(answers.split('HTTP/1.1').length - 1, 1);
    assert.equal(statusOf(answers), 404);
  });

  test('what a client sends cannot put control characters into the log', async () => {
    await using app = await startHttp((_, res) => res.end());
    for (const accessLog of ['text', 'json'] as const) {
      await using plane = await startPlane(
        'outbound',
        outboundSnapshot([clusterTo('a', [app.port])], [ruleTo('a')], { accessLog }),
      );
      await exchangeRaw(plane.port, get('/?"', 'User-Agent: a\x9b31m"\\'));
      const line = plane.accessLog.join('');
      assert.ok(line.includes('\\u009b31m'), line);
      assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f]/);
    }
  });
});
