import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { IstioObject } from '../../../src/interop/istio/objects.ts';
import { translateIstio } from '../../../src/interop/istio/translate.ts';

function object(kind: string, spec: object, metadata: Partial<IstioObject['metadata']> = {}): IstioObject {
  return { kind, metadata: { name: 'x', namespace: 'shop', ...metadata }, spec };
}
const web = { selector: { matchLabels: { app: 'web' } } };
const policy = (spec: object, metadata: Partial<IstioObject['metadata']> = {}): IstioObject =>
  object('AuthorizationPolicy', { ...web, ...spec }, { name: 'p', ...metadata });
const documentOf = (...objects: IstioObject[]) => translateIstio(objects).document;
/** What is written: a field that is `undefined` is not. */
const written = (value: unknown): unknown => (value === undefined ? undefined : JSON.parse(JSON.stringify(value)));
const rulesOf = (...objects: IstioObject[]): unknown => written(documentOf(...objects).access?.rules);
const path = (...paths: string[]): object => ({ to: [{ operation: { paths } }] });

describe('AuthorizationPolicy', () => {
  test('a source, an operation and all conditions make a rule', () => {
    const rule = {
      from: [{ source: { principals: ['cluster.local/ns/shop/sa/a', '*/sa/b', '*'], notIpBlocks: ['10.0.0.0/8'] } }],
      to: [{ operation: { methods: ['GET'], notPaths: ['/admin*'], ports: ['8080'] } }],
      when: [
        { key: 'request.headers[X-Role]', values: ['admin'], notValues: ['guest*'] },
        { key: 'request.auth.claims[realm][groups]', values: ['g'] },
        { key: 'request.auth.claims[https://shop.test/id]', notValues: ['*'] },
        { key: 'source.serviceAccount', values: ['a', 'other/b'] },
        { key: 'destination.port', notValues: ['9090'] },
      ],
    };
    assert.deepEqual(rulesOf(policy({ rules: [rule] })), [
      {
        name: 'ns[shop]-policy[p]-rule[0]',
        action: 'allow',
        to: ['web'],
        principals: ['spiffe://cluster.local/ns/shop/sa/a', '*/sa/b', '*'],
        notIps: ['10.0.0.0/8'],
        methods: ['GET'],
        notPaths: ['/admin*'],
        ports: [8080],
        headers: { 'x-role': ['admin'] },
        notHeaders: { 'x-role': ['guest*'] },
        claims: { 'realm.groups': ['g'] },
        notClaims: { '[https://shop.test/id]': ['*'] },
        accounts: ['shop/a', 'other/b'],
        notPorts: [9090],
      },
    ]);
  });

  test('several sources and operations make every pair of them', () => {
    const rule = {
      from: [{ source: { namespaces: ['a'] } }, { source: { namespaces: ['b'] } }],
      to: [{ operation: { methods: ['GET'] } }, { operation: { paths: ['/x'] } }],
    };
    const rules = rulesOf(policy({ rules: [rule, {}] })) as { name: string }[];
    assert.deepEqual(
      rules.map(({ name, ...rest }) => [name.slice('ns[shop]-policy[p]-'.length), rest]),
      [
        ['rule[0]/0', { action: 'allow', to: ['web'], namespaces: ['a'], methods: ['GET'] }],
        ['rule[0]/1', { action: 'allow', to: ['web'], namespaces: ['a'], paths: ['/x'] }],
        ['rule[0]/2', { action: 'allow', to: ['web'], namespaces: ['b'], methods: ['GET'] }],
        ['rule[0]/3', { action: 'allow', to: ['web'], namespaces: ['b'], paths: ['/x'] }],
        ['rule[1]', { action: 'allow', to: ['web'] }],
      ],
    );
  });

  test('conditions on one thing are joined: what both take, and what neither does', () => {
    const twice = (source: object, when: object): object => ({
      from: [{ source }],
      when: [{ key: 'source.namespace', ...when }],
    });
    const both = twice({ namespaces: ['a', 'b'] }, { values: ['b', 'c'] });
    const neither = twice({ notNamespaces: ['a'] }, { notValues: ['b'] });
    const never = twice({ namespaces: ['a'] }, { values: ['b'] });
    const [first, second] = rulesOf(policy({ rules: [both, neither, never] })) as object[];
    assert.deepEqual(first, {
      name: 'ns[shop]-policy[p]-rule[0]',
      action: 'allow',
      to: ['web'],
      namespaces: ['b'],
    });
    assert.deepEqual(second, {
      name: 'ns[shop]-policy[p]-rule[1]',
      action: 'allow',
      to: ['web'],
      notNamespaces: ['a', 'b'],
    });
  });

  test('the traps of empty policies', () => {
    // Nothing is allowed, by name, for a namespace, for the mesh.
    assert.deepEqual(written(documentOf(policy({})).services), { web: { access: 'deny' } });
    assert.deepEqual(written(documentOf(object('AuthorizationPolicy', {})).access), { default: 'deny' });
    const wide = { namespace: 'istio-system' };
    assert.deepEqual(written(documentOf(object('AuthorizationPolicy', {}, wide)).access), { default: 'deny' });
    // Everything is allowed.
    assert.deepEqual(rulesOf(policy({ rules: [{}] })), [{ name: 'ns[shop]-policy[p]-rule[0]', action: 'allow', to: ['web'] }]);
    // Nothing is denied, marked, or asked.
    for (const action of ['DENY', 'AUDIT', 'CUSTOM']) {
      const { access, services } = documentOf(policy({ action }));
      assert.deepEqual([access, written(services)], [undefined, {}], action);
    }
    // An allowing policy in rehearsal closes nothing.
    const rehearsed = policy({}, { annotations: { 'istio.io/dry-run': 'true' } });
    assert.deepEqual([documentOf(rehearsed).access, documentOf(rehearsed).services], [undefined, {}]);
  });

  test('where a policy holds', () => {
    const to = (spec: object, metadata: object = {}): unknown => {
      const options = { inNamespace: (name: string) => (name === 'shop' ? ['web', 'api'] : ['other']) };
      const gateway = object('Gateway', {
        selector: { istio: 'ingressgateway' },
        servers: [{ port: { number: 8080, protocol: 'HTTP' }, hosts: ['*'] }],
      });
      const found = object('AuthorizationPolicy', { rules: [{}], ...spec }, metadata);
      return translateIstio([found, gateway], options).document.access?.rules?.map(rule => rule.to ?? 'all');
    };
    assert.deepEqual(to({}), [['web', 'api']]);
    assert.deepEqual(to(web), [['web']]);
    assert.deepEqual(to(web, { namespace: 'elsewhere' }), undefined);
    assert.deepEqual(to({}, { namespace: 'istio-system' }), ['all', ['x']]);
    assert.deepEqual(to(web, { namespace: 'istio-system' }), [['web']]);
    assert.deepEqual(to({ targetRefs: [{ kind: 'Service', name: 'api' }] }), [['api']]);
    assert.deepEqual(to({ targetRef: { kind: 'Gateway', name: 'x' } }), [['x']]);
    for (const labels of [{ istio: 'ingressgateway' }, { app: 'istio-ingressgateway' }])
      assert.deepEqual(to({ selector: { matchLabels: labels } }, { namespace: 'istio-system' }), [['x']]);
  });

  test('a gateway that nothing is allowed at', () => {
    const gateway = object(
      'Gateway',
      { servers: [{ port: { number: 8080, protocol: 'HTTP' }, hosts: ['*'] }] },
      { name: 'edge' },
    );
    const nothing = object('AuthorizationPolicy', { targetRef: { kind: 'Gateway', name: 'edge' } });
    assert.deepEqual(rulesOf(gateway, nothing), [{ name: 'nobody at edge', action: 'deny', to: ['edge'] }]);
    const something = object('AuthorizationPolicy', { targetRef: { kind: 'Gateway', name: 'edge' }, rules: [path('/a')] });
    assert.equal((rulesOf(gateway, nothing, something) as object[]).length, 1);
  });

  test('a policy of the whole mesh is for its gateways too', () => {
    const gateway = object(
      'Gateway',
      { servers: [{ port: { number: 8080, protocol: 'HTTP' }, hosts: ['*'] }] },
      { name: 'edge' },
    );
    const wide = object('AuthorizationPolicy', { action: 'DENY', rules: [path('/x')] }, { namespace: 'istio-system' });
    const rules = documentOf(gateway, wide).access?.rules;
    assert.deepEqual(
      rules?.map(({ to }) => to),
      [undefined, ['edge']],
    );
    const nothing = object('AuthorizationPolicy', {}, { namespace: 'istio-system' });
    const { access } = documentOf(gateway, nothing);
    assert.deepEqual([access?.default, access?.rules?.map(({ to }) => to)], ['deny', [['edge']]]);
  });

  test('every method is no condition', () => {
    const rule = { to: [{ operation: { methods: ['*'], paths: ['/a'] } }] };
    assert.deepEqual(rulesOf(policy({ rules: [rule] })), [
      { name: 'ns[shop]-policy[p]-rule[0]', action: 'allow', to: ['web'], paths: ['/a'] },
    ]);
  });

  test('paths are written decoded', () => {
    const paths = (...written: string[]): unknown => {
      const { document, notes } = translateIstio([policy({ action: 'DENY', rules: [path(...written)] })]);
      return [document.access?.rules?.[0]?.paths, notes.length];
    };
    assert.deepEqual(paths('/%C3%BCber*'), [['/über*'], 0]);
    assert.deepEqual(paths('/a', '/b%2fc', '/d?e', '/%ff'), [['/a'], 1]);
  });

  test('at a service of raw TCP a rule about requests allows nothing, and refuses more', () => {
    const selecting = { selector: undefined, rules: [{ from: [{ source: { namespaces: ['a'] } }], ...path('/x') }, {}] };
    const said = (action: string) => {
      const options = { inNamespace: () => ['web', 'db'], speaksTcp: (name: string) => name === 'db' };
      const { access, services } = translateIstio([policy({ action, ...selecting })], options).document;
      return written([access?.rules?.map(({ name, action: _, ...rest }) => [name?.slice(23), rest]), services]);
    };
    assert.deepEqual(said('ALLOW'), [
      [
        ['[0]', { to: ['web'], namespaces: ['a'], paths: ['/x'] }],
        ['[1]', { to: ['web', 'db'] }],
      ],
      {},
    ]);
    assert.deepEqual(said('DENY'), [
      [
        ['[0]', { to: ['web'], namespaces: ['a'], paths: ['/x'] }],
        ['[0]/tcp', { to: ['db'], namespaces: ['a'] }],
        ['[1]', { to: ['web', 'db'] }],
      ],
      {},
    ]);
    const only = { selector: undefined, rules: [path('/x')] };
    const options = { inNamespace: () => ['web', 'db'], speaksTcp: (name: string) => name === 'db' };
    // Nobody is allowed there, as somebody asked for something.
    assert.deepEqual(written(translateIstio([policy(only)], options).document.services), { db: { access: 'deny' } });
  });

  test('what cannot be said never lets more through', () => {
    const rule = { ...path('/a'), when: [{ key: 'experimental.envoy.filters.x[y]', values: ['z'] }] };
    const said = (action: string): unknown => {
      const { document, notes } = translateIstio([policy({ action, rules: [rule] })]);
      assert.equal(notes.length, 1, action);
      return written(document.access?.rules ?? document.services);
    };
    assert.deepEqual(said('ALLOW'), { web: { access: 'deny' } });
    assert.deepEqual(said('DENY'), [{ name: 'ns[shop]-policy[p]-rule[0]', action: 'deny', to: ['web'], paths: ['/a'] }]);
    assert.deepEqual(said('AUDIT'), {});
    const unknown = translateIstio([policy({ rules: [{}], selector: { matchLabels: { tier: 'x' } } })]);
    assert.deepEqual([unknown.document.access, unknown.notes[0]?.code], [undefined, 'unknown-reference']);
  });

  test('rehearsals, marks and questions', () => {
    const dry = policy({ action: 'DENY', rules: [{}] }, { annotations: { 'istio.io/dry-run': 'true' } });
    assert.deepEqual(rulesOf(dry), [{ name: 'ns[shop]-policy[p]-rule[0]', action: 'deny', dryRun: true, to: ['web'] }]);
    assert.deepEqual(rulesOf(policy({ action: 'AUDIT', rules: [{}] })), [
      { name: 'ns[shop]-policy[p]-rule[0]', action: 'audit', to: ['web'] },
    ]);
    const asks = policy({ action: 'CUSTOM', provider: { name: 'opa' }, rules: [path('/a')] });
    const provider = {
      name: 'opa',
      envoyExtAuthzHttp: { service: 'auth/opa.auth.svc.cluster.local', port: 8181, timeout: '200ms', failOpen: true },
    };
    const mesh = object('MeshConfig', { extensionProviders: [provider] });
    const name = 'ns[shop]-policy[p]-rule[0]';
    assert.deepEqual(rulesOf(asks, mesh), [{ name, authorizer: 'opa', to: ['web'], paths: ['/a'] }]);
    assert.deepEqual(written(documentOf(asks, mesh).authorizers), {
      opa: { service: 'opa', port: 8181, timeout: '200ms', failOpen: true },
    });
    // Who is not there cannot say yes.
    assert.deepEqual(rulesOf(asks), [{ name, action: 'deny', to: ['web'], paths: ['/a'] }]);
  });
});

describe('PeerAuthentication', () => {
  const peer = (spec: object, metadata: Partial<IstioObject['metadata']> = {}): IstioObject =>
    object('PeerAuthentication', spec, metadata);

  test('ports, and what callers are told', () => {
    const { document } = translateIstio([
      peer({ mtls: { mode: 'STRICT' } }, { namespace: 'istio-system' }),
      peer({ ...web, portLevelMtls: { 8080: { mode: 'DISABLE' }, 9090: { mode: 'UNSET' } } }),
    ]);
    assert.deepEqual(
      [document.mtls, document.services],
      ['strict', { web: { mtls: { mode: 'strict', ports: { 8080: 'disabled' } } } }],
    );
  });

  test('callers that are told to send plaintext make a service that takes nothing else', () => {
    const disable = (host: string) => object('DestinationRule', { host, trafficPolicy: { tls: { mode: 'DISABLE' } } });
    const permissive = peer({ mtls: { mode: 'PERMISSIVE' } }, { namespace: 'istio-system' });
    assert.equal(documentOf(permissive, disable('*')).mtls, 'disabled');
    assert.equal(documentOf(permissive, disable('web')).services?.web?.mtls, 'disabled');
    const strict = translateIstio([peer({ mtls: { mode: 'STRICT' } }), disable('web')]);
    assert.deepEqual([strict.document.mtls, strict.document.services?.web?.mtls], ['strict', undefined]);
    assert.equal(strict.notes.length, 1);
  });

  test('without any, this mesh stays as it is', () => assert.equal(documentOf().mtls, undefined));
});

describe('Gateway', () => {
  const tlsOf = (tls: object, settings: object = {}): unknown => {
    const servers = [{ port: { number: 8443, protocol: 'HTTPS' }, hosts: ['*'], tls }];
    const { gateways } = documentOf(object('Gateway', { servers }, { name: 'edge' }), object('MeshConfig', settings));
    return [gateways?.edge?.tls, gateways?.edge?.trustedHops];
  };

  test('whom it asks for a certificate', () => {
    assert.deepEqual(tlsOf({ mode: 'SIMPLE' }), [true, undefined]);
    for (const mode of ['MUTUAL', 'ISTIO_MUTUAL'])
      assert.deepEqual(written(tlsOf({ mode })), [{ clients: 'required' }, null], mode);
    assert.deepEqual(written(tlsOf({ mode: 'OPTIONAL_MUTUAL', minProtocolVersion: 'TLSV1_3' })), [
      { clients: 'optional', minVersion: '1.3' },
      null,
    ]);
  });

  test('how many proxies are believed', () => {
    const settings = { defaultConfig: { gatewayTopology: { numTrustedProxies: 2 } } };
    assert.deepEqual(tlsOf({}, settings), [true, 2]);
  });
});

describe('RequestAuthentication and MeshConfig', () => {
  test('everything about tokens', () => {
    const jwks = JSON.stringify({ keys: [{ kty: 'RSA' }] });
    const rule = {
      issuer: 'https://auth.test',
      jwks,
      audiences: ['shop'],
      fromHeaders: [{ name: 'x-token', prefix: 'Token ' }],
      fromParams: ['t'],
      fromCookies: ['session'],
      outputPayloadToHeader: 'x-payload',
      outputClaimToHeaders: [{ header: 'x-group', claim: 'realm.groups' }],
      forwardOriginalToken: true,
      spaceDelimitedClaims: ['teams'],
    };
    const plain = { issuer: 'other', jwksUri: 'https://other.test/keys' };
    assert.deepEqual(written(documentOf(object('RequestAuthentication', { ...web, jwtRules: [rule, plain] })).tokens), [
      {
        issuer: 'https://auth.test',
        jwks: { keys: [{ kty: 'RSA' }] },
        audiences: ['shop'],
        from: { headers: [{ name: 'x-token', prefix: 'Token ' }], query: ['t'], cookies: ['session'] },
        to: ['web'],
        forward: true,
        payloadHeader: 'x-payload',
        claimsToHeaders: { 'x-group': 'realm.groups' },
        spaceDelimited: ['teams'],
      },
      { issuer: 'other', jwks: 'https://other.test/keys', to: ['web'] },
    ]);
  });

  test('routes on claims of checked tokens', () => {
    const checked = object('RequestAuthentication', { jwtRules: [{ issuer: 'a', jwksUri: 'https://a.test' }] });
    const match = {
      headers: { '@request.auth.claims.groups': { exact: 'beta' }, '@request.auth.claims[a.b][c]': { prefix: 'x' } },
      withoutHeaders: { '@request.auth.claims[sub]': {} },
    };
    const service = object('VirtualService', {
      hosts: ['web'],
      http: [{ match: [match], route: [{ destination: { host: 'web' } }] }],
    });
    assert.deepEqual(written(documentOf(checked, service).routes?.web?.[0]?.match), [
      { claims: { groups: { exact: 'beta' }, '[a.b][c]': { prefix: 'x' }, sub: { absent: true } } },
    ]);
  });

  test('settings of the mesh', () => {
    const settings = {
      trustDomain: 'td.test',
      trustDomainAliases: ['old.test'],
      rootNamespace: 'root',
      pathNormalization: { normalization: 'MERGE_SLASHES' },
    };
    const strict = object('PeerAuthentication', { mtls: { mode: 'STRICT' } }, { namespace: 'root' });
    for (const mesh of [object('MeshConfig', settings), object('IstioOperator', { meshConfig: settings })]) {
      const { trustDomain, identity, pathNormalization, mtls } = documentOf(mesh, strict);
      assert.deepEqual(
        [trustDomain, identity?.trustDomainAliases, pathNormalization, mtls],
        ['td.test', ['old.test'], 'merge-slashes', 'strict'],
      );
    }
  });
});
