import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import type { RetryPolicy, RouteMatch } from '../../src/snapshot/route-rule.ts';
import { eventually } from '../support/eventually.ts';
import { bodyOf, exchangeRaw, get, headerOf, readAll, startHttp, startRaw, statusOf } from './backend.ts';
import { clusterTo, freePort, outboundSnapshot, ruleTo, startPlane } from './data-plane-harness.ts';

const any: RouteMatch = { path: null, methods: [], headers: [], query: [] };
const retry: RetryPolicy = {
  attempts: 2,
  on: ['connect-failure', 'reset', 'gateway-error'],
  statusCodes: [],
  perTryTimeoutMs: null,
  methods: ['GET', 'PUT'],
  backoffBaseMs: 1,
};

describe('routing', () => {
  test('rules are tried in order; path, header, query and method match as the snapshot says', async () => {
    await using a = await startHttp((_, res) => res.end('a'));
    await using b = await startHttp((_, res) => res.end('b'));
    const rules = [
      ruleTo('b', { matches: [{ ...any, path: { kind: 'prefix', value: '/b' } }] }),
      ruleTo('b', { matches: [{ ...any, path: { kind: 'exact', value: '/exact' } }] }),
      ruleTo('b', { matches: [{ ...any, path: { kind: 'regex', value: '/r[0-9]+' } }] }),
      ruleTo('b', { matches: [{ ...any, headers: [{ name: 'end-user', kind: 'exact', value: 'jason' }] }] }),
      ruleTo('b', { matches: [{ ...any, query: [{ name: 'v', kind: 'exact', value: '2' }] }] }),
      ruleTo('b', { matches: [{ ...any, methods: ['PUT'] }] }),
      ruleTo('a'),
    ];
    await using plane = await startPlane(
      'outbound',
      outboundSnapshot([clusterTo('a', [a.port]), clusterTo('b', [b.port])], rules),
    );
    const cases: readonly (readonly [string, string])[] = [
      [get('/'), 'a'],
      [get('/b'), 'b'],
      [get('/b/c?x'), 'b'],
      [get('/bc'), 'a'],
      [get('/exact?q=1'), 'b'],
      [get('/exact/'), 'a'],
      [get('/r12'), 'b'],
      [get('/r12x'), 'a'],
      [get('/', 'End-User: jason'), 'b'],
      [get('/', 'End-User: jasons'), 'a'],
      [get('/?v=2'), 'b'],
      [get('/?v=%32'), 'b'],
      [get('/?w=2'), 'a'],
      [get('/').replace('GET', 'PUT'), 'b'],
    ];
    for (const [sent, expected] of cases) assert.equal(bodyOf(await exchangeRaw(plane.port, sent)), expected, sent);
  });

  test('a split draws by weight', async () => {
    await using a = await startHttp((_, res) => res.end('a'));
    await using b = await startHttp((_, res) => res.end('b'));
    const split = [
      { cluster: 'a', weight: 90 },
      { cluster: 'b', weight: 10 },
    ];
    await using plane = await startPlane(
      'outbound',
      outboundSnapshot(
        [clusterTo('a', [a.port]), clusterTo('b', [b.port])],
        [ruleTo('a', { action: { kind: 'forward', split } })],
      ),
    );
    const one = 'GET / HTTP/1.1\r\nHost: any\r\n\r\n';
    const answers = await exchangeRaw(plane.port, one.repeat(499) + get('/'));
    const hits = answers.split('HTTP/1.1 200').length - 1;
    const toB = answers.split('\r\n\r\nb').length - 1;
    assert.equal(hits, 500);
    // 500 draws at 10 %: five standard deviations either way; the seed is fixed anyway.
    assert.ok(toB > 17 && toB < 84, `${toB} of 500`);
  });

  test('no route is 404 NR, no cluster 503 NC, no endpoint 503 UH, no connection 503 UF', async () => {
    const dead = await freePort();
    const rules = [
      ruleTo('nowhere', { matches: [{ ...any, path: { kind: 'exact', value: '/nc' } }] }),
      ruleTo('empty', { matches: [{ ...any, path: { kind: 'exact', value: '/uh' } }] }),
      ruleTo('dead', { matches: [{ ...any, path: { kind: 'exact', value: '/uf' } }] }),
    ];
    const snapshot = outboundSnapshot([clusterTo('empty', []), clusterTo('dead', [dead])], rules, { accessLog: 'json' });
    await using plane = await startPlane('outbound', snapshot);
    const seen = [];
    for (const path of ['/nr', '/nc', '/uh', '/uf']) {
      const answer = await exchangeRaw(plane.port, get(path));
      const line = JSON.parse(plane.accessLog.at(-1) ?? '{}') as Record<string, unknown>;
      assert.match(String(line['request_id']), /^[0-9a-f-]{36}$/, 'a refusal can be found by its id');
      seen.push([statusOf(answer), bodyOf(answer), line['response_flags'], line['response_code_details']]);
    }
    const reset = 'upstream connect error or disconnect/reset before headers. reset reason: remote connection failure';
    assert.deepEqual(seen, [
      [404, '', 'NR', 'route_not_found'],
      [503, '', 'NC', 'cluster_not_found'],
      [503, 'no healthy upstream', 'UH', 'no_healthy_upstream'],
      [503, reset, 'UF', 'upstream_reset_before_response_started{remote_connection_failure}'],
    ]);
  });

  test('the caller adds a request id and the attempt count, keeps a given id, and drops claimed identity', async () => {
    await using app = await startHttp((req, res) => res.end(JSON.stringify(req.headers)));
    await using plane = await startPlane('outbound', outboundSnapshot([clusterTo('a', [app.port])], [ruleTo('a')]));
    const first = JSON.parse(
      bodyOf(await exchangeRaw(plane.port, get('/', 'X-Forwarded-Client-Cert: URI=x', 'traceparent: 00-a-b-01'))),
    );
    assert.match(first['x-request-id'], /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.equal(first['x-envoy-attempt-count'], '1');
    assert.equal(first['traceparent'], '00-a-b-01');
    assert.equal(first['x-forwarded-client-cert'], undefined);
    const second = JSON.parse(bodyOf(await exchangeRaw(plane.port, get('/', 'X-Request-Id: mine'))));
    assert.equal(second['x-request-id'], 'mine');
  });
});

describe('retries and timeouts', () => {
  test('a dead endpoint is left for another one', async () => {
    await using app = await startHttp((req, res) => res.end(String(req.headers['x-envoy-attempt-count'])));
    const dead = await freePort();
    await using plane = await startPlane(
      'outbound',
      outboundSnapshot([clusterTo('a', [dead, app.port])], [ruleTo('a', { retry })]),
    );
    const bodies = new Set<string>();
    for (let i = 0; i < 4; i++) bodies.add(bodyOf(await exchangeRaw(plane.port, get('/'))));
    assert.deepEqual([...bodies].sort(), ['1', '2']);
  });

  test('a status is retried with the body sent again, and URX is flagged when tries ran out', async () => {
    const bodies: string[] = [];
    await using app = await startHttp(async (req, res) => {
      bodies.push((await readAll(req)).toString());
      res.writeHead(bodies.length === 2 ? 200 : 503).end('x');
    });
    const snapshot = outboundSnapshot([clusterTo('a', [app.port])], [ruleTo('a', { retry })], { accessLog: 'json' });
    await using plane = await startPlane('outbound', snapshot);
    const put = get('/', 'Content-Length: 5').replace('GET', 'PUT');
    assert.equal(statusOf(await exchangeRaw(plane.port, `${put}hello`)), 200);
    assert.deepEqual(bodies, ['hello', 'hello']);
    assert.equal(statusOf(await exchangeRaw(plane.port, `${put}hello`)), 503);
    assert.equal(bodies.length, 5);
    assert.equal((JSON.parse(plane.accessLog.at(-1) ?? '{}') as Record<string, unknown>)['response_flags'], 'URX');
    const post = get('/', 'Content-Length: 5').replace('GET', 'POST');
    assert.equal(statusOf(await exchangeRaw(plane.port, `${post}hello`)), 503);
    assert.equal(bodies.length, 6, 'POST is not among the methods');
  });

  test('a stale pooled connection is replaced once for a repeatable request, not for a POST', async () => {
    // Every connection serves one request and dies at the second, as a server does whose idle timeout has just struck.
    await using app = await startRaw(socket => {
      let served = 0;
      socket.on('data', () => {
        if (++served === 1) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
        else socket.resetAndDestroy();
      });
    });
    await using plane = await startPlane('outbound', outboundSnapshot([clusterTo('a', [app.port])], [ruleTo('a')]));
    assert.equal(statusOf(await exchangeRaw(plane.port, get('/'))), 200);
    assert.equal(statusOf(await exchangeRaw(plane.port, get('/'))), 200);
    assert.equal(app.connections(), 2);
    const post = get('/', 'Content-Length: 1').replace('GET', 'POST');
    assert.equal(statusOf(await exchangeRaw(plane.port, `${post}x`)), 503);
  });

  test('the whole request times out with 504 UT and the upstream connection goes', async () => {
    let gone = false;
    await using app = await startRaw(socket => {
      socket.resume();
      socket.on('end', () => {
        gone = true;
      });
      socket.on('close', () => {
        gone = true;
      });
    });
    await using plane = await startPlane(
      'outbound',
      outboundSnapshot([clusterTo('a', [app.port])], [ruleTo('a', { timeoutMs: 50 })]),
    );
    const answer = await exchangeRaw(plane.port, get('/'));
    assert.equal(statusOf(answer), 504);
    assert.equal(bodyOf(answer), 'upstream request timeout');
    await eventually(() => assert.ok(gone));
    assert.match(plane.plane.metrics(), /response_code="504",response_flags="UT"\} 1\n/);
  });

  test('a try that takes too long is tried elsewhere', async () => {
    await using slow = await startRaw(socket => socket.resume());
    await using fast = await startHttp((_, res) => res.end('ok'));
    const policy: RetryPolicy = { ...retry, perTryTimeoutMs: 40 };
    await using plane = await startPlane(
      'outbound',
      outboundSnapshot([clusterTo('a', [slow.port, fast.port])], [ruleTo('a', { retry: policy, timeoutMs: 5000 })]),
    );
    for (let i = 0; i < 4; i++) assert.equal(statusOf(await exchangeRaw(plane.port, get('/'))), 200);
  });

  test('nothing is tried again after a byte of the answer: the client sees it cut', async () => {
    await using app = await startRaw(socket => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf');
        setImmediate(() => socket.resetAndDestroy());
      });
    });
    await using plane = await startPlane('outbound', outboundSnapshot([clusterTo('a', [app.port])], [ruleTo('a', { retry })]));
    const answer = await exchangeRaw(plane.port, get('/'));
    assert.ok(statusOf(answer) === 200 || answer === '');
    assert.ok(!answer.includes('HTTP/1.1 503'));
    assert.equal(app.connections(), 1);
  });
});

describe('connections', () => {
  test('are kept alive on both sides, and survive a swap of the rules', async () => {
    await using app = await startHttp((_, res) => res.end('ok'));
    const snapshot = outboundSnapshot([clusterTo('a', [app.port])], [ruleTo('a')]);
    await using plane = await startPlane('outbound', snapshot);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let i = 0; i < 10; i++) {
      const req = request({ agent, host: '127.0.0.1', port: plane.port }).end();
      const [res] = await once(req, 'response');
      assert.equal((await readAll(res)).toString(), 'ok');
      assert.ok(req.reusedSocket === i > 0);
      plane.plane.apply({ ...snapshot, version: `v${i}`, clusters: [clusterTo('a', [app.port])] });
    }
    agent.destroy();
    assert.equal(app.connections(), 1);
  });

  test('bad snapshots are refused and the last one stays', async () => {
    await using app = await startHttp((_, res) => res.end('ok'));
    const snapshot = outboundSnapshot([clusterTo('a', [app.port])], [ruleTo('a')]);
    await using plane = await startPlane('outbound', snapshot);
    const bad = ruleTo('a', { matches: [{ ...any, path: { kind: 'regex', value: '(' } }] });
    assert.throws(() => plane.plane.apply({ ...outboundSnapshot([], [bad]), version: 'bad' }), SyntaxError);
    assert.equal(plane.plane.snapshot?.version, 'test');
    assert.equal(statusOf(await exchangeRaw(plane.port, get('/'))), 200);
  });

  test('pipelined requests are answered in order', async () => {
    await using app = await startHttp((req, res) => setImmediate(() => res.end(req.url)));
    await using plane = await startPlane('outbound', outboundSnapshot([clusterTo('a', [app.port])], [ruleTo('a')]));
    const pipeline = Array.from({ length: 50 }, (_, i) => `GET /${i} HTTP/1.1\r\nHost: any\r\n\r\n`).join('');
    const answers = await exchangeRaw(plane.port, pipeline + get('/last'));
    assert.deepEqual(
      [...answers.matchAll(/\r\n\r\n\/(\w+?)(?=HTTP|$)/g)].map(match => match[1]),
      [...Array.from({ length: 50 }, (_, i) => String(i)), 'last'],
    );
  });

  test('a drain lets the exchange at hand finish and closes its connection', async () => {
    let release = (): void => {};
    await using app = await startHttp((_, res) => {
      release = () => res.end('late');
    });
    await using plane = await startPlane('outbound', outboundSnapshot([clusterTo('a', [app.port])], [ruleTo('a')]));
    const answer = exchangeRaw(plane.port, 'GET / HTTP/1.1\r\nHost: any\r\n\r\n');
    await eventually(() => assert.equal(app.connections(), 1));
    await eventually(() => assert.notEqual(release.toString(), '() => {}'));
    const drained = plane.plane.drain(10_000);
    release();
    const text = await answer;
    assert.equal(headerOf(text, 'connection'), 'close');
    assert.ok(text.includes('late'));
    await drained;
  });

  test('a client that goes away takes its upstream connection with it', async () => {
    let gone = false;
    await using app = await startRaw(socket => {
      socket.resume();
      socket.on('end', () => {
        gone = true;
      });
    });
    const snapshot = outboundSnapshot([clusterTo('a', [app.port])], [ruleTo('a')], { accessLog: 'json' });
    await using plane = await startPlane('outbound', snapshot);
    const socket = connect({ host: '127.0.0.1', port: plane.port });
    socket.write('GET / HTTP/1.1\r\nHost: any\r\n\r\n');
    await eventually(() => assert.equal(app.connections(), 1));
    socket.resetAndDestroy();
    await eventually(() => assert.ok(gone));
    await eventually(() => assert.match(plane.accessLog.join(), /"response_code":0,"response_flags":"DC"/));
  });
});

describe('bodies', () => {
  test('of megabytes pass both ways unchanged, with a length and chunked', async () => {
    await using app = await startHttp(async (req, res) => {
      const body = await readAll(req);
      if (req.url === '/length') res.setHeader('content-length', body.length);
      res.setHeader('x-sum', createHash('sha256').update(body).digest('hex'));
      res.write(body);
      res.end();
    });
    await using plane = await startPlane('outbound', outboundSnapshot([clusterTo('a', [app.port])], [ruleTo('a')]));
    const body = randomBytes(8 * 1024 * 1024);
    const sum = createHash('sha256').update(body).digest('hex');
    for (const path of ['/length', '/chunked']) {
      const headers = path === '/length' ? { 'content-length': body.length } : {};
      const req = request({ host: '127.0.0.1', port: plane.port, path, method: 'POST', headers });
      req.end(body);
      const [res] = await once(req, 'response');
      const got = await readAll(res);
      assert.equal(res.headers['x-sum'], sum);
      assert.equal(createHash('sha256').update(got).digest('hex'), sum);
    }
  });

  test('a slow reader holds the server back', async () => {
    let written = 0;
    const piece = Buffer.alloc(64 * 1024);
    await using app = await startHttp((_, res) => {
      const push = (): void => {
        let more = true;
        while (more && written < 512 * piece.length) {
          written += piece.length;
          more = res.write(piece);
        }
        res.once('drain', push);
      };
      push();
    });
    await using plane = await startPlane('outbound', outboundSnapshot([clusterTo('a', [app.port])], [ruleTo('a')]));
    const socket = connect({ host: '127.0.0.1', port: plane.port });
    socket.write('GET / HTTP/1.1\r\nHost: any\r\n\r\n');
    socket.pause();
    // What fits into the kernel's buffers of two connections is well below 32 MiB; without backpressure all of it would be taken.
    let before = -1;
    await eventually(
      () => {
        const now = written;
        const still = now === before && now > 0;
        before = now;
        assert.ok(still, `${now}`);
      },
      { everyMs: 200 },
    );
    assert.ok(written < 24 * 1024 * 1024, `${written} bytes were taken`);
    socket.destroy();
  });

  test('100-continue, trailers, HEAD, 204 and answers without a length', async () => {
    await using app = await startHttp(async (req, res) => {
      if (req.url === '/204') res.writeHead(204).end();
      else if (req.url === '/head') res.writeHead(200, { 'content-length': 5 }).end();
      else {
        await readAll(req);
        res.writeHead(200, { trailer: 'x-sum' });
        res.write('body');
        res.addTrailers({ 'x-sum': req.trailers['x-in'] ?? 'none' });
        res.end();
      }
    });
    await using closing = await startRaw(socket => socket.once('data', () => socket.end('HTTP/1.0 200 OK\r\n\r\nuntil close')));
    const rules = [ruleTo('closing', { matches: [{ ...any, path: { kind: 'exact', value: '/close' } }] }), ruleTo('a')];
    const clusters = [clusterTo('a', [app.port]), clusterTo('closing', [closing.port])];
    await using plane = await startPlane('outbound', outboundSnapshot(clusters, rules));

    const continued = await exchangeRaw(
      plane.port,
      `${get('/', 'Expect: 100-continue', 'Content-Length: 1').replace('GET', 'POST')}x`,
    );
    assert.match(continued, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
    const chunked = get('/', 'Transfer-Encoding: chunked').replace('GET', 'POST');
    const trailers = await exchangeRaw(plane.port, `${chunked}1;ext=1\r\nx\r\n0\r\nx-in: 42\r\nAuthorization: no\r\n\r\n`);
    assert.match(trailers, /4\r\nbody\r\n0\r\nx-sum: 42\r\n\r\n$/);
    const head = await exchangeRaw(plane.port, get('/head').replace('GET', 'HEAD'));
    assert.equal(headerOf(head, 'content-length'), '5');
    assert.equal(bodyOf(head), '');
    assert.equal(statusOf(await exchangeRaw(plane.port, get('/204'))), 204);
    assert.match(
      await exchangeRaw(plane.port, get('/close')),
      /Transfer-Encoding: chunked\r\n[\s\S]*b\r\nuntil close\r\n0\r\n\r\n$/,
    );
    const old = await exchangeRaw(plane.port, 'POST / HTTP/1.0\r\nHost: any\r\nContent-Length: 0\r\n\r\n');
    assert.equal(headerOf(old, 'transfer-encoding'), null);
    assert.equal(bodyOf(old), 'body');
  });

  test('a WebSocket handshake opens a tunnel for both ways', async () => {
    await using app = await startRaw(socket => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello');
        socket.on('data', bytes => socket.write(`<${bytes.toString()}>`));
        socket.on('end', () => socket.end());
      });
    });
    await using plane = await startPlane('outbound', outboundSnapshot([clusterTo('a', [app.port])], [ruleTo('a')]));
    const socket = connect({ host: '127.0.0.1', port: plane.port, allowHalfOpen: true });
    let got = '';
    socket.on('data', bytes => {
      got += bytes.toString();
    });
    socket.write('GET /ws HTTP/1.1\r\nHost: any\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a\r\n\r\n');
    await eventually(() => assert.match(got, /^HTTP\/1\.1 101 [\s\S]*Upgrade: websocket\r\n\r\nhello$/));
    socket.write('ping');
    await eventually(() => assert.match(got, /<ping>$/));
    socket.end();
    await once(socket, 'close');
  });
});
