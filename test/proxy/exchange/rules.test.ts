/** What a rule makes the exchange do besides forwarding: waiting, cutting, throttling, copying, timing out. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import type { Fault, RouteRule } from '../../../src/snapshot/route-rule.ts';
import { eventually } from '../../support/eventually.ts';
import { bodyOf, exchangeRaw, get, headerOf, startHttp, startRaw, statusOf } from '../backend.ts';
import { clusterTo, freePort, type Harness, outboundSnapshot, ruleTo, startPlane } from '../data-plane-harness.ts';

type Line = Readonly<Record<string, unknown>>;

/** A plane whose only rule leads to a server on `port`. */
function planeTo(port: number, rule: Partial<RouteRule>, others: readonly [string, number][] = []): Promise<Harness> {
  const clusters = [clusterTo('a', [port]), ...others.map(([name, at]) => clusterTo(name, [at]))];
  return startPlane('outbound', outboundSnapshot(clusters, [ruleTo('a', rule)], { accessLog: 'json' }));
}

const lastLine = (plane: Harness): Promise<Line> =>
  eventually(() => {
    const line = plane.accessLog.at(-1);
    assert.ok(line !== undefined);
    return JSON.parse(line) as Line;
  });

const flagsOf = (line: Line): unknown[] => [line['response_code'], line['response_flags'], line['response_code_details']];
const always = (fault: Fault): Partial<RouteRule> => ({ faults: [fault] });
const post = (body: string, ...lines: string[]): string =>
  `POST / HTTP/1.1\r\nHost: any\r\nConnection: close\r\nContent-Length: ${body.length}\r\n${lines.map(l => `${l}\r\n`).join('')}\r\n${body}`;
const grpc = 'Content-Type: application/grpc';

describe('faults', () => {
  test('a delayed request is sent whole afterwards and flagged DI', async () => {
    await using app = await startHttp((req, res) => req.pipe(res));
    await using plane = await planeTo(app.port, always({ percent: 100, kind: 'delay', ms: 20, jitterMs: 0 }));
    assert.equal(bodyOf(await exchangeRaw(plane.port, post('hello'))).includes('hello'), true);
    assert.deepEqual(flagsOf(await lastLine(plane)), [200, 'DI', 'via_upstream']);
  });

  test('a client that leaves during a delay is logged once and nothing is sent', async () => {
    await using app = await startHttp((_, res) => res.end());
    await using plane = await planeTo(app.port, always({ percent: 100, kind: 'delay', ms: 60_000, jitterMs: 0 }));
    const client = connect(plane.port, '127.0.0.1');
    client.write(get('/'));
    await once(client, 'connect');
    client.resetAndDestroy();
    assert.deepEqual(flagsOf(await lastLine(plane)).slice(0, 2), [0, 'DC']);
    assert.equal(app.connections(), 0);
  });

  test('an abort is an answer of the sidecar, to gRPC in its own words', async () => {
    await using plane = await planeTo(await freePort(), always({ percent: 100, kind: 'abort', status: 503 }));
    const answer = await exchangeRaw(plane.port, get('/'));
    assert.deepEqual([statusOf(answer), bodyOf(answer)], [503, 'fault filter abort']);
    assert.deepEqual(flagsOf(await lastLine(plane)), [503, 'FI', 'fault_filter_abort']);
    const toGrpc = await exchangeRaw(plane.port, post('', grpc));
    assert.deepEqual(
      [statusOf(toGrpc), headerOf(toGrpc, 'grpc-status'), headerOf(toGrpc, 'grpc-message'), headerOf(toGrpc, 'content-type')],
      [200, '14', 'fault filter abort', 'application/grpc'],
    );
  });

  test('a reset cuts the connection, a black hole keeps it waiting; both are flagged FI', async () => {
    await using cutting = await planeTo(await freePort(), always({ percent: 100, kind: 'reset' }));
    const cut = connect(cutting.port, '127.0.0.1');
    cut.write(get('/'));
    const [error] = await once(cut, 'error').catch(reason => [reason]);
    assert.equal(error.code, 'ECONNRESET');
    assert.deepEqual(flagsOf(await lastLine(cutting)).slice(0, 2), [0, 'FI']);

    await using silent = await planeTo(await freePort(), always({ percent: 100, kind: 'blackhole' }));
    const waiting = connect(silent.port, '127.0.0.1');
    waiting.write(post('x'.repeat(200_000)));
    await once(waiting, 'drain');
    assert.equal(silent.accessLog.length, 0);
    waiting.destroy();
    assert.deepEqual(flagsOf(await lastLine(silent)).slice(0, 2), [0, 'FI']);
  });

  test('a throttled answer comes whole, one cut short stays cut short', async () => {
    const body = 'abcdefghij'.repeat(20_000);
    await using app = await startHttp((_, res) => res.end(body));
    await using plane = await planeTo(app.port, always({ percent: 100, kind: 'bandwidth', bytesPerSecond: 2_000_000 }));
    assert.ok(bodyOf(await exchangeRaw(plane.port, get('/'))) === body);
    assert.equal((await lastLine(plane))['bytes_sent'], body.length);

    await using broken = await startRaw(socket =>
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n')),
    );
    await using cut = await planeTo(broken.port, always({ percent: 100, kind: 'bandwidth', bytesPerSecond: 1000 }));
    const answer = await exchangeRaw(cut.port, get('/'));
    assert.doesNotMatch(answer, /0\r\n\r\n$/);
    assert.deepEqual(flagsOf(await lastLine(cut)).slice(0, 2), [200, 'UC']);
  });
});

describe('mirrors', () => {
  test('get a copy with its body, and the client only the answer of the real server', async () => {
    const copies: string[] = [];
    await using shadow = await startHttp(async (req, res) => {
      let body = '';
      for await (const part of req) body += part;
      copies.push(`${req.method} ${req.url} ${req.headers['x-request-id']} ${body}`);
      res.writeHead(500).end('from the mirror');
    });
    await using app = await startHttp((req, res) => req.on('end', () => res.end('real')).resume());
    const mirrors = [{ cluster: 'shadow', percent: 100 }];
    await using plane = await planeTo(app.port, { mirrors }, [['shadow', shadow.port]]);
    const body = 'hello'.repeat(1000);
    const answer = await exchangeRaw(plane.port, post(body, 'X-Request-Id: one'));
    assert.deepEqual([statusOf(answer), bodyOf(answer)], [200, 'real']);
    await eventually(() => assert.deepEqual(copies, [`POST / one ${body}`]));
  });

  test('that are silent, broken or gone do not touch the client', async () => {
    await using silent = await startRaw(() => {});
    await using rude = await startRaw(socket => socket.once('data', () => socket.resetAndDestroy()));
    await using app = await startHttp((req, res) => req.on('end', () => res.end('real')).resume());
    const mirrors = ['silent', 'rude', 'dead', 'unknown'].map(cluster => ({ cluster, percent: 100 }));
    await using plane = await planeTo(app.port, { mirrors }, [
      ['silent', silent.port],
      ['rude', rude.port],
      ['dead', await freePort()],
    ]);
    // More than a mirror that does not read can be given.
    for (const body of ['', 'small', 'x'.repeat(4_000_000)])
      assert.equal(bodyOf(await exchangeRaw(plane.port, post(body))), 'real');
    assert.deepEqual(plane.bugs, []);
  });
});

describe('timeouts', () => {
  test('nothing moving for too long is 504 SI before the answer and a break afterwards', async () => {
    await using silent = await startRaw(() => {});
    await using plane = await planeTo(silent.port, { idleTimeoutMs: 30 });
    const answer = await exchangeRaw(plane.port, get('/'));
    assert.deepEqual([statusOf(answer), bodyOf(answer)], [504, 'stream timeout']);
    assert.deepEqual(flagsOf(await lastLine(plane)), [504, 'SI', 'stream_idle_timeout']);

    await using stalling = await startRaw(socket =>
      socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello')),
    );
    await using second = await planeTo(stalling.port, { idleTimeoutMs: 30 });
    assert.equal(bodyOf(await exchangeRaw(second.port, get('/'))), 'hello');
    assert.deepEqual(flagsOf(await lastLine(second)).slice(0, 2), [200, 'SI']);
  });

  test("a gRPC client's own deadline counts, but not beyond the rule's", async () => {
    await using silent = await startRaw(() => {});
    for (const [timeoutMs, own] of [
      [null, '20m'],
      [60_000, '20m'],
      [20, '1H'],
    ] as const) {
      await using plane = await planeTo(silent.port, { timeoutMs });
      const answer = await exchangeRaw(plane.port, post('', grpc, `grpc-timeout: ${own}`));
      assert.deepEqual([statusOf(answer), headerOf(answer, 'grpc-status')], [200, '4']);
      assert.deepEqual(flagsOf(await lastLine(plane)).slice(0, 2), [200, 'UT']);
    }
  });

  test('the server is told how long it has', async () => {
    const told: (number | null)[] = [];
    await using app = await startHttp((req, res) => {
      const ms = req.headers['x-envoy-expected-rq-timeout-ms'];
      told.push(ms === undefined ? null : Number(ms));
      res.end();
    });
    const perTry = {
      attempts: 1,
      on: [],
      statusCodes: [],
      perTryTimeoutMs: 5000,
      methods: [],
      backoffBaseMs: 1,
    };
    for (const rule of [{}, { timeoutMs: 40_000 }, { timeoutMs: 40_000, retry: perTry }]) {
      await using plane = await planeTo(app.port, rule);
      await exchangeRaw(plane.port, get('/', 'x-envoy-expected-rq-timeout-ms: 1'));
    }
    const [without, whole, aTry] = told;
    // What the connection took is gone already.
    assert.ok(without === null && whole != null && whole <= 40_000 && whole > 20_000, `${told}`);
    assert.equal(aTry, 5000);
  });
});
