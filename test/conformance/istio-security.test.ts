/** Security cases of Istio's own tests: who may call whom, tokens, mTLS, paths. Run as those of istio.test.ts are. */
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import type { IstioObject } from '../../src/interop/istio/objects.ts';
import { translateIstio } from '../../src/interop/istio/translate.ts';
import type { MeshDocument } from '../../src/interop/mesh-document.ts';
import { loadDocument } from '../interop/load-document.ts';
import { CaseTokens } from './mesh/case-tokens.ts';
import { type Answer, type Asked, grpcCall, http, http2, tcp } from './mesh/clients.ts';
import { ConformanceMesh, type Entrance, type PortSpec, type ServiceSpec } from './mesh/conformance-mesh.ts';
import { EchoService } from './mesh/echo-app.ts';
import { checkHeaders, type ExpectedHeaders } from './mesh/expectations.ts';
import { type CaseObject, casesMissing, istioCases, istioObject, noCases } from './mesh/istio-cases.ts';
import { type Outcome, report, testCase, titleOf } from './report.ts';

const groups = ['authz', 'jwt', 'mtls', 'normalization'];

interface Case {
  readonly id: string;
  readonly group: string;
  readonly title?: string;
  readonly config?: string | readonly string[];
  readonly request: {
    readonly from?: string | { readonly service: string; readonly namespace: string };
    readonly to?: string;
    readonly via?: 'ingress' | 'egress';
    readonly port?: string;
    readonly protocol?: 'http' | 'h2' | 'grpc' | 'tcp';
    readonly method?: string;
    readonly path?: string;
    readonly host?: string;
    readonly headers?: Readonly<Record<string, string>>;
  };
  readonly expect: {
    readonly allow?: boolean;
    readonly ok?: boolean;
    readonly xfccHeaderAtBackend?: boolean;
    readonly status?: number | string;
    readonly body?: string;
    readonly grpcStatus?: number;
    readonly upstream?: ExpectedHeaders & { readonly path?: string };
  };
}

/** Ports by their names in the cases. */
const ports: Readonly<Record<string, number>> = { http: 8080, http2: 8085, grpc: 7070, tcp: 9090, https: 8443 };
const web: PortSpec = { port: 8080, name: 'http', app: 'http' };
const echo: readonly PortSpec[] = [
  web,
  { port: 8085, name: 'http2', app: 'http' },
  { port: 7070, name: 'grpc', app: 'grpc' },
  { port: 9090, name: 'tcp', app: 'tcp' },
];
const naked: readonly PortSpec[] = [web, { port: 9090, name: 'tcp', app: 'tcp' }];
const services: Readonly<Record<string, ServiceSpec>> = {
  a: { ports: [web], namespace: 'ns1' },
  b: { ports: echo, namespace: 'ns1' },
  'a-ns2': { ports: [web], namespace: 'ns2', account: 'a' },
  'b-ns2': { ports: [web], namespace: 'ns2', account: 'b' },
  // An ordinary service in place of Istio's egress gateway: its sidecar judges the same callers by the same hosts.
  egress: { ports: [web], namespace: 'ns1' },
  'ext-authz': { ports: [web], namespace: 'ns1' },
};
const inNamespace = (namespace: string): readonly string[] =>
  Object.keys(services).filter(name => services[name]?.namespace === namespace);

/** Why a case says nothing about this mesh; `null`: it does. */
function inapplicable({ request, config }: Case, objects: readonly IstioObject[]): string | null {
  const says = (mode: string): boolean =>
    objects.some(({ kind, spec }) => kind === 'DestinationRule' && JSON.stringify(spec).includes(`"mode":"${mode}"`));
  if (request.to === 'naked server' && says('ISTIO_MUTUAL'))
    return 'callers cannot be told to speak mTLS to a server that has no sidecar: what has one is known';
  if (request.to?.startsWith('instance without') === true) return 'every version of a service has a sidecar';
  if (request.to?.startsWith('instance with') === true && says('DISABLE'))
    return 'callers cannot be told to send plaintext to a service that refuses it: they see what it takes';
  if (config === 'c103' && request.protocol === 'tcp')
    return 'authorizers are asked by HTTP, about requests: the cases have another provider for raw TCP';
  return null;
}

describe('Istio security', { skip: casesMissing }, () => {
  const { meta, configs, cases } = casesMissing === false ? istioCases<Case>() : noCases;
  const mine = cases.filter(({ group }) => groups.includes(group));
  const outcomes: Outcome[] = [];
  const outside = new EchoService('naked');
  let mesh: ConformanceMesh;
  let tokens: CaseTokens;
  before(async () => {
    mesh = await ConformanceMesh.start({ network: 70, trustDomain: 'cluster.local' }, services);
    tokens = await CaseTokens.mint(meta.fixture.tokens);
    for (const { port, app } of naked) if (app === 'http' || app === 'tcp') await outside[app]('naked-1', nakedAddress, port);
    const authorizer = mesh.services.get('ext-authz');
    assert.ok(authorizer !== undefined);
    authorizer.behaviour = { ...authorizer.behaviour, refuses: ({ headers }) => headers['x-ext-authz'] !== 'allow' };
  });
  after(async () => {
    await mesh[Symbol.asyncDispose]();
    await outside.close();
    report('Istio security', outcomes);
  });

  const configOf = ({ config }: Case): string => (typeof config === 'string' ? config : 'none');
  for (const config of new Set(mine.map(configOf))) {
    const here = mine.filter(one => configOf(one) === config);
    const objects = [...(configs[config] ?? []), ...besides(here)].filter(
      // All of `b` is the version that has a sidecar.
      ({ kind }) => kind !== 'VirtualService' || !here.some(({ request }) => request.to?.startsWith('instance')),
    );
    describe(config, () => {
      before(async () => {
        if (here.some(one => inapplicable(one, objects.map(istioObject)) === null))
          await mesh.use(documentOf(objects, mesh, tokens));
      });
      for (const one of here)
        testCase(
          outcomes,
          { group: one.group, id: one.id, title: titleOf(one) },
          () => run(mesh, tokens, one),
          inapplicable(one, objects.map(istioObject)),
        );
    });
  }

  describe('unit', () => {
    const composed = cases.filter(({ id }) =>
      id.startsWith('peer-authentication-composition'),
    ) as unknown as readonly Composition[];
    for (const one of composed)
      testCase(outcomes, { group: 'unit (PeerAuthentication)', id: one.id, title: titleOf(one) }, () => compose(one));
  });
});

/** Where the server without a sidecar listens. */
const nakedAddress = '127.78.0.1';

/** What the cases' fixtures have, and their configs do not repeat. */
function besides(cases: readonly Case[]): readonly CaseObject[] {
  if (!cases.some(({ request }) => request.via === 'ingress')) return [];
  const http = { number: 80, name: 'http', protocol: 'HTTP' };
  return [
    { kind: 'Gateway', name: 'gateway', spec: { servers: [{ hosts: ['*'], port: http }] } },
    {
      kind: 'VirtualService',
      name: 'b',
      spec: { gateways: ['gateway'], hosts: ['*.b.com'], http: [{ route: [{ destination: { host: 'b' } }] }] },
    },
  ];
}

/** The objects as mesh.yaml. */
function documentOf(objects: readonly CaseObject[], mesh: ConformanceMesh, tokens: CaseTokens): MeshDocument {
  const asks = objects.some(({ provider }) => provider !== undefined);
  const provider = {
    name: 'ext-authz',
    envoyExtAuthzHttp: { service: 'ext-authz', port: 8080, includeRequestHeadersInCheck: ['x-ext-authz'] },
  };
  const all = [
    ...objects.map(object => istioObject(tokens.withKeys(filledIn(object, mesh)))),
    ...(asks ? [istioObject({ kind: 'MeshConfig', name: 'mesh', spec: { extensionProviders: [provider] } })] : []),
  ];
  const { document } = translateIstio(all, {
    service: host => (services[host.split('.')[0] ?? ''] === undefined ? null : (host.split('.')[0] ?? null)),
    destinationPort: (_service, written) => written ?? 8080,
    hostPort: (_gateway, port) => (port === 80 ? 8080 : port),
    withLabels: ({ app }) => (app === 'istio-egressgateway' ? ['egress'] : app === undefined ? null : [app]),
    inNamespace,
  });
  // Istio's own defaults; ours are stricter.
  const { mtls = 'permissive', pathNormalization = 'base' } = document;
  return { ...document, trustDomain: 'cluster.local', mtls, pathNormalization };
}

/** Numbers and addresses in place of their names. */
function filledIn(object: CaseObject, mesh: ConformanceMesh): CaseObject {
  const spec = JSON.parse(
    JSON.stringify(object.spec)
      .replaceAll('{ip of ns1/a}', mesh.podAddress('a-1'))
      .replaceAll('{ip of ns2/a}', mesh.podAddress('a-ns2-1'))
      .replaceAll('{ip of b}', mesh.podAddress('b-1'))
      .replaceAll('{port http}', String(ports.http))
      // Services of one mesh.yaml have no namespace in their names.
      .replaceAll('.b.ns1.svc.cluster.local', '.b')
      // A port that was not called; here it has to be one of the service.
      .replaceAll('"values":["1"]', `"values":["${ports.http2}"]`)
      .replace(/"(?:notP|p)orts":\[[^\]]*\]/g, list => list.replace(/"(http2?|grpc|tcp)"/g, (_, name) => `"${ports[name]}"`))
      .replace(/"portLevelMtls":\{.*?\}\}/g, map => map.replace(/"(\w+)":\{"mode"/g, (_, name) => `"${ports[name]}":{"mode"`)),
  ) as Record<string, unknown>;
  return object.provider === undefined
    ? { ...object, spec }
    : { ...object, spec: { ...spec, provider: { name: object.provider } } };
}

async function run(mesh: ConformanceMesh, tokens: CaseTokens, one: Case): Promise<void> {
  const { request, expect } = one;
  const to = await entranceOf(mesh, request);
  const answers = expect.allow ?? expect.ok ?? true;
  if (request.protocol === 'tcp' || request.port === 'tcp') {
    assert.equal((await tcp(to)) !== null, answers);
    return;
  }
  const answer = await send(to, request, tokens);
  check(one, answer, tokens);
  if (expect.ok !== undefined) assert.equal(answer.status === 200, expect.ok, `${answer.status}`);
  if (expect.xfccHeaderAtBackend !== undefined)
    assert.equal(
      answer.seen?.headers['x-forwarded-client-cert'] !== undefined,
      expect.xfccHeaderAtBackend,
      'x-forwarded-client-cert',
    );
}

function entranceOf(
  mesh: ConformanceMesh,
  { from, to = 'egress', via, port = 'http' }: Case['request'],
): Entrance | Promise<Entrance> {
  const number = ports[port] ?? 0;
  if (via === 'ingress') return mesh.gateway('ingress');
  if (from === 'naked client') return { host: mesh.podAddress(`${to}-1`), port: number };
  const client = typeof from === 'object' ? (from.namespace === 'ns1' ? from.service : `${from.service}-ns2`) : (from ?? 'a');
  if (to === 'naked server') return mesh.address(client, nakedAddress, number);
  return mesh.service(client, to.startsWith('instance') ? 'b' : to, number);
}

function send(to: Entrance, request: Case['request'], tokens: CaseTokens): Promise<Answer> {
  const { method = 'GET', headers = {}, host = request.to?.split(' ')[0] ?? 'egress', protocol = 'http' } = request;
  const written = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), tokens.written(value)]));
  // No client sends the fragment.
  const path = (request.path ?? '/').replace(/#.*/, '');
  const asked: Asked = { method, host, path, headers: written };
  if (protocol === 'grpc') return grpcCall(to, { ...asked, path: '/proto.EchoTestService/Echo' });
  return protocol === 'h2' ? http2(to, asked) : http(to, asked);
}

function check({ expect, request }: Case, answer: Answer, tokens: CaseTokens): void {
  if (request.protocol === 'grpc') assert.equal(answer.grpcStatus, expect.grpcStatus ?? 0, answer.body);
  else if (expect.allow !== undefined || typeof expect.status === 'number')
    assert.equal(answer.status, expect.status ?? (expect.allow === true ? 200 : 403), answer.body);
  if (expect.body !== undefined && request.protocol !== 'grpc') assert.equal(answer.body, expect.body);
  if (expect.allow === true) assert.ok(answer.seen !== null, 'no server saw it');
  const { upstream } = expect;
  if (upstream === undefined) return;
  assert.ok(answer.seen !== null, `no server saw it: ${answer.status} ${answer.body}`);
  if (upstream.path !== undefined) assert.equal(answer.seen.path, upstream.path);
  const headers = Object.entries(upstream.headers ?? {}).map(([name, value]) => [name, tokens.written(value)]);
  checkHeaders({ ...upstream, headers: Object.fromEntries(headers) }, answer.seen.headers);
}

/** What several PeerAuthentications come to for the workload `foo`. */
interface Composition {
  readonly id: string;
  readonly title: string;
  readonly input: readonly { readonly name: string; readonly scope: string; readonly spec: object }[];
  readonly expect: { readonly mode: string; readonly perPort?: Readonly<Record<string, string>> };
}

const modes: Readonly<Record<string, string>> = { STRICT: 'strict', PERMISSIVE: 'permissive', DISABLE: 'disabled' };

/** The cases' times of creation are told by their names. */
function createdAt(name: string): string {
  const seconds = name === 'second ago' ? 1 : name === 'second later' ? 3 : 2;
  return `2026-01-01T00:00:0${seconds}Z`;
}

async function compose({ input, expect }: Composition): Promise<void> {
  const objects = input.map(({ name, scope, spec }): IstioObject => {
    const namespace = scope === 'mesh' ? 'istio-system' : 'ns1';
    return { kind: 'PeerAuthentication', metadata: { name, namespace, creationTimestamp: createdAt(name) }, spec };
  });
  const { document } = translateIstio(objects, { withLabels: () => ['foo'] });
  const config = await loadDocument({ ...document, mtls: document.mtls ?? 'permissive' }, { foo: 80 });
  const foo = config.services.find(({ name }) => name === 'foo');
  assert.equal(foo?.mtls, modes[expect.mode]);
  for (const [port, mode] of Object.entries(expect.perPort ?? {}))
    assert.equal(foo?.mtlsPorts?.find(own => own.port === Number(port))?.mode ?? foo?.mtls, modes[mode], `port ${port}`);
}
