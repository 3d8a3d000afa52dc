/** What Istio's documentation says of policies and its own tests do not ask, with real sidecars. @see ../shared/semantics.md, 2.7 and 2.8 */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { IstioObject } from '../../src/interop/istio/objects.ts';
import { translateIstio } from '../../src/interop/istio/translate.ts';
import { http, tcp } from './mesh/clients.ts';
import { ConformanceMesh, type PortSpec, type ServiceSpec } from './mesh/conformance-mesh.ts';

const web: PortSpec = { port: 8080, name: 'http', app: 'http' };
const services: Readonly<Record<string, ServiceSpec>> = {
  a: { ports: [web], namespace: 'ns1' },
  b: { ports: [web, { port: 9090, name: 'tcp', app: 'tcp' }], namespace: 'ns1' },
  'a-ns2': { ports: [web], namespace: 'ns2', account: 'a' },
};

function object(kind: string, spec: object, metadata: Partial<IstioObject['metadata']> = {}): IstioObject {
  return { kind, metadata: { name: kind.toLowerCase(), namespace: 'ns1', ...metadata }, spec };
}
const forB = { selector: { matchLabels: { app: 'b' } } };
const policy = (spec: object, metadata: Partial<IstioObject['metadata']> = {}): IstioObject =>
  object('AuthorizationPolicy', { ...forB, ...spec }, metadata);
const paths = (...list: string[]): object => ({ to: [{ operation: { paths: list } }] });
const from = (source: object): object => ({ from: [{ source }] });

describe('Istio policies', () => {
  let mesh: ConformanceMesh;
  before(async () => {
    mesh = await ConformanceMesh.start({ network: 80, trustDomain: 'cluster.local' }, services);
  });
  beforeEach(() => void mesh.lines.splice(0));
  after(() => mesh[Symbol.asyncDispose]());

  const use = async (...objects: IstioObject[]): Promise<void> => {
    const inNamespace = (namespace: string) => Object.keys(services).filter(name => services[name]?.namespace === namespace);
    const { document } = translateIstio(objects, { inNamespace });
    const { mtls = 'permissive', pathNormalization = 'base' } = document;
    await mesh.use({ ...document, trustDomain: 'cluster.local', mtls, pathNormalization, proxy: { accessLog: 'json' } });
  };
  /** Status of a request of `a` to `b`; `naked`: of somebody without a sidecar. */
  const status = async (path = '/', caller: 'a' | 'a-ns2' | 'naked' = 'a', host = 'b'): Promise<number> => {
    const to = caller === 'naked' ? { host: mesh.podAddress('b-1'), port: 8080 } : await mesh.service(caller, 'b', 8080);
    return (await http(to, { path, host })).status;
  };
  const connects = async (caller: 'a' | 'a-ns2' | 'naked' = 'a'): Promise<boolean> => {
    const to = caller === 'naked' ? { host: mesh.podAddress('b-1'), port: 9090 } : await mesh.service(caller, 'b', 9090);
    return (await tcp(to)) !== null;
  };
  const details = (): unknown => {
    const line = mesh.lines.findLast(one => one.includes('"upstream_cluster":"inbound|8080||b"'));
    return (JSON.parse(line ?? '{}') as Record<string, unknown>).response_code_details;
  };

  test('a policy without rules allows nobody, of its workload, its namespace, the mesh', async () => {
    for (const one of [
      policy({}),
      object('AuthorizationPolicy', {}),
      object('AuthorizationPolicy', {}, { namespace: 'istio-system' }),
    ]) {
      await use(one);
      assert.deepEqual([await status(), await connects()], [403, false]);
    }
    assert.equal(details(), 'rbac_access_denied_matched_policy[none]');
    await use(object('AuthorizationPolicy', {}, { namespace: 'ns2' }));
    assert.deepEqual([await status(), await connects()], [200, true]);
  });

  test('a rule without conditions takes everything', async () => {
    await use(policy({ rules: [{}] }));
    assert.deepEqual([await status('/', 'naked'), await connects('naked')], [200, true]);
    await use(policy({ action: 'DENY', rules: [{}] }));
    assert.deepEqual([await status(), await connects()], [403, false]);
    assert.equal(details(), 'rbac_access_denied_matched_policy[ns[ns1]-policy[authorizationpolicy]-rule[0]]');
  });

  test('a refusing policy without rules refuses nothing', async () => {
    await use(policy({ action: 'DENY' }));
    assert.deepEqual([await status(), await connects()], [200, true]);
  });

  test('policies of all scopes are joined, and a no goes before a yes', async () => {
    await use(
      policy({ rules: [paths('/own')] }, { name: 'own' }),
      object('AuthorizationPolicy', { rules: [paths('/namespace')] }, { name: 'namespace' }),
      object('AuthorizationPolicy', { rules: [paths('/mesh')] }, { name: 'mesh', namespace: 'istio-system' }),
      object(
        'AuthorizationPolicy',
        { action: 'DENY', rules: [from({ namespaces: ['ns2'] })] },
        { name: 'no', namespace: 'istio-system' },
      ),
    );
    for (const path of ['/own', '/namespace', '/mesh']) {
      assert.equal(await status(path), 200, path);
      assert.equal(await status(path, 'a-ns2'), 403, path);
    }
    assert.equal(await status('/other'), 403);
  });

  test('who has no certificate is nobody in particular', async () => {
    const everybody = from({ principals: ['*'] });
    await use(policy({ rules: [everybody] }));
    assert.deepEqual([await status('/', 'naked'), await connects('naked'), await status()], [403, false, 200]);
    await use(policy({ action: 'DENY', rules: [from({ notPrincipals: ['*'] })] }));
    assert.deepEqual([await status('/', 'naked'), await connects('naked'), await status()], [403, false, 200]);
    await use(policy({ action: 'DENY', rules: [from({ notNamespaces: ['ns1'] })] }));
    assert.deepEqual([await status('/', 'naked'), await status('/', 'a-ns2'), await status()], [403, 403, 200]);
  });

  test('on raw TCP what asks for requests never allows, and refuses without looking', async () => {
    await use(policy({ rules: [paths('/*')] }));
    assert.deepEqual([await status(), await connects()], [200, false]);
    await use(policy({ action: 'DENY', rules: [{ ...from({ namespaces: ['ns1'] }), ...paths('/never') }] }));
    assert.deepEqual([await status(), await connects(), await connects('a-ns2')], [200, false, true]);
  });

  test('sources and operations are alternatives, their fields all have to hold', async () => {
    const rule = {
      from: [{ source: { namespaces: ['ns1'], principals: ['*/sa/nobody'] } }, { source: { namespaces: ['ns2'] } }],
      to: [{ operation: { methods: ['GET'], paths: ['/x'] } }, { operation: { methods: ['POST'] } }],
    };
    await use(policy({ rules: [rule] }));
    assert.deepEqual([await status('/x', 'a-ns2'), await status('/y', 'a-ns2'), await status('/x')], [200, 403, 403]);
  });

  test('an older name of the trust domain is the trust domain', async () => {
    const old = policy({ rules: [from({ principals: ['old.test/ns/ns1/sa/a'] })] });
    await use(old, object('MeshConfig', { trustDomainAliases: ['old.test'] }));
    assert.deepEqual([await status(), await status('/', 'a-ns2')], [200, 403]);
    await use(old);
    assert.equal(await status(), 403);
  });

  test('hosts are compared in any case, with port and without', async () => {
    await use(policy({ rules: [{ to: [{ operation: { hosts: ['Shop.test', 'other.test:8080'] } }] }] }));
    for (const [host, expected] of [
      ['shop.TEST', 200],
      ['shop.test:8080', 200],
      ['other.test:8080', 200],
      ['other.test', 403],
      ['xshop.test', 403],
    ] as const)
      assert.equal(await status('/', 'a', host), expected, host);
  });

  test('a rehearsal and a mark change nothing, and are counted', async () => {
    const rehearsed = { annotations: { 'istio.io/dry-run': 'true' } };
    await use(
      policy({ action: 'DENY', rules: [{}] }, { name: 'deny', ...rehearsed }),
      policy({ rules: [paths('/never')] }, { name: 'allow', ...rehearsed }),
      policy({ action: 'AUDIT', rules: [paths('/x')] }, { name: 'audit' }),
    );
    assert.equal(await status('/x'), 200);
    const text = await mesh.stats('b-1');
    assert.match(text, /rule="ns\[ns1\]-policy\[deny\]-rule\[0\]",action="deny",result="denied",dry_run="true"\} 1\n/);
    assert.match(text, /rule="ns\[ns1\]-policy\[audit\]-rule\[0\]",action="audit",result="audited",dry_run="false"\} 1\n/);
    assert.equal(await connects(), true);
  });

  test('policies of a gateway, and of the mesh there', async () => {
    const gateway = object('Gateway', {
      selector: { istio: 'ingressgateway' },
      servers: [{ port: { number: 8080, protocol: 'HTTP' }, hosts: ['*'] }],
    });
    const route = {
      gateways: ['gateway'],
      hosts: ['*'],
      http: [{ route: [{ destination: { host: 'b', port: { number: 8080 } } }] }],
    };
    const edge = object('VirtualService', route);
    const at = async (path: string, headers: Readonly<Record<string, string>> = {}): Promise<number> =>
      (await http(mesh.gateway('ingress'), { path, headers, host: 'shop.test' })).status;
    const wall = (spec: object, metadata: object): IstioObject => object('AuthorizationPolicy', spec, metadata);
    await use(
      gateway,
      edge,
      wall({ action: 'DENY', selector: { matchLabels: { istio: 'ingressgateway' } }, rules: [paths('/edge')] }, { name: 'edge' }),
      wall({ action: 'DENY', rules: [paths('/mesh')] }, { name: 'mesh', namespace: 'istio-system' }),
    );
    assert.deepEqual([await at('/'), await at('/edge'), await at('/mesh')], [200, 403, 403]);
    assert.deepEqual([await status('/edge'), await status('/mesh')], [200, 403]);

    // Behind one proxy the real client is the last that it tells of.
    const targetRef = { kind: 'Gateway', name: 'gateway' };
    const office = { from: [{ source: { remoteIpBlocks: ['203.0.113.0/24'] } }] };
    const settings = { defaultConfig: { gatewayTopology: { numTrustedProxies: 1 } } };
    await use(gateway, edge, object('MeshConfig', settings), object('AuthorizationPolicy', { targetRef, rules: [office] }));
    const told = (addresses: string): Promise<number> => at('/', { 'x-forwarded-for': addresses });
    assert.deepEqual([await at('/'), await told('203.0.113.9'), await told('203.0.113.9, 198.51.100.1')], [403, 200, 403]);
  });

  test('whom nobody can ask refuses', async () => {
    await use(policy({ action: 'CUSTOM', provider: { name: 'gone' }, rules: [paths('/ask')] }));
    assert.deepEqual([await status('/ask'), await status('/other')], [403, 200]);
  });

  test('a strict workload in a permissive mesh, and one open port of it', async () => {
    await use(object('PeerAuthentication', { ...forB, mtls: { mode: 'STRICT' }, portLevelMtls: { 8080: { mode: 'DISABLE' } } }));
    assert.deepEqual([await status('/', 'naked'), await connects('naked')], [200, false]);
    assert.deepEqual([await status(), await connects()], [200, true]);
  });
});
