/** The Gateway API's own conformance cases: its objects translated, loaded, compiled, and run by real sidecars over real sockets. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { after, before, describe } from 'node:test';
import { fileURLToPath } from 'node:url';
import { translateGatewayApi } from '../../src/interop/gateway-api/translate.ts';
import { eventually } from '../support/eventually.ts';
import { type Fixture, objectsOf } from './gateway-api-objects.ts';
import { type Answer, type Asked, grpcCall, handshake, http, webSocket } from './mesh/clients.ts';
import { ConformanceMesh, type Entrance, type ServiceSpec } from './mesh/conformance-mesh.ts';
import type { Seen } from './mesh/echo-app.ts';
import { checkHeaders, checkResponse, type ExpectedHeaders, type ExpectedResponse } from './mesh/expectations.ts';
import { type Outcome, report, testCase, titleOf } from './report.ts';

const file = fileURLToPath(new URL('../../../shared/cases/gateway-api.json', import.meta.url));
const missing = existsSync(file) ? false : 'the cases are not beside this repository';

interface Case {
  readonly id: string;
  readonly test: string;
  readonly fixture: string;
  readonly title?: string;
  readonly suite: 'gateway' | 'mesh';
  readonly provisional?: boolean;
  readonly backendSim?: {
    readonly failFirst?: number;
    readonly failStatus?: number;
    readonly failKind?: string;
    readonly delayEachFailure?: string;
    readonly responseHeaders?: Readonly<Record<string, string>>;
  };
  readonly via: {
    readonly gateway?: string;
    readonly fromService?: string;
    readonly fromNamespace?: string;
    readonly sni?: string;
  };
  readonly request: {
    readonly protocol: 'http' | 'https' | 'grpc' | 'tls' | 'websocket';
    readonly method?: string;
    readonly service?: string;
    readonly host?: string;
    readonly path?: string;
    readonly headers?: Readonly<Record<string, string>>;
  };
  readonly expect: {
    readonly kind: 'forward' | 'status' | 'redirect' | 'grpcStatus' | 'distribution' | 'connectionRejected';
    readonly status?: readonly number[];
    readonly backend?: { readonly service: string };
    readonly upstream?: ExpectedHeaders & { readonly host?: string; readonly path?: string };
    readonly redirect?: { readonly scheme?: string; readonly host?: string; readonly port?: string; readonly path?: string };
    readonly response?: ExpectedResponse;
    readonly grpcStatus?: number;
    readonly mirrored?: readonly { readonly service: string; readonly percent: number }[];
    readonly shares?: Readonly<Record<string, number>>;
    readonly sample?: {
      readonly requests: number;
      readonly toleranceAbs?: number;
      readonly toleranceStdDevs?: number;
      readonly maxAttempts?: number;
    };
  };
}

const infra: ServiceSpec = { ports: [8080, 8081, 8082].map(port => ({ port, name: 'http', app: 'http' })), replicas: 2 };
const grpcInfra: ServiceSpec = { ports: [{ port: 8080, name: 'grpc', app: 'grpc' }], replicas: 2 };
const echo: ServiceSpec = {
  ports: [
    { port: 8080, name: 'http', app: 'http' },
    { port: 7070, name: 'grpc', app: 'grpc' },
  ],
};
const services: Readonly<Record<string, ServiceSpec>> = {
  'infra-backend-v1': infra,
  'infra-backend-v2': infra,
  'infra-backend-v3': { ...infra, replicas: 1 },
  'grpc-infra-backend-v1': grpcInfra,
  'grpc-infra-backend-v2': grpcInfra,
  'grpc-infra-backend-v3': { ...grpcInfra, replicas: 1 },
  'tls-backend': { ports: [{ port: 8443, name: 'tls', app: 'tls' }] },
  'tls-backend-2': { ports: [{ port: 8443, name: 'tls', app: 'tls' }] },
  'web-backend': { ...infra, replicas: 1 },
  echo,
  'echo-v1': echo,
  'echo-v2': echo,
  consumer: echo,
};
/** Ports of the cluster and those that the apps listen on here; nobody may need to be root. */
const ports: Readonly<Record<number, number>> = { 80: 8080, 443: 8443 };
const portOf = (port: number): number => ports[port] ?? port;
const grpcEcho = 'gateway_api_conformance.echo_basic.grpcecho.GrpcEcho';
const consumers = 'gateway-conformance-mesh-consumer';

describe('Gateway API', { skip: missing }, () => {
  const { fixtures, cases } = missing ? { fixtures: {}, cases: [] } : (JSON.parse(readFileSync(file, 'utf8')) as Corpus);
  const outcomes: Outcome[] = [];
  let mesh: ConformanceMesh;
  before(async () => {
    mesh = await ConformanceMesh.start({ network: 40 }, services);
  });
  after(async () => {
    await mesh[Symbol.asyncDispose]();
    report('Gateway API', outcomes);
  });

  for (const [name, fixture] of Object.entries(fixtures)) {
    describe(name, () => {
      before(() => {
        const objects = objectsOf(fixture);
        const { document } = translateGatewayApi(objects, {
          destination: ({ name, port }) =>
            services[name] === undefined ? null : port === undefined ? name : `${name}:${portOf(port)}`,
          targetPort: (_service, port) => portOf(port),
          hostPort: gateway => 9000 + objects.findIndex(object => object.metadata.name === gateway),
          callersIn: namespace => (namespace === consumers ? ['consumer'] : []),
        });
        return mesh.use({ ...document, mtls: 'permissive' });
      });
      for (const one of cases.filter(({ fixture }) => fixture === name))
        testCase(outcomes, { group: one.test, id: one.id, title: titleOf(one) }, () => patiently(one, () => run(mesh, one)));
    });
  }
});

interface Corpus {
  readonly fixtures: Readonly<Record<string, Fixture>>;
  readonly cases: readonly Case[];
}

/** Cases with timeouts of some 100 ms may be tried again: a machine under load can be slower than their clock. */
async function patiently({ fixture }: Case, attempt: () => Promise<void>): Promise<void> {
  for (let left = fixture.includes('timeout') ? 3 : 1; ; left--) {
    try {
      return await attempt();
    } catch (error) {
      if (left === 1) throw error;
    }
  }
}

async function run(mesh: ConformanceMesh, one: Case): Promise<void> {
  const { request, expect, via, backendSim } = one;
  const to = await entranceOf(mesh, one);
  for (const service of mesh.services.values()) {
    service.seen.length = 0;
    if (backendSim !== undefined) await service.forget();
    service.behaviour = {
      failFirst: backendSim?.failFirst ?? 0,
      failStatus: backendSim?.failKind === 'connectionReset' ? 0 : (backendSim?.failStatus ?? 500),
      failAfterMs: Number.parseInt(backendSim?.delayEachFailure ?? '0', 10),
      responseHeaders: backendSim?.responseHeaders ?? {},
    };
  }
  const asked = askedOf(one);
  if (request.protocol === 'tls') {
    assert.equal(await handshake(to, via.sni ?? ''), expect.kind !== 'connectionRejected');
    return;
  }
  if (request.protocol === 'websocket') {
    assert.deepEqual(await webSocket(to, asked), { status: 101, echoed: true });
    assert.equal(mesh.services.get(expect.backend?.service ?? '')?.seen.length, 1);
    return;
  }
  const send = (): Promise<Answer> => (request.protocol === 'grpc' ? grpcCall(to, asked) : http(to, asked, via.sni));
  if (expect.sample !== undefined) return sample(mesh, expect, send);
  check(mesh, one, asked, await send());
}

function askedOf({ request }: Case): Asked {
  const path =
    request.protocol === 'grpc' ? `/${request.service ?? grpcEcho}/${request.method ?? 'Echo'}` : (request.path ?? '/');
  return {
    path,
    ...(request.protocol === 'grpc' ? {} : { method: request.method ?? 'GET' }),
    ...(request.host === undefined || request.host.startsWith('{') ? {} : { host: request.host }),
    ...(request.headers === undefined ? {} : { headers: request.headers }),
  };
}

function entranceOf(mesh: ConformanceMesh, { via, request }: Case): Entrance | Promise<Entrance> {
  if (via.gateway !== undefined) return mesh.gateway(via.gateway);
  const from = via.fromNamespace === consumers ? 'consumer' : (via.fromService ?? '');
  const port = request.protocol === 'grpc' ? 7070 : 8080;
  if (request.host?.startsWith('{ip of')) return mesh.address(from, mesh.podAddress('echo-v2-1'), port);
  return mesh.service(from, request.host?.split(/[.:]/)[0] ?? 'echo', port);
}

function check(mesh: ConformanceMesh, { request, expect, suite, provisional }: Case, asked: Asked, answer: Answer): void {
  if (expect.grpcStatus !== undefined) assert.equal(answer.grpcStatus, expect.grpcStatus, answer.body);
  if (expect.status !== undefined) {
    const allowed = expect.status.some(status => status === 504 || status === 408) ? [...expect.status, 408, 504] : expect.status;
    assert.ok(allowed.includes(answer.status), `status ${answer.status}: ${answer.body}`);
  }
  if (expect.response !== undefined) checkResponse(expect.response, answer.headers);
  if (expect.redirect !== undefined) checkRedirect(expect.redirect, asked, answer.headers.location ?? '');
  if (expect.kind !== 'forward') return;
  // Where the sidecar answers for a server that failed, the server has still seen the request.
  const seen = answer.seen ?? lastSeen(mesh);
  if (seen === null && answer.status >= 500) return;
  assert.ok(seen !== null, `no server saw it: ${answer.status} ${answer.body}`);
  if (expect.backend !== undefined) assert.equal(seen.service, expect.backend.service);
  const { upstream } = expect;
  // The mesh suite states paths but does not compare them; a provisional one states another rule's.
  const pathTold = request.protocol !== 'grpc' && !(suite === 'mesh' && provisional === true);
  if (pathTold) assert.equal(seen.path, upstream?.path ?? asked.path);
  if (upstream?.host !== undefined) assert.equal(seen.host, upstream.host);
  if (upstream !== undefined) checkHeaders(upstream, seen.headers);
}

function lastSeen(mesh: ConformanceMesh): Seen | null {
  return [...mesh.services.values()].flatMap(service => service.seen).at(-1) ?? null;
}

function checkRedirect(expected: NonNullable<Case['expect']['redirect']>, asked: Asked, location: string): void {
  const found = new URL(location, 'http://localhost');
  assert.equal(found.protocol, `${expected.scheme ?? 'http'}:`);
  assert.equal(found.pathname, expected.path ?? asked.path);
  if (expected.host !== undefined) assert.equal(found.hostname, expected.host);
  assert.equal(found.port, expected.port ?? '');
}

/** Shares and mirrors are drawn: a sample has to be near enough, and may be taken again. */
async function sample(mesh: ConformanceMesh, expect: Case['expect'], send: () => Promise<Answer>): Promise<void> {
  const { requests = 0, toleranceAbs = 0, toleranceStdDevs = 0, maxAttempts = 3 } = expect.sample ?? {};
  for (let attempt = 1; ; attempt++) {
    for (const service of mesh.services.values()) service.seen.length = 0;
    for (let sent = 0; sent < requests; sent += 25) {
      const answers = await Promise.all(Array.from({ length: 25 }, send));
      for (const answer of answers) assert.equal(answer.grpcStatus ?? answer.status, expect.grpcStatus ?? 200, answer.body);
    }
    const count = (service: string): number => mesh.services.get(service)?.seen.length ?? 0;
    try {
      for (const [service, share] of Object.entries(expect.shares ?? {})) {
        const part = count(service) / requests;
        assert.ok(share === 0 ? part === 0 : Math.abs(part - share) <= toleranceAbs, `${service} got ${part}, not ${share}`);
      }
      for (const { service, percent } of expect.mirrored ?? []) {
        const mean = (requests * percent) / 100;
        const band = toleranceStdDevs * Math.sqrt(mean * (1 - percent / 100));
        // Copies are still on their way when their originals are answered.
        await eventually(
          () => assert.ok(Math.abs(count(service) - mean) <= band, `${service} got ${count(service)} copies, not ${mean}`),
          {
            timeoutMs: 1000,
          },
        );
      }
      return;
    } catch (error) {
      if (attempt === maxAttempts) throw error;
    }
  }
}
