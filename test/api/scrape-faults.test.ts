/** Scrapers that misbehave, against the API on a real socket and sidecars that answer as told. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { createApiServer } from '../../src/api/server.ts';
import { systemClock } from '../../src/async/clock.ts';
import { Scrapes } from '../../src/daemon/scrapes.ts';
import { packExposition } from '../../src/telemetry/packed-exposition.ts';
import { eventually } from '../support/eventually.ts';
import { partialApi } from '../support/partial-api.ts';

const workloads = Array.from({ length: 20 }, (_, i) => `w-${i}`);
/** More than sockets buffer. */
const lines = Array.from({ length: 2_000 }, (_, i) => `h{path="/some/rather/long/path/to/make/it/large/${i}"} ${i}\n`).join('');
const whole = packExposition(`# TYPE h gauge\n${lines}`);

async function serve(t: TestContext, expositionOf: (workload: string) => Promise<unknown>, stuckMs = 30_000): Promise<number> {
  const scrapes = new Scrapes();
  const api = partialApi({ metrics: () => scrapes.read(async () => 'own 1\n', workloads, expositionOf) });
  const bugs: unknown[] = [];
  const server = createApiServer(api, { clock: systemClock, onBug: bug => bugs.push(bug), stuckMs });
  // On TCP, where a thousand may wait.
  server.listen({ port: 0, host: '127.0.0.1', backlog: 2_000 });
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
    assert.deepEqual(bugs, []);
  });
  return (server.address() as AddressInfo).port;
}

async function scrape(port: number): Promise<{ readonly status: number; readonly body: string }> {
  const [answer] = (await once(get({ port, path: '/metrics', agent: false }), 'response')) as [IncomingMessage];
  return { status: answer.statusCode ?? 0, body: await text(answer) };
}

test('of a thousand scrapes at once each is whole or refused, and the next one is served', async t => {
  const port = await serve(t, async () => packExposition(`# TYPE h gauge\n${lines.slice(0, 1_000)}\n`));
  const { body: alone } = await scrape(port);
  const answers = await Promise.all(Array.from({ length: 1_000 }, () => scrape(port)));
  const served = answers.filter(({ status }) => status === 200);
  assert.ok(served.length >= 8, `${served.length} were served`);
  // Sidecars come in the order of their answers.
  for (const { body } of served) assert.deepEqual(body.split('\n').sort(), alone.split('\n').sort());
  for (const { status, body } of answers)
    if (status !== 200) assert.match(`${status} ${body}`, /^503 .*"code":"too-many-scrapes"/);
  assert.equal((await scrape(port)).status, 200);
});

test('scrapers that take nothing are hung up on, and make room', async t => {
  const port = await serve(t, async () => whole, 200);
  const hung = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const socket = connect(port).pause();
      socket.on('error', () => {});
      socket.write('GET /metrics HTTP/1.1\r\nhost: mesh\r\n\r\n');
      await once(socket, 'connect');
      return socket;
    }),
  );
  await eventually(async () => assert.equal((await scrape(port)).status, 200));
  for (const socket of hung) socket.destroy();
});

test('sidecars that go away or start again during a scrape are left out of it whole', async t => {
  const away = new Set<string>();
  const port = await serve(t, async workload => {
    if (away.has(workload)) throw new Error('the connection ended');
    // The second half goes away while the first is asked.
    for (const each of workloads.slice(10)) away.add(each);
    return whole;
  });
  const { body } = await scrape(port);
  for (const workload of workloads) {
    const samples = body.split('\n').filter(line => line.startsWith('h{') && line.includes(`workload="${workload}"`));
    const up = body.includes(`mesh_sidecar_up{workload="${workload}"} 1\n`);
    assert.equal(samples.length, up ? 2_000 : 0, workload);
    assert.equal(up, !away.has(workload));
  }
  away.clear();
  assert.doesNotMatch(body, /^mesh_sidecar_up\{workload="w-0"\} 0$/m);
});
