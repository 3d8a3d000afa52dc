/** Traffic cases of Istio's own tests: its objects translated, loaded, compiled, and run by real sidecars over real sockets. */
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { translateIstio } from '../../src/interop/istio/translate.ts';
import { eventually } from '../support/eventually.ts';
import { CaseTokens } from './mesh/case-tokens.ts';
import { type Answer, type Asked, grpcCall, http, http2, tcp } from './mesh/clients.ts';
import { ConformanceMesh, type Entrance, type ServiceSpec } from './mesh/conformance-mesh.ts';
import { grpcPaths } from './mesh/echo-app.ts';
import { checkHeaders, checkResponse, type ExpectedHeaders, type ExpectedResponse } from './mesh/expectations.ts';
import { casesMissing, istioCases, istioObject, noCases } from './mesh/istio-cases.ts';
import { type Outcome, report, testCase, titleOf } from './report.ts';

/** Those of security are in istio-security.test.ts; the others are about Kubernetes. */
const groups = ['routing', 'mirror', 'headers', 'inbound', 'protocol', 'loadbalancing', 'gateway'];

interface Case {
  readonly id: string;
  readonly group: string;
  readonly test: string;
  readonly title?: string;
  readonly config?: string;
  readonly request: {
    readonly from?: string;
    readonly to?: string;
    readonly via?: 'ingress';
    readonly address?: string;
    readonly port?: string;
    readonly protocol: 'http' | 'h2' | 'grpc' | 'tcp';
    readonly method?: string;
    readonly path?: string;
    readonly host?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly followRedirects?: boolean;
    readonly count?: number;
  };
  readonly expect: {
    readonly status?: number;
    readonly location?: string;
    readonly backend?: string;
    readonly mtls?: boolean;
    readonly upstream?: ExpectedHeaders & { readonly host?: string; readonly path?: string; readonly protocol?: string };
    readonly response?: ExpectedResponse;
    readonly shares?: Readonly<Record<string, number>>;
    readonly toleranceAbs?: number;
    readonly mirrored?: { readonly service: string; readonly percent: number; readonly toleranceAbs: number };
    readonly distinctInstances?: number | '>1';
  };
}

/** Ports by their names in the cases. */
const ports: Readonly<Record<string, number>> = {
  http: 8080,
  'auto-http': 8090,
  grpc: 7070,
  'auto-grpc': 7071,
  tcp: 9000,
  'ports.HTTP': 8080,
  'ports.HTTPLocalHost': 8080,
  'ports.HTTPInstance': 8099,
};
const echo: ServiceSpec = {
  ports: [
    { port: 8080, name: 'http', app: 'http' },
    { port: 8090, app: 'http' },
    { port: 8099, name: 'http', app: 'none' },
    { port: 7070, name: 'grpc', app: 'grpc' },
    { port: 7071, app: 'grpc' },
    { port: 9000, name: 'tcp', app: 'tcp' },
  ],
};
const services: Readonly<Record<string, ServiceSpec>> = {
  a: echo,
  b: echo,
  c: echo,
  d: echo,
  headless: echo,
  'consistent-hash': { ...echo, replicas: 3 },
};

/** Why a case says nothing about this mesh; `null`: it does. */
function inapplicable({ id, request }: Case): string | null {
  if (request.address !== undefined)
    return 'is decided by the kernel: calls to its own addresses are not intercepted (test/proxy/interception.test.ts)';
  // Cases of servers that listen at one address only, where Istio's sidecar dials the address of the pod.
  const atPodAddress = ['001', '002', '004', '005', '006', '008'].map(number => `instance-bind-address-${number}`);
  if (atPodAddress.includes(id))
    return "the sidecar dials its app at the pod's loopback address, as Istio does where a Sidecar object says 127.0.0.1";
  return null;
}

describe('Istio', { skip: casesMissing }, () => {
  const { meta, configs, cases } = casesMissing === false ? istioCases<Case>() : noCases;
  const mine = cases.filter(({ group }) => groups.includes(group));
  const outcomes: Outcome[] = [];
  let mesh: ConformanceMesh;
  let tokens: CaseTokens;
  before(async () => {
    tokens = await CaseTokens.mint(meta.fixture.tokens);
    mesh = await ConformanceMesh.start({ network: 50 }, services);
  });
  after(async () => {
    await mesh[Symbol.asyncDispose]();
    report('Istio', outcomes);
  });

  for (const config of new Set(mine.map(one => one.config ?? 'none'))) {
    describe(config, () => {
      before(async () => {
        const objects = (configs[config] ?? []).map(object => istioObject(tokens.withKeys(object)));
        const { document } = translateIstio(objects, {
          service: host => (services[host.split('.')[0] ?? ''] === undefined ? null : (host.split('.')[0] ?? null)),
          destinationPort: (_service, written, dialled) => (written === 80 || dialled === 80 ? 8080 : written),
          hostPort: (_gateway, port) => (port === 80 ? 8080 : port),
        });
        await mesh.use({ ...document, mtls: 'permissive' });
      });
      for (const one of mine.filter(({ config: used = 'none' }) => used === config))
        testCase(
          outcomes,
          { group: one.group, id: one.id, title: titleOf(one) },
          () => run(mesh, tokens, one),
          inapplicable(one),
        );
    });
  }
});

async function run(mesh: ConformanceMesh, tokens: CaseTokens, one: Case): Promise<void> {
  const { request, expect } = one;
  const port = ports[request.port ?? 'http'] ?? 0;
  const to = await entranceOf(mesh, one, port);
  const asked = askedOf(mesh, tokens, one, port);
  const { count = 1 } = request;
  if (request.protocol === 'tcp') {
    const names = new Set<string | null>();
    for (let sent = 0; sent < count; sent++) names.add(await tcp(to));
    assert.ok(!names.has(null), 'a connection was refused');
    checkInstances(expect.distinctInstances, names.size);
    return;
  }
  // Shares are drawn: a sample that is not near enough may be taken again.
  for (let attempt = 1; ; attempt++) {
    try {
      await sample(mesh, one, to, asked, count);
      return;
    } catch (error) {
      if (count === 1 || attempt === 4) throw error;
    }
  }
}

async function sample(mesh: ConformanceMesh, one: Case, to: Entrance, asked: Asked, count: number): Promise<void> {
  const { expect, request } = one;
  for (const service of mesh.services.values()) service.seen.length = 0;
  const answers: Answer[] = [];
  for (let sent = 0; sent < count; sent += 20)
    answers.push(...(await Promise.all(Array.from({ length: Math.min(20, count - sent) }, () => send(request, to, asked)))));
  for (const answer of answers) check(one, asked, answer);
  const share = (name: string): number => answers.filter(answer => answer.seen?.service === name).length / count;
  for (const [name, wanted] of Object.entries(expect.shares ?? {}))
    assert.ok(Math.abs(share(name) - wanted) <= (expect.toleranceAbs ?? 0), `${name} got ${share(name)}, not ${wanted}`);
  checkInstances(expect.distinctInstances, new Set(answers.map(answer => answer.seen?.workload)).size);
  if (expect.mirrored === undefined) return;
  const { service, percent, toleranceAbs } = expect.mirrored;
  const wanted = (count * percent) / 100;
  const copies = (): number => mesh.services.get(service)?.seen.length ?? 0;
  // Copies are still on their way when their originals are answered.
  await eventually(() => assert.ok(Math.abs(copies() - wanted) <= toleranceAbs, `${copies()} copies, not ${wanted}`), {
    timeoutMs: 1000,
  });
}

async function send(request: Case['request'], to: Entrance, asked: Asked): Promise<Answer> {
  if (request.protocol === 'grpc') return grpcCall(to, asked);
  const client = request.protocol === 'h2' ? http2 : http;
  const answer = await client(to, asked);
  if (request.followRedirects !== true || answer.status < 300 || answer.status > 399) return answer;
  const { pathname, search } = new URL(answer.headers.location ?? '', 'http://b');
  return client(to, { ...asked, path: `${pathname}${search}` });
}

function askedOf(mesh: ConformanceMesh, tokens: CaseTokens, { request }: Case, port: number): Asked {
  const { method = 'GET', path = '/', host, to } = request;
  const headers = Object.fromEntries(Object.entries(request.headers ?? {}).map(([name, value]) => [name, tokens.written(value)]));
  const written = (host ?? `${to}:${port}`)
    .replace('{svc}', to ?? '')
    .replace('{ns}', 'ns1')
    .replace('{ip}', mesh.podAddress(`${to}-1`))
    .replace('{port}', String(port));
  if (request.protocol === 'grpc') return { path: grpcPaths.at(-1) ?? '', host: written, headers };
  // No client sends the fragment.
  return { method, path: path.replace(/#.*/, ''), headers, host: written };
}

function entranceOf(mesh: ConformanceMesh, { request }: Case, port: number): Entrance | Promise<Entrance> {
  return request.via === 'ingress' ? mesh.gateway('ingress') : mesh.service(request.from ?? 'a', request.to ?? '', port);
}

function check({ request, expect }: Case, asked: Asked, answer: Answer): void {
  if (request.protocol === 'grpc') assert.equal(answer.grpcStatus, 0, answer.body);
  else if (expect.status !== undefined) assert.equal(answer.status, expect.status, answer.body);
  // The cases' port 80 is 8080 here.
  if (expect.location !== undefined) assert.equal(answer.headers.location, expect.location.replace(':80/', ':8080/'));
  if (expect.response !== undefined) checkResponse(expect.response, answer.headers);
  const { upstream } = expect;
  if (expect.backend !== undefined) assert.equal(answer.seen?.service, expect.backend);
  if (expect.mtls === true) assert.match(answer.seen?.headers['x-forwarded-client-cert'] ?? '', /^By=spiffe:/);
  if (upstream === undefined) return;
  assert.ok(answer.seen !== null, 'no server saw it');
  if (upstream.host !== undefined) assert.equal(answer.seen.host, upstream.host === 'unchanged' ? asked.host : upstream.host);
  if (upstream.path !== undefined) assert.equal(answer.seen.path, upstream.path);
  if (upstream.protocol !== undefined) assert.equal(answer.seen.protocol, upstream.protocol);
  checkHeaders(upstream, answer.seen.headers);
}

function checkInstances(wanted: number | '>1' | undefined, found: number): void {
  if (wanted === '>1') assert.ok(found > 1, 'one instance got all');
  else if (wanted !== undefined) assert.equal(found, wanted);
}
