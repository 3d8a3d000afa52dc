/** What a running daemon answers over TCP, held against the published description of its API. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { MeshError } from '../../src/api/mesh-error.ts';
import type { MeshApi } from '../../src/api/types.ts';
import { systemClock } from '../../src/async/clock.ts';
import type { ObservedWorkload } from '../../src/control/control-plane.ts';
import { createCaLink } from '../../src/daemon/ca-link.ts';
import { createCsr } from '../../src/identity/certificate-request.ts';
import { bucketBounds } from '../../src/telemetry/histogram.ts';
import { tappedExchange } from '../cli/tapped-exchange.ts';
import { gatewayConfig, meshConfig, oneContainer } from '../runtime/configs.ts';
import { bundleFolder, testRuntime } from '../runtime/test-runtime.ts';
import { eventually } from '../support/eventually.ts';
import { FakeDocker } from '../support/fake-docker.ts';
import { LoopbackMesh } from '../support/loopback-mesh.ts';
import { operationsOf, published, Validator } from '../support/openapi.ts';
import { newKey } from '../support/test-ca.ts';
import { WebApi } from '../support/web-api.ts';
import { spanOf, traceIdOf } from './observe/span-of.ts';
import { mistake, TestDaemon } from './test-daemon.ts';

const operations = operationsOf(published);
const validator = new Validator(published);
const asked = new Set<string>();
let count = 0;
let bundle: Awaited<ReturnType<typeof bundleFolder>>;
let home: string;
let mesh: TestDaemon;
let pki: LoopbackMesh;
let web: WebApi;

before(async () => {
  [bundle, home] = await Promise.all([bundleFolder(), mkdtemp(join(tmpdir(), 'mesh-answers-'))]);
  const docker = new FakeDocker();
  for (const image of ['node:24', 'a:1']) docker.addImage(image);
  const sidecar = { bundleDir: bundle.path, nodeBinary: null, baseImage: 'node:24', uid: 1337, controlPort: 15012 };
  const config = meshConfig([oneContainer('a', 'a:1', 80), oneContainer('b', 'a:1', 80)], {
    gateways: [gatewayConfig('web', 8080)],
  });
  mesh = new TestDaemon(testRuntime(docker, 'shop', bundle.path, { sidecar }), config);
  pki = await LoopbackMesh.start({ directory: join(home, 'pki'), svidTtlMs: 3_600_000 });
  const ca = createCaLink(pki.authority, pki.control, systemClock);
  await eventually(() => assert.ok(ca.document().svids.every(svid => svid.root !== null)));
  web = await WebApi.start(
    withOthers(mesh.daemon, {
      // The daemon of a test has neither a CA nor a dashboard, and is to live on.
      ca: async () => ca.document(),
      rotateCa: signal => ca.rotate(signal),
      issuePerson: request => ca.issuePerson(request),
      stop: async () => undefined,
      down: async (_, onLine) => onLine('removed'),
      openDashboard: async () => {
        throw new MeshError('no-dashboard', 'not here');
      },
    }),
  );
  await eventually(() => assert.equal(mesh.of('ready').length, 1));
  tellOfTraffic();
});
after(async () => {
  await web[Symbol.asyncDispose]();
  await mesh[Symbol.asyncDispose]();
  await pki[Symbol.asyncDispose]();
  await bundle.remove();
  await rm(home, { recursive: true, force: true });
});

function withOthers(api: MeshApi, others: Partial<MeshApi>): MeshApi {
  return new Proxy(api, {
    get(target, name) {
      const value: unknown = Reflect.has(others, name) ? Reflect.get(others, name) : Reflect.get(target, name, target);
      return typeof value === 'function' && !Reflect.has(others, name) ? value.bind(target) : value;
    },
  });
}

const sidecarOf = (service: string): ObservedWorkload => ({ name: `${service}-1`, service, version: '', kind: 'sidecar' });

function tellOfTraffic(): void {
  const party = (service: string) => ({
    service,
    version: '',
    workload: service,
    principal: `spiffe://m.local/ns/default/sa/${service}`,
  });
  const durations = Array.from({ length: bucketBounds.length + 1 }, (_, i) => (i === 3 ? 10 : 0));
  const counts = { requests: 10, failures: 1, clientErrors: 2, denied: 1, durations, bytesIn: 5, bytesOut: 6, open: 1 };
  const edge = { source: party('a'), destination: party('b'), protocol: 'http' as const, ...counts };
  const rules = [{ name: 'b/default', hits: 10, failures: 1 }];
  mesh.control.tell(sidecarOf('a'), { kind: 'signals', edges: [{ ...edge, reporter: 'source', secured: null, rules }] });
  mesh.control.tell(sidecarOf('b'), { kind: 'signals', edges: [{ ...edge, reporter: 'destination', secured: true, rules: [] }] });
  const retries = [{ atMs: Date.now(), workload: 'b-1', address: '10.0.0.7:80', outcome: '503' }];
  const lost = { open: 1, traceId: traceIdOf('a'), spanId: '0123456789abcdef' };
  const spans = [
    spanOf('a/1', 'a', { startMs: Date.now(), to: 'b', retries, attempts: 2 }),
    spanOf('a/2/1', 'b', { startMs: Date.now(), side: 'server', status: 503, flag: 'UF' }),
    spanOf('b/3', 'b', { startMs: Date.now(), to: 'a', lost }),
  ];
  for (const { from, facts } of spans) mesh.control.tell(sidecarOf(from.service), { kind: 'spans', dropped: 0, spans: [facts] });
}

/** One request to a documented operation; every document of its answer has to be what is written. Resolves to them. */
async function ask(name: string, { path = name.split(' ')[1] ?? '', body, headers = {} }: Asking = {}): Promise<unknown[]> {
  const operation = operations.get(name);
  assert.ok(operation, name);
  asked.add(name);
  const [method = ''] = name.split(' ');
  if (body !== undefined) {
    const schema = operation.requestBody?.content?.['application/json']?.schema;
    if (schema !== undefined) validator.check(schema, body, `the body of ${name}`);
  }
  const known = new Set(operation.parameters?.filter(each => each.in === 'query').map(each => each.name));
  for (const parameter of new URL(path, 'http://mesh').searchParams.keys())
    assert.ok(known.has(parameter), `${name}: ${parameter}`);
  const answer = await web.fetch(path, {
    method,
    headers: { ...web.bearer, 'content-type': 'application/json', ...headers },
    ...(method === 'POST' ? { body: JSON.stringify(body ?? {}) } : {}),
  });
  const described = operation.responses[answer.status]?.content;
  const type = answer.headers.get('content-type')?.split(';')[0] ?? '';
  const schema = described?.[type]?.schema;
  if (schema === undefined) assert.fail(`${name} answered ${answer.status} ${type}: ${await answer.text()}`);
  const documents = await documentsOf(answer, type);
  for (const document of documents) validator.check(schema, document, name);
  return documents;
}

interface Asking {
  readonly path?: string;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

/** All that comes, or the first of what does not end. */
async function documentsOf(answer: Response, type: string): Promise<unknown[]> {
  if (type === 'text/plain') return [await answer.text()];
  if (type === 'application/json') return [await answer.json()];
  let text = '';
  for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
    text += Buffer.from(chunk).toString();
    if (text.includes('\n') && !answer.url.includes('follow=false')) break;
  }
  const lines = text.slice(0, text.lastIndexOf('\n')).split('\n');
  return type === 'text/event-stream'
    ? lines.filter(line => line.startsWith('data: ')).map(line => JSON.parse(line.slice('data: '.length)) as unknown)
    : lines.map(line => JSON.parse(line) as unknown);
}

test('what the mesh is', async () => {
  await ask('GET /v1/ping');
  const [document] = await ask('GET /v1/openapi.json');
  assert.deepEqual(document, published);
  await ask('GET /v1/status');
  await ask('GET /v1/plan');
  await ask('GET /v1/config');
  await ask('GET /v1/proxy', { path: '/v1/proxy?workload=a-1&what=state' });
  await ask('GET /v1/proxy', { path: '/v1/proxy?workload=nobody' });
  await ask('GET /v1/prometheus/targets');
  await ask('GET /metrics');
});

test('what is done to it', async () => {
  mesh.save(mistake);
  await eventually(() => assert.equal(mesh.of('diagnostics').at(-1)?.diagnostics.length, 1));
  await ask('POST /v1/reload');
  await ask('GET /v1/status');
  const fault = { kind: 'delay', ms: 5, jitterMs: 0, percent: 50 };
  await ask('POST /v1/faults', { body: { service: 'a', fault, forMs: 60_000 } });
  await ask('POST /v1/faults', { body: { service: 'nobody', fault } });
  await ask('GET /v1/faults');
  await ask('GET /v1/status');
  await ask('POST /v1/faults/remove', { body: { ids: 'all' } });
  await ask('POST /v1/stop', { body: { containers: false } });
  assert.equal((await ask('POST /v1/down', { body: {} })).length, 2);
  await ask('POST /v1/dashboard', { body: {} });
});

test('what it would do with a request', async () => {
  const body = { from: 'a', method: 'GET', url: 'http://b/', headers: [['end-user', 'jason']] };
  await ask('POST /v1/explain', { body });
  await ask('POST /v1/explain', { body: { ...body, from: 'nobody' } });
  await ask('GET /v1/access');
  await ask('GET /v1/access/calls', { path: '/v1/access/calls?forMs=0' });
  await ask('POST /v1/access/check', { body: { ...body, from: 'a' } });
});

test('what passes it', async () => {
  for (const what of ['stats', 'graph', 'routes'] as const)
    await eventually(async () => {
      const [document] = await ask(`GET /v1/${what}`, {
        path: `/v1/${what}?window=5m&service=a&service=b${what === 'stats' ? '&step=10s' : ''}`,
      });
      const { edges, routes } = document as { edges?: readonly object[]; routes?: readonly object[] };
      assert.ok((edges ?? routes ?? []).length > 0, 'no traffic yet');
    });
  await ask('GET /v1/stats', { path: '/v1/stats?from=yesterday' });
  await ask('GET /v1/stats/live', { path: '/v1/stats/live?window=10s' });
  const [list] = await ask('GET /v1/traces', { path: '/v1/traces?limit=5&minMs=0' });
  assert.equal((list as { traces: readonly object[] }).traces.length, 2);
  await ask('GET /v1/traces', { path: '/v1/traces?status=slow' });
  await ask('GET /v1/traces/{id}', { path: `/v1/traces/${traceIdOf('a')}` });
  await ask('GET /v1/traces/{id}', { path: '/v1/traces/nobody' });
  const following = ask('GET /v1/traces/live', { path: '/v1/traces/live?service=a' });
  const telling = setInterval(() => {
    const { from, facts } = spanOf(`c${++count}/1`, 'a', { startMs: Date.now(), to: 'b' });
    mesh.control.tell(sidecarOf(from.service), { kind: 'spans', dropped: 0, spans: [facts] });
  }, 100);
  assert.ok((await following.finally(() => clearInterval(telling))).length > 0);
  const [broken] = await ask('GET /v1/traces/broken');
  assert.equal((broken as { services: readonly object[] }).services.length, 1);
});

test('live requests', async () => {
  const tapping = ask('GET /v1/tap', { path: '/v1/tap?max=2&bodyBytes=10&status=5xx&header=end-user' });
  await eventually(() => assert.equal(mesh.control.taps.length, 1));
  const ids = [mesh.control.taps[0]?.id ?? 0];
  const requestBody = { base64: 'aGVsbG8=', cut: false };
  mesh.control.tellTapped(sidecarOf('b'), {
    kind: 'tapped',
    dropped: ids.map(id => ({ id, count: 3 })),
    events: [{ ids, event: { ...tappedExchange, requestBody } }],
  });
  assert.ok((await tapping).length > 0);
  await ask('GET /v1/tap', { path: '/v1/tap?at=nowhere' });
});

test('events, as lines and as server-sent events', async () => {
  const lines = await ask('GET /v1/events', { path: '/v1/events?follow=false&after=0' });
  assert.ok(lines.length > 3);
  const events = await ask('GET /v1/events', { path: '/v1/events?follow=false', headers: { accept: 'text/event-stream' } });
  assert.deepEqual(events, lines);
});

test('certificates', async () => {
  await ask('GET /v1/ca');
  const csrPem = createCsr(newKey(), 'spiffe://bookshop.local/person/alice');
  await ask('POST /v1/ca/issue', { body: { name: 'alice', csrPem, ttlMs: 3_600_000 } });
  await ask('POST /v1/ca/issue', { body: { name: '../alice', csrPem, ttlMs: 3_600_000 } });
  await ask('POST /v1/ca/rotate');
});

test('a browser that logs in', async () => {
  const [session] = await ask('POST /v1/session', { body: { token: web.token } });
  assert.equal((session as { kind: string }).kind, 'Session');
  await ask('POST /v1/session', { body: { token: 'wrong' } });
  await ask('POST /v1/login-code');
  await ask('DELETE /v1/session');
});

test('and nothing is left out', () => {
  assert.deepEqual(
    [...operations.keys()].filter(name => !asked.has(name)),
    [],
  );
});
