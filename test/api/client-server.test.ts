/** Client and server over a real unix socket, with an API that answers as told. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, afterEach, before, test } from 'node:test';
import { connectApi, isAlive } from '../../src/api/client.ts';
import { MeshError } from '../../src/api/mesh-error.ts';
import { createApiServer } from '../../src/api/server.ts';
import type { MeshApi, MeshEvent, StatusDocument } from '../../src/api/types.ts';
import { systemClock } from '../../src/async/clock.ts';
import { partialApi } from '../support/partial-api.ts';

let dir: string;
let servers: Server[] = [];
const bugs: unknown[] = [];

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'mesh-api-'));
});
after(() => rm(dir, { recursive: true, force: true }));
afterEach(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  servers = [];
});

const unexpected = (): never => {
  throw new Error('not asked for in this test');
};

async function serve(api: Partial<MeshApi>): Promise<string> {
  const socket = join(dir, `${Math.floor(performance.now() * 1000)}.sock`);
  const server = createApiServer(partialApi(api), { clock: systemClock, onBug: error => bugs.push(error) }).listen(socket);
  servers.push(server);
  await once(server, 'listening');
  return socket;
}

const event = (seq: number): MeshEvent => ({ seq, at: '2026-01-01T00:00:00.000Z', kind: 'healthy' });

test('a daemon that accepts and says nothing is told, not waited for', async () => {
  const socket = join(dir, 'silent.sock');
  const silent = createServer(() => {}).listen(socket);
  servers.push(silent);
  await once(silent, 'listening');
  await assert.rejects(connectApi(socket, 50).status(), { code: 'daemon-silent' });
  await assert.rejects(connectApi(socket, 50).down({ volumes: false }, unexpected), { code: 'daemon-silent' });
});

test("Prometheus' service discovery lists the pods that have an address", async () => {
  const workloads = [
    { name: 'web-1', service: 'web', version: '', address: '10.0.0.2' },
    { name: 'web-2', service: 'web', version: '', address: null },
  ];
  const socketPath = await serve({ status: async () => ({ project: 'shop', workloads }) as unknown as StatusDocument });
  const [response] = (await once(request({ socketPath, path: '/v1/prometheus/targets' }).end(), 'response')) as [IncomingMessage];
  assert.equal(response.headers['content-type'], 'application/json');
  const labels = { __metrics_path__: '/stats/prometheus', mesh: 'shop', service: 'web', workload: 'web-1' };
  assert.deepEqual(JSON.parse(await text(response)), [{ targets: ['10.0.0.2:15020'], labels }]);
});

test('documents arrive as they were made', async () => {
  const status = { apiVersion: 1, kind: 'Status', project: 'shop' } as StatusDocument;
  const api = connectApi(
    await serve({
      status: async () => status,
      metrics: async function* () {
        yield 'up 1\n';
        yield 'down 0\n';
      },
    }),
  );
  assert.deepEqual(await api.status(), status);
  assert.equal(await text(api.metrics()), 'up 1\ndown 0\n');
});

test('a fault that cannot be is refused before anybody acts on it', async () => {
  const api = connectApi(
    await serve({
      faults: {
        list: unexpected,
        remove: unexpected,
        add: async request => ({ ...request, id: 'x', effect: '', addedAt: '', expiresAt: null, remainingMs: null }),
      },
    }),
  );
  const request = { service: 'a', route: null, forMs: null } as const;
  const added = await api.faults.add({ ...request, fault: { kind: 'delay', ms: 5, jitterMs: 0, percent: 50 } });
  assert.deepEqual(added.fault, { kind: 'delay', ms: 5, jitterMs: 0, percent: 50 });
  for (const fault of [
    { kind: 'delay', ms: -1, jitterMs: 0, percent: 1 },
    { kind: 'abort', status: 99, percent: 1 },
    { kind: 'reset', percent: 101 },
    { kind: 'reset', percent: 1, first: 0 },
    { kind: 'bandwidth', bytesPerSecond: 0, percent: 1 },
  ] as const)
    await assert.rejects(api.faults.add({ ...request, fault }), { code: 'bad-fault' }, JSON.stringify(fault));
});

test('names with odd characters reach the query whole', async () => {
  const api = connectApi(await serve({ query: async (workload, what) => [workload, what] }));
  assert.deepEqual(await api.query('a&b=c/ä', 'stats'), ['a&b=c/ä', 'stats']);
});

test('a failure keeps its code, message and hint', async () => {
  const query = async (): Promise<never> => {
    throw new MeshError('unknown-workload', 'no such thing', 'try another');
  };
  const api = connectApi(await serve({ query }));
  await assert.rejects(api.query('x', 'config'), { code: 'unknown-workload', message: 'no such thing', hint: 'try another' });
  assert.equal(bugs.length, 0);
});

test('a bug is told to the daemon and answered without a stack', async () => {
  const api = connectApi(await serve({}));
  await assert.rejects(
    api.config(),
    error => error instanceof MeshError && error.code === 'internal' && !error.message.includes('\n'),
  );
  assert.equal(bugs.length, 1);
});

test('events stream, start after the number given, and end with the reader', async () => {
  const after: number[] = [];
  const api = connectApi(
    await serve({
      async *events(from, signal) {
        after.push(Number(from));
        yield event(Number(from) + 1);
        yield event(Number(from) + 2);
        await new Promise(resolve => signal.addEventListener('abort', resolve));
        after.push(-1);
      },
    }),
  );
  const seen: number[] = [];
  for await (const { seq } of api.events(7, new AbortController().signal)) {
    seen.push(seq);
    if (seen.length === 2) break;
  }
  assert.deepEqual(seen, [8, 9]);
  assert.equal(after[0], 7);
});

test('the end of the daemon ends the stream without an error', async () => {
  const socket = await serve({
    async *events() {
      yield event(1);
      await new Promise(() => undefined);
    },
  });
  const seen: number[] = [];
  for await (const { seq } of connectApi(socket).events(0, new AbortController().signal)) {
    seen.push(seq);
    servers[0]?.closeAllConnections();
  }
  assert.deepEqual(seen, [1]);
});

test('down tells its lines, then its end or its failure', async () => {
  const lines: string[] = [];
  const good = connectApi(await serve({ down: async ({ volumes }, onLine) => onLine(`volumes ${volumes}`) }));
  await good.down({ volumes: true }, line => lines.push(line));
  assert.deepEqual(lines, ['volumes true']);
  const down = async (): Promise<never> => {
    throw new MeshError('engine-error', 'refused');
  };
  await assert.rejects(
    connectApi(await serve({ down })).down({ volumes: false }, () => undefined),
    /refused/,
  );
});

test('nobody there is one clear error', async () => {
  const dead = join(dir, 'nobody.sock');
  await assert.rejects(connectApi(dead).status(), { code: 'no-daemon' });
  assert.equal(await isAlive(dead), false);
  const file = join(dir, 'file.sock');
  await writeFile(file, '');
  assert.equal(await isAlive(file), false);
});

for (const [what, method, path, body, status] of [
  ['an unknown path', 'GET', '/v2/status', '', 404],
  ['a wrong method', 'POST', '/v1/status', '', 405],
  ['a body that is no object', 'POST', '/v1/stop', '[1]', 409],
  ['a body that is too large', 'POST', '/v1/stop', `{"x":"${'y'.repeat(70_000)}"}`, 409],
  ['an unknown query', 'GET', '/v1/proxy?workload=a&what=secrets', '', 409],
] as const) {
  test(`${what} is refused with a document`, async () => {
    const socketPath = await serve({});
    const outgoing = request({ socketPath, method, path, agent: false });
    outgoing.end(body);
    const [response] = await once(outgoing, 'response');
    assert.equal(response.statusCode, status);
    const chunks: Buffer[] = await response.toArray();
    assert.equal(JSON.parse(Buffer.concat(chunks).toString()).kind, 'Error');
  });
}

test('/api/v1 is another name of /v1, and of nothing else', async () => {
  const socketPath = await serve({ status: async () => ({ kind: 'Status' }) as StatusDocument });
  const answers = ['/api/v1/status', '/api/v1/nothing', '/api/metrics', '/api/api/v1/status'].map(async path => {
    const [response] = (await once(request({ socketPath, path, agent: false }).end(), 'response')) as [IncomingMessage];
    response.resume();
    return response.statusCode;
  });
  assert.deepEqual(await Promise.all(answers), [200, 404, 404, 404]);
});

test('a body with a field that nobody reads, or a word for a switch, does nothing', async () => {
  // `formMs` in place of `forMs` put a fault there for good; `{"volumes": "false"}` is no false.
  const socket = await serve({});
  for (const [path, body] of [
    ['/v1/faults', { service: 'a', fault: { kind: 'reset' }, formMs: 1000 }],
    ['/v1/faults', { service: 'a', fault: { kind: 'reset', forMs: 1000 } }],
    ['/v1/faults/remove', { ids: [], all: true }],
    ['/v1/explain', { from: 'a', method: 'GET', url: 'http://b/', header: [] }],
    ['/v1/stop', { containers: 'yes' }],
    ['/v1/down', { volume: true }],
  ] as const)
    assert.equal(await statusOf(socket, path, JSON.stringify(body)), 409, `${path} ${JSON.stringify(body)}`);
});

test('a path that is no path, and a body without end, are answered and no bugs', async () => {
  const socket = await serve({});
  bugs.length = 0;
  assert.equal(await statusOf(socket, '//', '{}'), 404);
  assert.equal(await statusOf(socket, '//[', '{}'), 404);
  assert.equal(await statusOf(socket, '/v1/faults', 'x'.repeat(10 * 1024 * 1024)), 409);
  assert.equal(await statusOf(socket, '/v1/faults', '['.repeat(60_000)), 409);
  assert.deepEqual(bugs, []);
});

async function statusOf(socketPath: string, path: string, body: string): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
  const asked = request({ socketPath, path, method: 'POST' }, response => {
    response.resume();
    resolve(response.statusCode);
  });
  asked.on('error', reject);
  asked.end(body);
  return promise;
}

test('a stream that has to wait for its reader often leaves no listeners behind', async t => {
  const warnings: string[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning.message);
  process.on('warning', onWarning);
  t.after(() => process.off('warning', onWarning));
  const socket = await serve({
    async *events() {
      for (let seq = 0; seq < 40; seq++) yield { ...event(seq), reason: 'x'.repeat(300_000) };
    },
  });
  let read = 0;
  for await (const _ of connectApi(socket).events(0, new AbortController().signal)) read++;
  assert.equal(read, 40);
  // Warnings are told in a later turn.
  await new Promise(resolve => setImmediate(resolve));
  assert.deepEqual(warnings, []);
});
