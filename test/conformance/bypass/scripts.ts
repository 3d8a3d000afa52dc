/** Cases that are more than one request. */
import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { createRandom } from '../../../src/async/random.ts';
import { AccessJudge } from '../../../src/proxy/access/access-judge.ts';
import { type Attack, dial, type Reply } from './attacker.ts';
import type { BypassCase } from './corpus.ts';
import { credentialsOf } from './credentials.ts';
import { attack, attackOf, checkForwarded, type Stage, seenBy } from './invariants.ts';
import { Line, type Protocol } from './line.ts';
import { policies } from './policies.ts';

/** Every byte, percent-encoded in both cases. */
const everyByte = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0')).flatMap(hex => [
  ...new Set([`%${hex}`, `%${hex.toUpperCase()}`]),
]);

/** Cases that are many, and sequences. */
export type Script = (stage: Stage, one: BypassCase, protocol: Protocol) => Promise<void>;
export const scripts: Readonly<Record<string, Script>> = {
  'path-all-percent-admin': async (stage, one, protocol) => {
    const paths = everyByte.map(code => `/admin${code}`);
    await sendAll(stage, one, protocol, paths, (path, { status }) => {
      assert.ok(one.expect.status?.includes(status), `${path}: ${status}`);
      assert.deepEqual(seenBy(stage), [], path);
    });
  },
  'path-all-percent-escape': async (stage, one, protocol) => {
    const random = createRandom(20);
    const draw = <T>(list: readonly T[]): T => list[Math.floor(random.next() * list.length)] as T;
    const pairs = Array.from({ length: 200 }, () => `/public/${draw(everyByte)}${draw(everyByte)}/admin`);
    const alphabet = [...'./;%2eE5cfF?a', '%2e', '..', '/public/', '%25', '%2f', '\\'];
    const hostile = Array.from(
      { length: 200 },
      () => `/public/${Array.from({ length: 1 + Math.floor(random.next() * 8) }, () => draw(alphabet)).join('')}`,
    );
    await sendAll(stage, one, protocol, [...pairs, ...hostile], (path, { status }) => {
      assert.ok([200, 400, 403].includes(status), `${path}: ${status}`);
      assert.equal(seenBy(stage).length, status === 200 ? 1 : 0, path);
      checkForwarded(stage, path);
    });
  },
  'id-sidecar-admin-direct': async ({ mesh }) => {
    // As in a pod: loopback is the pod's own, its address is what others dial.
    const { ready, control, outbound, dns } = mesh.sidecarPorts('app-1');
    const host = mesh.podAddress('app-1');
    for (const port of [ready, control, outbound, dns]) {
      const socket = await dial({ host, port }, null);
      assert.equal(socket.destroyed, true, `port ${port} answers from outside`);
    }
  },
  'seq-keepalive-second-denied': async (stage, one, protocol) => {
    using line = await lineOf(stage, one, protocol);
    assert.equal((await line.ask(get('/public/a'))).status, 200);
    assert.equal((await line.ask(get('/admin'))).status, 403);
    assert.deepEqual(paths(stage), ['/public/a']);
  },
  'seq-pipelined-second-denied': async (stage, one, protocol) => {
    using line = await lineOf(stage, one, protocol);
    const replies = await line.askAll(get('/public/a'), get('/admin'));
    assert.deepEqual(
      replies.map(({ status }) => status),
      [200, 403],
    );
    assert.deepEqual(paths(stage), ['/public/a']);
  },
  'seq-smuggled-in-body': async (stage, one, protocol) => {
    using line = await lineOf(stage, one, protocol);
    const body = 'GET /public/a HTTP/1.1\r\nHost: app.mesh\r\n\r\n';
    assert.equal((await line.ask({ ...get('/public/a'), method: 'POST', body })).status, 403);
    // Were the body a request, its answer would come before this one's.
    if (!line.closed) assert.ok([0, 403].includes((await line.ask(get('/admin'))).status));
    assert.deepEqual(paths(stage), []);
  },
  'seq-denied-body-then-next': async (stage, one, protocol) => {
    using line = await lineOf(stage, one, protocol);
    // With HTTP/2 as much as the window lets through: no more may be sent before the answer.
    const body = 'x'.repeat(protocol === 'h1' ? 10 * 1024 * 1024 : 16_384);
    assert.equal((await line.ask({ ...get('/public/a'), method: 'POST', body })).status, 403);
    if (!line.closed) {
      const { status } = await line.ask(get('/public/a'));
      assert.ok(status === 200 || line.closed, `${status}`);
    }
    assert.ok(seenBy(stage).every(({ method }) => method === 'GET'));
  },
  'seq-ws-refused-then-request': async (stage, one, protocol) => {
    const app = stage.mesh.services.get('app');
    assert.ok(app !== undefined);
    app.refusesUpgrades = true;
    try {
      using line = await lineOf(stage, one, protocol);
      const headers = [
        ['Connection', 'Upgrade'],
        ['Upgrade', 'websocket'],
        ['Sec-WebSocket-Version', '13'],
        ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
      ] as const;
      assert.equal((await line.ask({ ...get('/public/ws'), headers })).status, 200);
      const { status } = await line.ask(get('/admin'));
      assert.ok(status === 403 || line.closed, `${status}`);
    } finally {
      app.refusesUpgrades = false;
    }
    assert.deepEqual(paths(stage), ['/public/ws']);
  },
  'seq-expect-continue': async (stage, one, protocol) => {
    using line = await lineOf(stage, one, protocol);
    const expecting = { ...get('/public/a'), method: 'POST', headers: [['Expect', '100-continue']] as const };
    const { status } = await line.ask({ ...expecting, announced: 5 });
    assert.deepEqual([status, line.interim], [403, 0]);
    assert.deepEqual(paths(stage), []);
  },
  'seq-grpc-path': async (stage, one) => {
    const headers = [
      ['content-type', 'application/grpc'],
      ['te', 'trailers'],
    ] as const;
    const request = { ...get('/pkg.Service/Method'), method: 'POST', headers, body: '\0\0\0\0\0' };
    const reply = await attack(stage.to, credentialsOf(one, stage.mesh.ca), 'h2', request);
    assert.deepEqual([reply.status, reply.headers['grpc-status']], [200, '7']);
    assert.deepEqual(paths(stage), []);
  },
  'seq-reload-removes-rule': async (stage, one, protocol) => {
    using line = await lineOf(stage, one, protocol);
    assert.equal((await line.ask(get('/public/a'))).status, 200);
    try {
      // Comes back once the sidecar has said that it runs the new policy.
      await stage.mesh.use(policies.nobody);
      assert.equal((await line.ask(get('/public/a'))).status, 403);
    } finally {
      await stage.mesh.use(policies.base);
    }
    assert.deepEqual(paths(stage), ['/public/a']);
  },
  'seq-policy-eval-exception': async (stage, one, protocol) => {
    const broken = mock.method(AccessJudge.prototype, 'of', () => {
      throw new Error('the judge is broken');
    });
    try {
      const { status } = await attack(stage.to, credentialsOf(one, stage.mesh.ca), protocol, get('/public/a'));
      assert.ok([0, 403, 500].includes(status), `${status}`);
      assert.ok(broken.mock.callCount() > 0, 'nobody judged');
    } finally {
      broken.mock.restore();
    }
    assert.deepEqual(paths(stage), []);
    // And it is over with the exception.
    const { status } = await attack(stage.to, credentialsOf(one, stage.mesh.ca), protocol, get('/public/a'));
    assert.equal(status, 200);
  },
};

const get = (path: string): Attack => ({ method: 'GET', host: 'app.mesh', path, headers: [] });
const paths = (stage: Stage): readonly string[] => seenBy(stage).map(({ path }) => path);

/** A connection with the case's certificate. */
async function lineOf(stage: Stage, one: BypassCase, protocol: Protocol): Promise<Line> {
  return new Line(await dial(stage.to, credentialsOf(one, stage.mesh.ca)), protocol);
}

/** Each path by itself; a connection is used until the sidecar closes it. */
async function sendAll(
  stage: Stage,
  one: BypassCase,
  protocol: Protocol,
  all: readonly string[],
  check: (path: string, reply: Reply) => void,
): Promise<void> {
  const credentials = credentialsOf(one, stage.mesh.ca);
  let line: Line | null = null;
  try {
    for (const path of all) {
      stage.mesh.services.get('app')?.seen.splice(0);
      if (line === null || line.closed) {
        line?.[Symbol.dispose]();
        line = new Line(await dial(stage.to, credentials), protocol);
      }
      check(path, await line.ask({ ...attackOf(one), path }));
    }
  } finally {
    line?.[Symbol.dispose]();
  }
}
