/**
 * The admin API on 127.0.0.1 as web pages, other programs and other users of the machine could ask it. Every request below carries what
 * its sender could have at best: a page has the user's cookie on it, a rebound name even both halves of the session.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, get } from 'node:http';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { WebApi } from '../support/web-api.ts';

let web: WebApi;
let calls = 0;
let cookie = '';
let proof = '';

const called = (): never => {
  calls += 1;
  throw new Error('somebody got through');
};

before(async () => {
  const api = { status: called, metrics: called, reload: called, stop: called, config: called };
  web = await WebApi.start({ ...api, faults: { list: called, add: called, remove: called }, down: called });
  const headers = { 'content-type': 'application/json' };
  const answer = await web.fetch('/v1/session', { method: 'POST', headers, body: JSON.stringify({ token: web.token }) });
  cookie = (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
  ({ proof } = (await answer.json()) as { proof: string });
  assert.match(cookie, /^mesh_session_\d+=[\w-]{43}$/);
  assert.match(proof, /^[\w-]{43}$/);
});
after(async () => {
  await web[Symbol.asyncDispose]();
  assert.equal(calls, 0, 'no refused request reached the API');
  assert.deepEqual(web.bugs, []);
});

/** What no answer may lack or have. */
function assertHardened(text: string): void {
  assert.match(text, /^content-security-policy: default-src 'self';.* frame-ancestors 'none'\r$/im);
  assert.match(text, /^x-content-type-options: nosniff\r$/im);
  assert.match(text, /^cache-control: no-store\r$/im);
  assert.doesNotMatch(text, /^access-control-/im);
  assert.ok(!text.includes(web.token));
}

async function assertRefused(lines: readonly string[], body = ''): Promise<void> {
  const { status, text } = await web.raw(lines, body);
  assert.ok([400, 401, 403].includes(status), `${lines.join(' | ')}: ${text}`);
  assertHardened(text);
}

const paths = ['/', '/index.html', '/v1/status', '/v1/ping', '/metrics'];

describe('a name that was rebound to this machine', () => {
  for (const host of [
    'evil.example',
    'evil.example:PORT',
    'localhost.evil.example:PORT',
    '127.0.0.1.nip.io:PORT',
    'localhost',
    '127.0.0.1',
    '127.0.0.1:1',
    '0.0.0.0:PORT',
    '[::]:PORT',
    '[::1]',
    '[::ffff:127.0.0.1]:PORT',
    '127.1:PORT',
    '2130706433:PORT',
    '0x7f000001:PORT',
    'LOCALHOST.:PORT',
    'localhost:PORT:PORT',
    'me@localhost:PORT',
    'localhost:PORT, evil.example',
    '',
  ])
    test(`Host: ${host === '' ? '(empty)' : host}`, async () => {
      const own = [`authorization: Bearer ${web.token}`, `cookie: ${cookie}`, `x-mesh-proof: ${proof}`];
      for (const path of paths) await assertRefused([`GET ${path} HTTP/1.1`, `host: ${host}`, ...own]);
      await assertRefused(
        ['POST /v1/stop HTTP/1.1', `host: ${host}`, 'content-type: application/json', 'content-length: 2', ...own],
        '{}',
      );
    });

  test('two hosts, none, one in the target', async () => {
    const own = `authorization: Bearer ${web.token}`;
    await assertRefused(['GET /v1/status HTTP/1.1', 'host: localhost:PORT', 'host: evil.example', own]);
    await assertRefused(['GET /v1/status HTTP/1.1', own]);
    await assertRefused(['GET /v1/status HTTP/1.0', own]);
    await assertRefused(['GET http://evil.example/v1/status HTTP/1.1', 'host: localhost:PORT', own]);
    await assertRefused(['GET //evil.example/v1/status HTTP/1.1', 'host: localhost:PORT', own]);
    await assertRefused(['CONNECT 127.0.0.1:PORT HTTP/1.1', 'host: 127.0.0.1:PORT', own]);
  });
});

describe('a page of another origin', () => {
  const json = ['content-type: application/json', 'content-length: 2'];
  for (const [what, lines] of [
    ['an image', ['GET /v1/status HTTP/1.1', 'sec-fetch-site: cross-site', 'sec-fetch-mode: no-cors', 'sec-fetch-dest: image']],
    ['a script', ['GET /v1/config HTTP/1.1', 'sec-fetch-site: cross-site', 'sec-fetch-dest: script']],
    ['a page on another port', ['GET /v1/status HTTP/1.1', 'origin: http://localhost:3000', 'sec-fetch-site: same-site']],
    ['a browser that says no origin', ['GET /v1/status HTTP/1.1', 'sec-fetch-site: same-site']],
    ['a sandboxed frame', ['POST /v1/reload HTTP/1.1', 'origin: null', ...json]],
    ['a file', ['POST /v1/reload HTTP/1.1', 'origin: file://', ...json]],
    ['fetch', ['POST /v1/stop HTTP/1.1', 'origin: https://evil.example', 'sec-fetch-site: cross-site', ...json]],
    ['fetch from https on this machine', ['POST /v1/stop HTTP/1.1', 'origin: https://127.0.0.1:PORT', ...json]],
    ['another spelling of this origin', ['POST /v1/stop HTTP/1.1', 'origin: http://localhost:PORT', ...json]],
    ['a prefix of this origin', ['POST /v1/stop HTTP/1.1', 'origin: http://127.0.0.1:PORT.evil.example', ...json]],
    ['an old browser, no origin', ['POST /v1/stop HTTP/1.1', ...json]],
    ['fetch without CORS', ['POST /v1/stop HTTP/1.1', 'content-type: text/plain', 'content-length: 2']],
    ['a form', ['POST /v1/stop HTTP/1.1', 'content-type: application/x-www-form-urlencoded', 'content-length: 2']],
    ['a form with a file', ['POST /v1/down HTTP/1.1', 'content-type: multipart/form-data; boundary=x', 'content-length: 2']],
    ['no type', ['POST /v1/reload HTTP/1.1', 'content-length: 2']],
    ['a type that begins alike', ['POST /v1/reload HTTP/1.1', 'content-type: application/json-patch', 'content-length: 2']],
    ['a beacon', ['POST /v1/faults HTTP/1.1', 'sec-fetch-site: cross-site', 'sec-fetch-mode: no-cors', ...json]],
    ['a preflight', ['OPTIONS /v1/stop HTTP/1.1', 'origin: https://evil.example', 'access-control-request-method: POST']],
    [
      'a preflight for a private network',
      ['OPTIONS / HTTP/1.1', 'origin: https://a.b', 'access-control-request-private-network: true'],
    ],
    ['a link that writes', ['POST /v1/stop HTTP/1.1', 'sec-fetch-site: none', ...json]],
    ['another method', ['PUT /v1/stop HTTP/1.1', ...json]],
    ['TRACE, which would show the cookie', ['TRACE / HTTP/1.1']],
    ['HEAD', ['HEAD /v1/status HTTP/1.1']],
    ['a login with a guess', ['POST /v1/session HTTP/1.1', 'origin: https://evil.example', ...json]],
  ] as const)
    test(what, () => assertRefused([lines[0], 'host: 127.0.0.1:PORT', `cookie: ${cookie}`, ...lines.slice(1)], '{}'));

  test('a WebSocket, without a token or with the cookie, of whatever origin', async () => {
    const upgrade = ['upgrade: websocket', 'sec-websocket-version: 13', 'sec-websocket-key: MDEyMzQ1Njc4OWFiY2RlZg=='];
    for (const origin of ['http://evil.example', 'http://127.0.0.1:PORT'])
      await assertRefused([
        'GET /v1/events HTTP/1.1',
        'host: 127.0.0.1:PORT',
        `origin: ${origin}`,
        `cookie: ${cookie}`,
        ...upgrade,
      ]);
  });
});

describe('a program without the secret', () => {
  const ask = (...lines: readonly string[]): Promise<void> =>
    assertRefused(['GET /v1/status HTTP/1.1', 'host: 127.0.0.1:PORT', ...lines]);

  test('nothing, a wrong token, half of it, more of it, an empty one, another scheme', async () => {
    await ask();
    for (const guess of ['x'.repeat(43), web.token.slice(0, 42), `${web.token}x`, '', '*', web.token.toUpperCase()])
      await ask(`authorization: Bearer ${guess}`);
    await ask(`authorization: Basic ${btoa(`:${web.token}`)}`);
    await ask(`cookie: token=${web.token}`);
  });

  test('the token in the URL is none', () =>
    assertRefused([`GET /v1/status?token=${'x'.repeat(43)}&access_token=PORT HTTP/1.1`, 'host: 127.0.0.1:PORT']));

  test('half a session: a server on another port is sent the cookie, a script can only have the proof', async () => {
    await ask(`cookie: ${cookie}`);
    await ask(`x-mesh-proof: ${proof}`);
    await ask(`cookie: ${cookie}`, `x-mesh-proof: ${'x'.repeat(43)}`);
    await ask(`cookie: ${cookie.split('=')[0]}=${proof}`, `x-mesh-proof: ${proof}`);
  });

  test('bytes that are no request', async () => {
    for (const line of ['\u0016\u0003\u0001', 'GET / HTTP/9.9', 'PRI * HTTP/2.0', '\r\n\r\n\u0000'])
      await assertRefused([line, 'host: x']);
  });
});

test('a head that comes byte by byte, and a crowd, are cut off', async () => {
  const crowd = Array.from({ length: 200 }, () => connect(web.port, '127.0.0.1'));
  let open = crowd.length;
  const cut = crowd.map(
    socket =>
      new Promise<void>(resolve => {
        socket.on('error', () => undefined);
        socket.on('close', () => {
          open -= 1;
          resolve();
        });
        socket.write('GET /v1/status HTTP/1.1\r\nhost: 1');
        socket.resume();
      }),
  );
  // 64 may stay for the few seconds of a head; the test would hang if any stayed for ever.
  await Promise.all(cut);
  assert.equal(open, 0);
});

test('a crowd that says nothing keeps nobody out, and those who are known are not cut off for it', async t => {
  const known = new Agent({ keepAlive: true });
  const ask = (agent?: Agent): Promise<number> =>
    new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port: web.port, path: '/v1/ping', headers: web.bearer };
      get({ ...options, agent: agent ?? false }, answer => {
        answer.resume().on('end', () => resolve(answer.statusCode ?? 0));
      }).on('error', reject);
    });
  assert.equal(await ask(known), 200);
  const crowd = Array.from({ length: 200 }, () => connect(web.port, '127.0.0.1').on('error', () => undefined));
  t.after(() => {
    known.destroy();
    for (const socket of crowd) socket.destroy();
  });
  await Promise.all(crowd.map(socket => once(socket, 'connect')));
  assert.equal(await ask(), 200);
  assert.equal(await ask(known), 200);
});
