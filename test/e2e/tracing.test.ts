/** Traces on a real engine: whole where apps pass the context on, torn and named where they do not, and sent to a collector. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import type { BrokenPropagationDocument, TraceDocument, TracesDocument } from '../../src/api/trace.ts';
import { eventually } from '../support/eventually.ts';
import { serviceLine, TinyMesh } from '../support/tiny-mesh.ts';

const patience = { timeoutMs: 30_000, everyMs: 100 };
/** An app that asks the next one before it answers. */
const relay = (next: string, headers: string): string =>
  `require("http").createServer(async(q,a)=>{const h=q.headers;const r=await fetch("http://${next}/item/17?token=abc",{headers:${headers}});a.end(await r.text())}).listen(7000)`;
const passing = '{traceparent:h.traceparent,"x-request-id":h["x-request-id"]}';

let mesh: TinyMesh;
/** Bodies that the collector got. */
const collected: Buffer[] = [];
const collector = createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on('data', part => parts.push(part));
  request.on('end', () => {
    collected.push(Buffer.concat(parts));
    response.end();
  });
});

before(async () => {
  collector.listen(0, '127.0.0.1');
  await once(collector, 'listening');
  const services =
    serviceLine('keeper', 7000, relay('hello:7000', passing)) + serviceLine('loser', 7000, relay('hello:7000', '{}'));
  mesh = await TinyMesh.create(`e2e-tracing-${process.pid}`, services);
  // Node's port is one that databases use too: what is not told is raw TCP.
  await mesh.edit(text =>
    text
      .replaceAll('port: 7000,', 'port: 7000, protocol: http,')
      .replace('routes: [{to: hello}]', 'routes: [{match: {path: /lost}, to: loser}, {to: keeper}]'),
  );
  const endpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
  const up = await mesh.meshWith({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }, 'up', '-d', '--wait');
  assert.equal(up.code, 0, up.stdout + up.stderr);
});

after(async () => {
  collector.closeAllConnections();
  collector.close();
  await mesh?.[Symbol.asyncDispose]();
});

async function json<T>(...args: string[]): Promise<T> {
  const { code, stdout, stderr } = await mesh.mesh(...args, '--json');
  assert.equal(code, 0, stdout + stderr);
  return JSON.parse(stdout) as T;
}

test('a request is one trace of four spans from the gateway to the last app, found by its request id', async t => {
  assert.equal((await mesh.get('/kept', { 'x-request-id': 'the-one' })).status, 200);
  const trace = await eventually(async () => {
    const found = await json<TraceDocument>('trace', 'the-one');
    assert.equal(found.hops.length, 4);
    return found;
  }, patience);
  assert.deepEqual(trace.services, ['web', 'keeper', 'hello']);
  assert.deepEqual(
    trace.hops.map(({ service, kind }) => `${service} ${kind}`),
    ['web client', 'keeper server', 'keeper client', 'hello server'],
  );
  // Each below the one before it.
  const [, ...parents] = trace.hops.map(({ parentId }) => parentId);
  assert.deepEqual(
    parents,
    trace.hops.slice(0, -1).map(({ spanId }) => spanId),
  );
  assert.equal(trace.hops[2]?.attributes['url.full'], 'http://hello:7000/item/17?token=***');
  assert.deepEqual(trace.notes, []);
  const { stdout } = await mesh.mesh('trace', trace.traceId.slice(0, 12));
  t.diagnostic(stdout);
  assert.match(stdout, /keeper → hello\s+GET \/item\/\{\*\}\s+200/);
});

test('an app that loses the context is named, with the call and the request that it belongs to; the other is not', async t => {
  for (let i = 0; i < 4; i++) assert.equal((await mesh.get('/lost')).status, 200);
  const [found, ...others] = await eventually(async () => {
    const { services } = await json<BrokenPropagationDocument>('traces', '--broken');
    assert.ok((services[0]?.alone ?? 0) >= 4, JSON.stringify(services));
    return services;
  }, patience);
  assert.deepEqual(others, []);
  assert.deepEqual([found?.service, found?.to, found?.verdict], ['loser', 'hello', 'does']);
  const { stdout } = await mesh.mesh('traces', '--broken');
  t.diagnostic(stdout);
  assert.match(stdout, /^loser does not pass on the trace context when it calls hello/);
  const belongs = await json<TraceDocument>('trace', found?.evidence.traceId ?? '');
  assert.deepEqual(belongs.services, ['web', 'loser']);
  assert.match(belongs.notes[0] ?? '', /goes on as/);
  const rest = await json<TraceDocument>('trace', found?.evidence.callTraceId ?? '');
  assert.deepEqual([rest.broken, rest.services], [true, ['loser', 'hello']]);
});

test('lists are filtered', async () => {
  const { traces } = await json<TracesDocument>('traces', '--service', 'keeper');
  assert.ok(traces.length >= 1 && traces.every(each => each.services.includes('keeper')));
  assert.deepEqual((await json<TracesDocument>('traces', '--status', '5xx')).traces, []);
  const wrong = await mesh.mesh('traces', '--status', 'bad');
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /no status "bad"/);
});

test('a collector gets the spans of all services', async () =>
  eventually(() => {
    const all = Buffer.concat(collected);
    for (const text of ['service.name', 'keeper', 'loser', 'hello', 'GET /item/{*}']) assert.ok(all.includes(text), text);
  }, patience));
