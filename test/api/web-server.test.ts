/** The TCP face of the admin API as tools and the dashboard use it. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import type { MeshEvent, StatusDocument } from '../../src/api/types.ts';
import { sameSecret, WebSessions } from '../../src/api/web-sessions.ts';
import { eventually } from '../support/eventually.ts';
import { manualClock } from '../support/manual-clock.ts';
import { WebApi } from '../support/web-api.ts';

const json = { 'content-type': 'application/json' };
const status = { kind: 'Status', project: 'shop\u009b\u202e' } as StatusDocument;

async function login(
  web: WebApi,
  body: unknown,
): Promise<{ readonly answer: Response; readonly headers: Record<string, string> }> {
  const answer = await web.fetch('/v1/session', { method: 'POST', headers: json, body: JSON.stringify(body) });
  if (answer.status !== 200) return { answer, headers: {} };
  const { proof } = (await answer.json()) as { proof: string };
  const cookie = answer.headers.get('set-cookie')?.split(';')[0] ?? '';
  return { answer, headers: { cookie, 'x-mesh-proof': proof } };
}

test('a tool shows the token and may do everything', async () => {
  let stopped = false;
  const api = {
    status: async () => status,
    async *metrics() {
      yield 'up 1\n';
    },
    async stop() {
      stopped = true;
    },
  };
  await using web = await WebApi.start(api);
  const read = await web.fetch('/v1/status', { headers: web.bearer });
  const text = await read.text();
  assert.deepEqual(JSON.parse(text), status);
  assert.doesNotMatch(text, /[\u009b\u202e]/);
  assert.equal(await (await web.fetch('/metrics', { headers: web.bearer })).text(), 'up 1\n');
  const written = await web.fetch('/v1/stop', {
    method: 'POST',
    headers: { ...web.bearer, ...json },
    body: '{"containers": true}',
  });
  assert.deepEqual([written.status, stopped], [200, true]);
  for (const host of ['localhost', '[::1]']) {
    const { status: code } = await web.raw([
      'GET /v1/status HTTP/1.1',
      `host: ${host}:PORT`,
      `authorization: Bearer ${web.token}`,
    ]);
    assert.equal(code, 200, host);
  }
});

test('both names of the API ask who it is', async () => {
  await using web = await WebApi.start({ status: async () => status });
  assert.equal((await web.fetch('/api/v1/status')).status, 401);
  assert.equal((await web.fetch('/api/v1/status', { headers: web.bearer })).status, 200);
  const body = JSON.stringify({ token: web.token });
  assert.equal((await web.fetch('/api/v1/session', { method: 'POST', headers: json, body })).status, 200);
});

describe('a browser', () => {
  test('logs in with the token, reads and writes with the cookie and its proof, logs out', async () => {
    let reloads = 0;
    await using web = await WebApi.start({ status: async () => status, reload: async () => ({ n: ++reloads }) as never });
    const { answer, headers } = await login(web, { token: web.token });
    assert.match(answer.headers.get('set-cookie') ?? '', /; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200$/);
    const own = { ...headers, 'sec-fetch-site': 'same-origin' };
    assert.equal((await web.fetch('/v1/status', { headers: own })).status, 200);
    const origin = `http://127.0.0.1:${web.port}`;
    const write = (): Promise<Response> =>
      web.fetch('/v1/reload', { method: 'POST', headers: { ...own, ...json, origin }, body: '{}' });
    assert.deepEqual([(await write()).status, reloads], [200, 1]);
    const gone = await web.fetch('/v1/session', { method: 'DELETE', headers: own });
    assert.match(gone.headers.get('set-cookie') ?? '', /=; .*Max-Age=0$/);
    assert.deepEqual([(await write()).status, reloads], [401, 1]);
  });

  test('logs in with a code that a tool asked for, once and within a minute', async () => {
    await using web = await WebApi.start({ status: async () => status });
    const code = async (): Promise<string> => {
      const answer = await web.fetch('/v1/login-code', { method: 'POST', headers: { ...web.bearer, ...json }, body: '{}' });
      return ((await answer.json()) as { code: string }).code;
    };
    const first = await code();
    assert.equal((await login(web, { code: first })).answer.status, 200);
    assert.equal((await login(web, { code: first })).answer.status, 401);
    const late = await code();
    web.clock.advance(60_000);
    assert.equal((await login(web, { code: late })).answer.status, 401);
    for (const body of [{}, { token: null }, { token: web.token.slice(1) }, { code: '' }, { code: [web.token] }])
      assert.equal((await login(web, body)).answer.status, 401, JSON.stringify(body));
  });

  test('has to log in again after a working day', async () => {
    await using web = await WebApi.start({ status: async () => status });
    const { headers } = await login(web, { token: web.token });
    web.clock.advance(12 * 3_600_000 - 1);
    assert.equal((await web.fetch('/v1/status', { headers })).status, 200);
    web.clock.advance(1);
    assert.equal((await web.fetch('/v1/status', { headers })).status, 401);
  });
});

test('the oldest session ends where there are too many', () => {
  const sessions = new WebSessions(manualClock().now);
  const all = Array.from({ length: 65 }, () => sessions.create());
  assert.deepEqual(
    all.map(({ id, proof }) => sessions.holds(id, proof)),
    all.map((_, index) => index > 0),
  );
});

test('secrets are compared whole', () => {
  assert.ok(sameSecret('a', 'a'));
  assert.ok(!sameSecret('a', 'b'));
  assert.ok(!sameSecret('', 'a'));
});

test('a reader that takes nothing is dropped, one that has no news is not', async () => {
  let left = 0;
  const api = {
    async *events(after: number, signal: AbortSignal): AsyncGenerator<MeshEvent> {
      const big = { seq: 1, at: 'x'.repeat(64 * 1024), kind: 'healthy' } as MeshEvent;
      try {
        yield { ...big, at: '' };
        for (;;) {
          if (after === 0) yield big;
          else await new Promise(resolve => signal.addEventListener('abort', resolve, { once: true }));
          if (signal.aborted) return;
        }
      } finally {
        left += 1;
      }
    },
  };
  await using web = await WebApi.start(api, 200);
  const quiet = await web.fetch('/v1/events?after=1', { headers: web.bearer });
  const reader = quiet.body?.getReader();
  await reader?.read();
  const stuck = connect(web.port, '127.0.0.1');
  stuck.on('error', () => undefined);
  stuck.write(`GET /v1/events?after=0 HTTP/1.1\r\nhost: localhost:${web.port}\r\nauthorization: Bearer ${web.token}\r\n\r\n`);
  stuck.pause();
  // Its generator ends, so nothing is kept for it.
  await eventually(() => assert.equal(left, 1));
  stuck.destroy();
  await reader?.cancel();
});
