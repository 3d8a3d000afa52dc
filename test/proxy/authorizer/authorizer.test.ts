/** Rules that ask an external authorizer, over real sockets: what it is asked, and what becomes of its answers. */
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2 } from 'node:http2';
import { connect, type Server } from 'node:net';
import { describe, test } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import { bodyOf, exchangeRaw, get, headerOf, startHttp, startRaw, statusOf } from '../backend.ts';
import { listen } from '../data-plane-harness.ts';
import { metric } from '../policy-mesh.ts';
import { asks, lastEntry, recording, type Seen, startStage } from './authorizer-plane.ts';

const yes = (_req: unknown, res: ServerResponse): void => void res.end();
const no = (_req: unknown, res: ServerResponse): void => void res.writeHead(403).end('no');

describe('the question', () => {
  test('has method, host, path behind the prefix, chosen fields and no body', async () => {
    const asked: Seen[] = [];
    await using opa = await startHttp(recording(asked, yes));
    await using stage = await startStage([opa.port], { pathPrefix: '/check', sends: ['cookie', 'x-*', '*-hint'] });
    const answer = await exchangeRaw(
      stage.plane.port,
      'POST /a/./b?q=%20x HTTP/1.1\r\nHost: shop.localhost:8080\r\nContent-Length: 5\r\nConnection: close, x-hop\r\n' +
        'Authorization: Bearer t\r\nCookie: s=1\r\nX-Tenant: t1\r\nX-Tenant: t2\r\nA-Hint: h\r\nAccept: text/html\r\n' +
        'x-hop: gone\r\nx-mesh-principal: spiffe://forged\r\nX_Mesh_Principal: forged\r\nx-forwarded-client-cert: URI=alice\r\nX_Forwarded_Client_Cert: forged\r\n' +
        'x-request-id: r-1\r\naccept-encoding: gzip\r\n\r\nhello',
    );
    assert.deepEqual([statusOf(answer), bodyOf(answer).includes('app')], [200, true]);
    assert.equal(asked.length, 1);
    const { connection: _connection, ...headers } = asked[0]?.headers ?? {};
    assert.deepEqual(
      { ...asked[0], headers },
      {
        method: 'POST',
        url: '/check/a/b?q=%20x',
        bytes: 0,
        headers: {
          host: 'shop.localhost:8080',
          authorization: 'Bearer t',
          cookie: 's=1',
          'x-tenant': 't1, t2',
          'a-hint': 'h',
          'x-mesh-principal': 'spiffe://test.local/ns/default/sa/storefront',
          // A gateway calls: what it passes on was put there at the edge.
          'x-forwarded-client-cert':
            'URI=alice,By=spiffe://test.local/ns/default/sa/reviews;Hash=ab12;Subject="";URI=spiffe://test.local/ns/default/sa/storefront',
          'x-request-id': 'r-1',
          'content-length': '0',
        },
      },
    );
    assert.deepEqual([stage.calls[0]?.bytes, stage.calls[0]?.headers['x-request-id']], [5, 'r-1']);
  });

  test("has the authorizer's own host where one is named, and the request's beside it", async () => {
    const asked: Seen[] = [];
    await using opa = await startHttp(recording(asked, yes));
    await using stage = await startStage([opa.port], { host: 'auth.example', sends: ['x-*'] });
    await exchangeRaw(stage.plane.port, get('/', 'x-forwarded-host: forged'));
    assert.deepEqual([asked[0]?.headers.host, asked[0]?.headers['x-forwarded-host']], ['auth.example', 'any']);
  });

  test('bears the request id that the app gets too', async () => {
    const asked: Seen[] = [];
    await using opa = await startHttp(recording(asked, yes));
    await using stage = await startStage([opa.port]);
    await exchangeRaw(stage.plane.port, get('/'));
    assert.match(String(asked[0]?.headers['x-request-id']), /^[0-9a-f-]{36}$/);
    assert.equal(stage.calls[0]?.headers['x-request-id'], asked[0]?.headers['x-request-id']);
  });

  test('is only asked where the rule matches, and once for all rules of one authorizer', async () => {
    const asked: Seen[] = [];
    await using opa = await startHttp(recording(asked, yes));
    const only = (...values: readonly string[]) => [{ on: 'path', values }] as const;
    await using stage = await startStage([opa.port], {}, [
      { ...asks, conditions: only('/a*') },
      { ...asks, name: 'again', conditions: only('/a*', '/b') },
    ]);
    for (const path of ['/a', '/b', '/c']) assert.equal(statusOf(await exchangeRaw(stage.plane.port, get(path))), 200);
    assert.deepEqual(
      asked.map(({ url }) => url),
      ['/a', '/b'],
    );
  });

  test('goes over kept connections', async () => {
    await using opa = await startHttp(yes);
    await using stage = await startStage([opa.port]);
    for (let i = 0; i < 5; i++) assert.equal(statusOf(await exchangeRaw(stage.plane.port, get('/'))), 200);
    assert.equal(opa.connections(), 1);
  });
});

test('an authorizer that speaks HTTP/2 is asked in it', async () => {
  const asked: unknown[] = [];
  const server = createHttp2((req, res) => {
    asked.push([req.httpVersion, req.method, req.url, req.headers[':authority'], req.headers['content-length']]);
    res.writeHead(req.url === '/no' ? 401 : 200, { 'x-user': 'alice' }).end('who?');
  });
  const port = await listen(server as unknown as Server);
  await using stage = await startStage([port], { addsToRequest: ['x-user'] });
  const snapshot = stage.plane.plane.snapshot;
  assert.ok(snapshot);
  const clusters = snapshot.clusters.map(cluster => ({ ...cluster, protocol: 'http2' as const }));
  stage.plane.plane.apply({ ...snapshot, version: 'h2', clusters });
  try {
    assert.equal(statusOf(await exchangeRaw(stage.plane.port, get('/yes'))), 200);
    const denied = await exchangeRaw(stage.plane.port, get('/no'));
    assert.deepEqual([statusOf(denied), bodyOf(denied)], [401, 'who?']);
    assert.equal(stage.calls[0]?.headers['x-user'], 'alice');
    assert.deepEqual(asked, [
      ['2.0', 'GET', '/yes', 'any', '0'],
      ['2.0', 'GET', '/no', 'any', '0'],
    ]);
  } finally {
    server.close();
  }
});

describe('a yes', () => {
  test('sets the fields of the list, and takes out what the client sent of them', async () => {
    await using opa = await startHttp(
      (_req, res) => void res.writeHead(200, { 'x-user': 'alice', 'x-role': ['a', 'b'], 'x-other': '1' }).end(),
    );
    await using stage = await startStage([opa.port], { addsToRequest: ['x-user', 'x-role', 'x-team'] });
    const sent = ['x-user: mallory', 'X_User: mallory', 'X.Role: root', 'x-team: forged', 'x-mine: kept'];
    assert.equal(statusOf(await exchangeRaw(stage.plane.port, get('/', ...sent))), 200);
    const { headers } = stage.calls[0] as Seen;
    assert.deepEqual([headers['x-user'], headers['x-role'], headers['x-mine']], ['alice', 'a, b', 'kept']);
    for (const name of ['x_user', 'x.role', 'x-team', 'x-other']) assert.equal(headers[name], undefined, name);
  });

  test('is not the last word: deny rules see what it set', async () => {
    await using opa = await startHttp((_req, res) => void res.writeHead(200, { 'x-role': 'guest' }).end());
    const deny = {
      name: 'no guests',
      action: 'deny',
      conditions: [{ on: 'header', name: ['x-role'], values: ['guest'] }],
    } as const;
    await using stage = await startStage([opa.port], { addsToRequest: ['x-role'] }, [deny, asks]);
    assert.equal(statusOf(await exchangeRaw(stage.plane.port, get('/', 'x-role: admin'))), 403);
    assert.equal(lastEntry(stage.plane)['response_code_details'], 'rbac_access_denied_matched_policy[no_guests]');
    assert.equal(stage.calls.length, 0);
  });

  test('holds for the request it was asked about, not for the next', async () => {
    let allow = true;
    await using opa = await startHttp((req, res) => (allow ? yes(req, res) : no(req, res)));
    await using stage = await startStage([opa.port]);
    assert.equal(statusOf(await exchangeRaw(stage.plane.port, get('/'))), 200);
    allow = false;
    assert.equal(statusOf(await exchangeRaw(stage.plane.port, get('/'))), 403);
    assert.equal(stage.calls.length, 1);
  });

  test('of one authorizer is followed by the question to the next', async () => {
    const asked: Seen[] = [];
    await using opa = await startHttp(recording(asked, (req, res) => void res.writeHead(req.url === '/2/x' ? 401 : 200).end()));
    await using stage = await startStage([opa.port]);
    const snapshot = stage.plane.plane.snapshot;
    assert.ok(snapshot);
    const [first] = snapshot.authorizers ?? [];
    assert.ok(first);
    stage.plane.plane.apply({
      ...snapshot,
      version: 'two',
      authorizers: [
        { ...first, pathPrefix: '/1' },
        { ...first, name: 'second', pathPrefix: '/2' },
      ],
      inbound: snapshot.inbound.map(listener => ({
        ...listener,
        access: { default: 'allow', rules: [asks, { ...asks, name: 'two', authorizer: 'second' }] },
      })),
    });
    assert.equal(statusOf(await exchangeRaw(stage.plane.port, get('/y'))), 200);
    assert.equal(statusOf(await exchangeRaw(stage.plane.port, get('/x'))), 401);
    assert.deepEqual(
      asked.map(({ url }) => url),
      ['/1/y', '/2/y', '/1/x', '/2/x'],
    );
    assert.match(
      stage.plane.plane.metrics(),
      /mesh_access_decisions_total\{rule="two",action="custom",result="denied",dry_run="false"\} 1/,
    );
  });
});

describe('a no', () => {
  test('is the answer, with its status, fields and body', async () => {
    await using opa = await startHttp(
      (_req, res) =>
        void res
          .writeHead(401, {
            'www-authenticate': 'Bearer',
            'x-reason': 'why',
            'set-cookie': ['a=1', 'b=2'],
            'content-type': 'application/json',
          })
          .end('{"é":1}'),
    );
    await using stage = await startStage([opa.port]);
    const answer = await exchangeRaw(stage.plane.port, get('/'));
    assert.equal(statusOf(answer), 401);
    assert.equal(headerOf(answer, 'content-type'), 'application/json');
    assert.equal(headerOf(answer, 'www-authenticate'), 'Bearer');
    assert.equal(headerOf(answer, 'x-reason'), 'why');
    assert.equal(headerOf(answer, 'content-length'), '8');
    assert.equal(answer.match(/set-cookie: /gi)?.length, 2);
    assert.equal(headerOf(answer, 'x-mesh-reason'), 'ext_authz_denied');
    assert.equal(Buffer.from(bodyOf(answer), 'latin1').toString(), '{"é":1}');
    const { response_flags: flags, response_code_details: details } = lastEntry(stage.plane);
    assert.deepEqual([flags, details], ['UAEX', 'ext_authz_denied']);
    assert.equal(stage.calls.length, 0);
    assert.match(stage.plane.plane.metrics(), /mesh_authorizer_requests_total\{authorizer="opa",result="denied"\} 1/);
    assert.match(stage.plane.plane.metrics(), /mesh_authorizer_duration_milliseconds_count\{authorizer="opa"\} 1/);
  });

  test('gives the client the fields of the list, and what a refusal needs', async () => {
    await using opa = await startHttp(
      (_req, res) =>
        void res.writeHead(302, { location: 'https://login', 'x-reason': 'why', 'x-secret': 's', server: 'opa' }).end(),
    );
    await using stage = await startStage([opa.port], { addsToAnswer: ['x-reason'] });
    const answer = await exchangeRaw(stage.plane.port, get('/'));
    assert.deepEqual(
      ['location', 'x-reason', 'x-secret', 'server'].map(name => headerOf(answer, name)),
      ['https://login', 'why', null, null],
    );
    assert.equal(statusOf(answer), 302);
  });

  test('other than 200 is a no, whatever its number', async () => {
    for (const status of [201, 204, 304, 404, 429]) {
      await using opa = await startHttp((_req, res) => void res.writeHead(status).end());
      await using stage = await startStage([opa.port]);
      assert.equal(statusOf(await exchangeRaw(stage.plane.port, get('/'))), status);
      assert.equal(stage.calls.length, 0);
    }
  });

  test('is told to a gRPC client in its own way', async () => {
    await using opa = await startHttp(
      (_req, res) => void res.writeHead(401, { 'x-reason': 'why', 'grpc-status': '0' }).end('who are you'),
    );
    await using stage = await startStage([opa.port]);
    const session = connectHttp2(`http://127.0.0.1:${stage.plane.port}`);
    try {
      const stream = session.request({
        ':path': '/a.B/C',
        ':method': 'POST',
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      const head = await new Promise<Record<string, unknown>>(resolve => stream.on('response', resolve));
      stream.resume();
      assert.deepEqual(
        [':status', 'grpc-status', 'grpc-message', 'x-reason'].map(name => head[name]),
        [200, '16', 'who are you', 'why'],
      );
    } finally {
      session.destroy();
    }
  });

  test('in a coding that nobody asked for comes without its body', async () => {
    await using opa = await startHttp(
      (_req, res) => void res.writeHead(403, { 'content-encoding': 'gzip' }).end(Buffer.from([31, 139])),
    );
    await using stage = await startStage([opa.port]);
    const answer = await exchangeRaw(stage.plane.port, get('/'));
    assert.deepEqual([statusOf(answer), headerOf(answer, 'content-encoding'), bodyOf(answer)], [403, null, '']);
  });

  test('to a large upload comes through, and the app gets nothing of it', async () => {
    await using opa = await startHttp(no);
    await using stage = await startStage([opa.port]);
    const size = 4 * 1024 * 1024;
    const answer = await exchangeRaw(
      stage.plane.port,
      `POST / HTTP/1.1\r\nHost: any\r\nContent-Length: ${size}\r\nConnection: close\r\n\r\n${'x'.repeat(size)}`,
    );
    assert.deepEqual([statusOf(answer), bodyOf(answer)], [403, 'no']);
    const session = connectHttp2(`http://127.0.0.1:${stage.plane.port}`);
    try {
      const stream = session.request({ ':path': '/', ':method': 'POST' });
      stream.on('error', () => {});
      stream.end(Buffer.alloc(size));
      const head = await new Promise<Record<string, unknown>>(resolve => stream.on('response', resolve));
      assert.equal(head[':status'], 403);
      stream.resume();
    } finally {
      session.destroy();
    }
    assert.equal(stage.app.connections(), 0);
  });

  test('to a HEAD request has no body', async () => {
    await using opa = await startHttp(no);
    await using stage = await startStage([opa.port]);
    const answer = await exchangeRaw(stage.plane.port, 'HEAD / HTTP/1.1\r\nHost: any\r\nConnection: close\r\n\r\n');
    assert.deepEqual([statusOf(answer), bodyOf(answer)], [403, '']);
  });
});

test('a dry run asks and counts, but nobody waits for it', async () => {
  const held: ServerResponse[] = [];
  await using opa = await startHttp((_req, res) => void held.push(res));
  await using stage = await startStage([opa.port], {}, [{ ...asks, dryRun: true }]);
  assert.equal(statusOf(await exchangeRaw(stage.plane.port, get('/'))), 200);
  await eventually(() => assert.equal(held.length, 1));
  held[0]?.writeHead(403).end();
  await eventually(() =>
    assert.match(
      stage.plane.plane.metrics(),
      /mesh_access_decisions_total\{rule="ask",action="custom",result="denied",dry_run="true"\} 1/,
    ),
  );
});

test('a rule that is in earnest waits although a dry run asked the same', async () => {
  const asked: Seen[] = [];
  await using opa = await startHttp(recording(asked, no));
  await using stage = await startStage([opa.port], {}, [{ ...asks, name: 'dry', dryRun: true }, asks]);
  assert.equal(statusOf(await exchangeRaw(stage.plane.port, get('/'))), 403);
  await eventually(() => assert.equal(asked.length, 2));
});

test('a client that leaves takes its question along', async () => {
  const gone = Promise.withResolvers<void>();
  await using opa = await startRaw(socket => socket.on('end', () => gone.resolve()).once('data', () => client.resetAndDestroy()));
  await using stage = await startStage([opa.port], { timeoutMs: 60_000 });
  const client = connect({ host: '127.0.0.1', port: stage.plane.port });
  client.write(get('/'));
  await gone.promise;
  await eventually(() => assert.equal(lastEntry(stage.plane)['response_flags'], 'DC'));
});

test('rules are swapped while a request waits: it is judged by the new ones', async () => {
  const held: ServerResponse[] = [];
  await using opa = await startHttp((_req, res) => void held.push(res));
  await using stage = await startStage([opa.port]);
  const answer = exchangeRaw(stage.plane.port, get('/'));
  await eventually(() => assert.equal(held.length, 1));
  stage.apply({}, [asks, { name: 'nobody', action: 'deny', conditions: [] }]);
  held[0]?.end();
  assert.equal(statusOf(await answer), 403);
  // An authorizer that is another one now is asked itself.
  stage.apply({});
  const second = exchangeRaw(stage.plane.port, get('/'));
  await eventually(() => assert.equal(held.length, 2));
  stage.apply({ pathPrefix: '/v2' });
  held[1]?.end();
  await eventually(() => assert.equal(held.length, 3));
  held[2]?.writeHead(401).end();
  assert.equal(statusOf(await second), 401);
});

test('1,000 requests wait side by side, each for its own answer', async () => {
  const held = new Map<string, ServerResponse>();
  await using opa = await startHttp((req, res) => void held.set(req.url ?? '', res));
  await using stage = await startStage([opa.port], { timeoutMs: 60_000, addsToRequest: ['x-user'] });
  const session = connectHttp2(`http://127.0.0.1:${stage.plane.port}`);
  const other = connectHttp2(`http://127.0.0.1:${stage.plane.port}`);
  try {
    const count = 1_000;
    const statuses = Array.from({ length: count }, (_, i) => {
      const stream = (i % 2 === 0 ? session : other).request({ ':path': `/${i}` });
      stream.resume();
      return new Promise<number>((resolve, reject) => {
        stream.on('response', head => resolve(Number(head[':status'])));
        stream.on('error', reject);
      });
    });
    let answered = 0;
    // As many as streams are let in at once; those behind them follow.
    while (answered < count) {
      await eventually(() => assert.ok(held.size > 0));
      for (const [path, res] of held) res.writeHead(Number(path.slice(1)) % 3 === 0 ? 403 : 200, { 'x-user': path }).end();
      answered += held.size;
      held.clear();
    }
    const wrong = (await Promise.all(statuses))
      .map((status, i) => [i, status])
      .filter(([i = 0, status]) => status !== (i % 3 === 0 ? 403 : 200));
    assert.deepEqual(wrong, [], stage.plane.accessLog.find(line => line.includes('"response_code":503')) ?? 'no 503 in the log');
    for (const { url, headers } of stage.calls) assert.equal(headers['x-user'], url);
    assert.equal(metric(stage.plane, 'mesh_authorizer_duration_milliseconds_count'), count);
    assert.deepEqual(stage.plane.bugs, []);
  } finally {
    session.destroy();
    other.destroy();
  }
});
