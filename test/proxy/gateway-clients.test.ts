/** Who comes in at a gateway: client certificates, proxies that are believed, access rules at the edge. Real handshakes, node's and OpenSSL's. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { connect as connectTcp, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import type { AccessRule } from '../../src/snapshot/access-policy.ts';
import type { GatewayClients, GatewayListener } from '../../src/snapshot/snapshot.ts';
import { afterTest, serving } from '../support/after-test.ts';
import { eventually } from '../support/eventually.ts';
import { createTestCa, type LeafOptions, newKey } from '../support/test-ca.ts';
import { exchangeRaw, get as plain, startHttp, statusOf } from './backend.ts';
import { clusterTo } from './data-plane-harness.ts';
import { app, ca, type Gateway, gatewayTo, send } from './gateway-stage.ts';

const run = promisify(execFile);
const alice = 'spiffe://bookshop.local/person/alice';
const partners = createTestCa(Date.now());

interface Identity {
  readonly cert: string;
  readonly key: string;
}

/** A certificate of a client. */
function identity(spiffeId: string | null, options: LeafOptions = {}, by = ca): Identity {
  const key = newKey();
  return { cert: by.issue(key, spiffeId, options), key: key.export({ type: 'pkcs8', format: 'pem' }) as string };
}

const clientsOf = (clients: Partial<GatewayClients> = {}): Pick<GatewayListener, 'tls'> => ({
  tls: { certificates: ['web'], minVersion: '1.2', clients: { mode: 'required', caPem: '', ...clients } },
});

async function edge(clients: Partial<GatewayClients>, listener: Partial<GatewayListener> = {}): Promise<Gateway> {
  const gateway = await gatewayTo(await serving(app()), { ...clientsOf(clients), ...listener });
  send(gateway.daemon, 'web', ['shop.localhost']);
  // The gateway's own certificate has come: its roots are those of clients.
  await eventually(async () =>
    assert.notEqual(((await gateway.daemon.query('state')) as { certificate: unknown }).certificate, null),
  );
  return gateway;
}

interface Answer {
  readonly status: number;
  readonly told: Readonly<Record<string, string>>;
}

/** `status` 0: the connection came to nothing. */
function get(port: number, who: Identity | null, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  return new Promise(resolve => {
    const asked = request({
      port,
      host: '127.0.0.1',
      servername: 'shop.localhost',
      ca: ca.bundlePem,
      agent: false,
      headers,
      ...who,
    });
    asked.on('error', () => resolve({ status: 0, told: {} }));
    asked.on('response', async response => {
      let body = '';
      for await (const chunk of response) body += chunk;
      const told = response.statusCode === 200 ? (JSON.parse(body) as Record<string, string>) : {};
      resolve({ status: response.statusCode ?? 0, told });
    });
    asked.end();
  });
}

const refusals = ({ one }: Gateway): readonly string[] =>
  one.lines.flatMap(line =>
    line.includes('connection refused') ? [String((JSON.parse(line) as { detail: unknown }).detail)] : [],
  );

describe('clients must show a certificate', () => {
  test('with one of the mesh they are who it says, and the app is told', async () => {
    const { port } = await edge({});
    const { status, told } = await get(port, identity(alice, { commonName: 'alice' }));
    assert.equal(status, 200);
    // The gateway's sidecar of the app would go on with it.
    assert.match(
      told['x-forwarded-client-cert'] ?? '',
      /^Hash=[0-9a-f]{64};Subject="CN=alice";URI=spiffe:\/\/bookshop\.local\/person\/alice$/,
    );
  });

  const bad: Readonly<Record<string, readonly [Identity | null, RegExp]>> = {
    none: [null, /^client certificate: none was given$/],
    'one of another CA of the same name': [
      identity(alice, {}, createTestCa(Date.now())),
      /^client certificate: (CERT_SIGNATURE_FAILURE|UNABLE)/,
    ],
    'an expired one': [
      identity(alice, { expiresAtMs: Date.now() - 60_000, notBeforeMs: Date.now() - 120_000 }),
      /^client certificate: CERT_HAS_EXPIRED$/,
    ],
    'one for later': [identity(alice, { notBeforeMs: Date.now() + 3_600_000 }), /^client certificate: CERT_NOT_YET_VALID$/],
    'one for servers only': [identity(alice, { extendedKeyUsage: ['serverAuth'] }), /^client certificate: INVALID_PURPOSE$/],
    'one that is a CA': [identity(alice, { isCa: true }), /./],
    'one without identity': [identity(null, { names: [{ type: 'dns', value: 'alice' }] }), /URI/],
    'one with two identities': [
      identity(alice, { names: [{ type: 'url', value: 'spiffe://bookshop.local/person/bob' }] }),
      /URI/,
    ],
    'one of another trust domain': [identity('spiffe://other.local/person/alice'), /trust domain other\.local/],
  };
  for (const [what, [who, reason]] of Object.entries(bad))
    test(`with ${what} they do not come in, and the log says why`, async () => {
      const gateway = await edge({});
      assert.equal((await get(gateway.port, who)).status, 0);
      await eventually(() => assert.match(refusals(gateway).join(), reason));
      assert.match(String(await gateway.daemon.query('stats')), /reason="(client_certificate|tls_handshake)"/);
      assert.equal((await get(gateway.port, identity(alice))).status, 200);
    });
});

describe('clients may show a certificate', () => {
  test('without one nobody is anybody, whatever they claim; a bad one does not come in', async () => {
    const gateway = await edge({ mode: 'optional' });
    const claim = { 'x-forwarded-client-cert': `URI=${alice}` };
    const { status, told } = await get(gateway.port, null, claim);
    assert.deepEqual([status, told['x-forwarded-client-cert']], [200, undefined]);
    assert.match(
      (await get(gateway.port, identity(alice), claim)).told['x-forwarded-client-cert'] ?? '',
      /^Hash=.*;URI=[^;,]*alice$/,
    );
    assert.equal((await get(gateway.port, identity(alice, {}, partners))).status, 0);
    await eventually(() => assert.match(refusals(gateway).join(), /^client certificate: /));
  });
});

describe('a CA of somebody else', () => {
  test('vouches for names, and for identities outside the mesh', async () => {
    const { port } = await edge({ caPem: partners.bundlePem });
    const named = await get(
      port,
      identity(null, { commonName: 'Bob "B", URI=spiffe://bookshop.local/ns/default/sa/web' }, partners),
    );
    assert.match(
      named.told['x-forwarded-client-cert'] ?? '',
      /^Hash=[0-9a-f]{64};Subject="CN=Bob \\"B\\"\\, URI=spiffe:\/\/bookshop\.local\/ns\/default\/sa\/web"$/,
    );
    const foreign = await get(port, identity('spiffe://partners.example/bob', {}, partners));
    assert.match(foreign.told['x-forwarded-client-cert'] ?? '', /;URI=spiffe:\/\/partners\.example\/bob$/);
    assert.equal((await get(port, identity(alice))).status, 0);
  });

  test('does not vouch for anybody of the mesh', async () => {
    const gateway = await edge({ caPem: partners.bundlePem });
    assert.equal((await get(gateway.port, identity(alice, {}, partners))).status, 0);
    await eventually(() => assert.match(refusals(gateway).join(), /an identity of the mesh that its CA did not give/));
  });

  test('is changed in a running gateway: new clients are judged by the new one, old connections end', async () => {
    const gateway = await edge({ caPem: partners.bundlePem });
    const bob = identity('spiffe://partners.example/bob', {}, partners);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    afterTest(() => agent.destroy());
    let socket: TLSSocket | null = null;
    const once = (): Promise<number> =>
      new Promise((resolve, reject) => {
        const asked = request({
          port: gateway.port,
          host: '127.0.0.1',
          servername: 'shop.localhost',
          ca: ca.bundlePem,
          agent,
          ...bob,
        });
        asked.on('socket', used => (socket = used as TLSSocket));
        asked.on('error', reject);
        asked.on('response', answer => answer.resume().on('end', () => resolve(answer.statusCode ?? 0)));
        asked.end();
      });
    assert.equal(await once(), 200);
    const first = socket as TLSSocket | null;
    await gateway.apply('2', clientsOf({}));
    await eventually(() => assert.ok(first?.destroyed));
    await assert.rejects(once());
    assert.equal((await get(gateway.port, identity(alice))).status, 200);
  });
});

test('a root of the mesh is changed: who comes from one that is gone leaves, and does not come back with a session from before', async () => {
  const before = createTestCa(Date.now(), newKey(), 'root before');
  const gateway = await edge({});
  const trust = (...roots: readonly { readonly bundlePem: string }[]): void =>
    gateway.daemon.send({ kind: 'roots', bundlePem: roots.map(({ bundlePem }) => bundlePem).join('') });
  trust(ca, before);
  const who = identity(alice, {}, before);
  await eventually(async () => assert.equal((await get(gateway.port, who)).status, 200));
  const open = connect({ port: gateway.port, host: '127.0.0.1', servername: 'shop.localhost', ca: ca.bundlePem, ...who });
  afterTest(() => open.destroy());
  open.on('error', () => {});
  open.resume();
  const [session] = (await once(open, 'session')) as [Buffer];
  const resumed = (): Promise<boolean> =>
    new Promise(resolve => {
      const again = connect({
        port: gateway.port,
        host: '127.0.0.1',
        servername: 'shop.localhost',
        ca: ca.bundlePem,
        session,
        ...who,
      });
      again.on('error', () => resolve(false));
      again.on('close', () => resolve(false));
      again.once('data', () => {
        resolve(again.isSessionReused());
        again.destroy();
      });
      again.write('GET / HTTP/1.1\r\nHost: shop.localhost\r\n\r\n');
    });
  assert.equal(await resumed(), true);
  const closed = once(open, 'close');
  trust(ca);
  await closed;
  assert.equal(await resumed(), false);
  assert.equal((await get(gateway.port, who)).status, 0);
  assert.equal((await get(gateway.port, identity(alice))).status, 200);
});

describe('access rules at a gateway', () => {
  const only = (...principals: readonly string[]): AccessRule => ({
    name: 'staff',
    action: 'allow',
    conditions: [{ on: 'principal', values: principals }],
  });

  test('know the client by its certificate', async () => {
    const { port } = await edge({ mode: 'optional' }, { access: { default: 'allow', rules: [only(alice)] } });
    const statuses = [identity(alice), identity('spiffe://bookshop.local/person/bob'), null].map(who => get(port, who));
    assert.deepEqual(
      (await Promise.all(statuses)).map(({ status }) => status),
      [200, 403, 403],
    );
  });

  test('are for raw TCP too', async () => {
    const backend = createServer(socket => socket.end('hello'));
    const gateway = await gatewayTo(await serving(backend), {
      ...clientsOf({}),
      protocol: 'tcp',
      routeTable: '',
      access: { default: 'allow', rules: [only(alice)] },
    });
    send(gateway.daemon, 'web', ['shop.localhost']);
    await eventually(async () =>
      assert.notEqual(((await gateway.daemon.query('state')) as { certificate: unknown }).certificate, null),
    );
    const said = (who: Identity): Promise<string> =>
      new Promise(resolve => {
        const socket = connect({ port: gateway.port, host: '127.0.0.1', servername: 'shop.localhost', ca: ca.bundlePem, ...who });
        let text = '';
        socket.on('data', bytes => (text += String(bytes)));
        socket.on('error', () => {});
        socket.on('close', () => resolve(text));
      });
    assert.equal(await said(identity(alice)), 'hello');
    assert.equal(await said(identity('spiffe://bookshop.local/person/bob')), '');
    await eventually(() =>
      assert.ok(gateway.one.lines.some(line => line.includes('rbac_access_denied') && line.includes('person/bob'))),
    );
  });

  test('may ask an authorizer, which is told what the gateway knows', async () => {
    const asked: Record<string, unknown>[] = [];
    await using opa = await startHttp((req, res) => {
      asked.push(req.headers);
      res.writeHead(req.url === '/no' ? 401 : 200, { 'x-user': 'alice' }).end();
    });
    const appPort = await serving(app());
    const gateway = await gatewayTo(
      appPort,
      { access: { default: 'allow', rules: [{ name: 'ask', action: 'custom', authorizer: 'opa', conditions: [] }] } },
      {
        clusters: [clusterTo('app', [appPort]), clusterTo('opa', [opa.port])],
        authorizers: [
          {
            name: 'opa',
            cluster: 'opa',
            host: '',
            pathPrefix: '',
            timeoutMs: 5_000,
            failOpen: false,
            statusOnError: 403,
            sends: ['x-*'],
            addsToRequest: ['x-user'],
            addsToAnswer: [],
          },
        ],
      },
    );
    const lines = [
      'x-user: mallory',
      'x-forwarded-for: 1.1.1.1',
      'x-forwarded-client-cert: URI=forged',
      'x-mesh-principal: forged',
    ];
    const answer = await exchangeRaw(gateway.port, plain('/yes', ...lines));
    assert.equal(statusOf(answer), 200);
    assert.match(answer, /"x-user":"alice"/);
    assert.equal(statusOf(await exchangeRaw(gateway.port, plain('/no'))), 401);
    const { 'x-forwarded-for': from, 'x-forwarded-client-cert': cert, 'x-mesh-principal': who } = asked[0] ?? {};
    assert.deepEqual([from, cert, who], ['127.0.0.1', undefined, undefined]);
  });
});

describe('what a client claims at the edge', () => {
  const claims = [
    'x-forwarded-client-cert: URI=spiffe://bookshop.local/ns/default/sa/web',
    'X_Forwarded_Client_Cert: URI=forged',
    'x.forwarded.client.cert: URI=forged',
    'X-FORWARDED-client-cert: URI=forged',
    'x-forwarded-for: 10.0.0.1',
    'x_forwarded_for: 10.0.0.1',
    'x-forwarded-proto: https',
    'x-envoy-original-path: /admin',
    'X-Envoy-Internal: true',
    'x_envoy_external_address: 10.0.0.1',
    'x-envoy-decorator-operation: a',
    'x.envoy.peer.metadata: a',
  ];

  test('is taken out, in all spellings', async () => {
    const { port } = await gatewayTo(await serving(app()), {});
    const answer = await exchangeRaw(port, plain('/', ...claims, 'x-envoyage: kept', 'x-mine: kept'));
    const told = JSON.parse(answer.slice(answer.indexOf('{'), answer.lastIndexOf('}') + 1)) as Record<string, string>;
    assert.deepEqual([told['x-forwarded-for'], told['x-forwarded-proto']], ['127.0.0.1', 'http']);
    assert.deepEqual([told['x-envoyage'], told['x-mine']], ['kept', 'kept']);
    const left = Object.keys(told).filter(name => /client.cert|envoy[-_.]|x_|x\./.test(name));
    // The gateway's own.
    assert.deepEqual(
      left,
      ['x-envoy-attempt-count', 'x-envoy-expected-rq-timeout-ms'].filter(name => told[name] !== undefined),
    );
    assert.equal(told['x-envoy-attempt-count'], '1');
  });
});

describe('proxies in front of a gateway', () => {
  const far: AccessRule = {
    name: 'office',
    action: 'allow',
    conditions: [{ on: 'remote-ip', values: ['203.0.113.0/24', '2001:db8::/32'] }],
  };

  test('say where the client is: the n-th address from the right, and the list goes on', async () => {
    const { port, apply } = await gatewayTo(await serving(app()), { trustedHops: 1, access: { default: 'allow', rules: [far] } });
    const from = async (...lines: readonly string[]): Promise<number> => statusOf(await exchangeRaw(port, plain('/', ...lines)));
    assert.equal(await from('x-forwarded-for: 203.0.113.7'), 200);
    assert.equal(await from('x-forwarded-for: 10.9.9.9, 203.0.113.7'), 200);
    assert.equal(await from('x-forwarded-for: 10.9.9.9', 'x-forwarded-for: [2001:db8::1]:443'), 200);
    assert.equal(await from('x-forwarded-for: 203.0.113.7:5000'), 200);
    // What stands further left is the client's own word.
    assert.equal(await from('x-forwarded-for: 203.0.113.7, 10.9.9.9'), 403);
    assert.equal(await from('x-forwarded-for: nonsense'), 403);
    assert.equal(await from('x_forwarded_for: 203.0.113.7'), 403);
    assert.equal(await from(), 403);
    await apply('2', { trustedHops: 2, access: { default: 'allow', rules: [far] } });
    assert.equal(await from('x-forwarded-for: 203.0.113.7, 10.9.9.9'), 200);
    assert.equal(await from('x-forwarded-for: 203.0.113.7'), 403);
    await apply('3', { trustedHops: 1 });
    const answer = await exchangeRaw(port, plain('/', 'x-forwarded-for: 1.1.1.1, 2.2.2.2', 'x-forwarded-proto: https'));
    assert.match(answer, /"x-forwarded-for":"1\.1\.1\.1, 2\.2\.2\.2,127\.0\.0\.1"/);
    assert.match(answer, /"x-forwarded-proto":"https"/);
    assert.match(await exchangeRaw(port, plain('/', 'x-forwarded-proto: gopher')), /"x-forwarded-proto":"http"/);
  });
});

describe('with the tools that people use', () => {
  /** Runs a program; its output and how it ended. */
  const tool = async (name: string, args: readonly string[]): Promise<{ readonly code: number; readonly text: string }> => {
    try {
      const { stdout, stderr } = await run(name, args, { timeout: 20_000 });
      return { code: 0, text: stdout + stderr };
    } catch (error) {
      const { code, stdout = '', stderr = '' } = error as { code?: unknown; stdout?: string; stderr?: string };
      return { code: typeof code === 'number' ? code : -1, text: stdout + stderr };
    }
  };

  test('curl', async t => {
    if ((await tool('curl', ['--version'])).code !== 0) {
      t.skip('curl is not here');
      return;
    }
    const { port } = await edge({});
    const folder = mkdtempSync(join(tmpdir(), 'clients-'));
    afterTest(() => rmSync(folder, { recursive: true }));
    const file = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text, { mode: 0o600 });
      return join(folder, name);
    };
    const root = file('ca.pem', ca.bundlePem);
    const as = (name: string, { cert, key }: Identity): readonly string[] => [
      '--cert',
      file(`${name}.crt`, cert),
      '--key',
      file(`${name}.key`, key),
    ];
    const url = `https://shop.localhost:${port}/`;
    const curl = (...more: readonly string[]) =>
      tool('curl', ['-sS', '--max-time', '10', '--cacert', root, '--resolve', `shop.localhost:${port}:127.0.0.1`, ...more, url]);
    const well = await curl(...as('alice', identity(alice)));
    assert.equal(well.code, 0, well.text);
    assert.match(well.text, /person\/alice/);
    for (const version of ['1.2', '1.3'])
      assert.equal((await curl(`--tlsv${version}`, '--tls-max', version, ...as('alice', identity(alice)))).code, 0);
    assert.notEqual((await curl()).code, 0);
    for (const who of [
      identity(alice, {}, partners),
      identity(alice, { expiresAtMs: Date.now() - 60_000, notBeforeMs: Date.now() - 90_000 }),
    ])
      assert.notEqual((await curl(...as('bad', who))).code, 0);
  });
});

test('a client that says nothing, or ends in the middle of the handshake, harms nobody', async () => {
  const { port } = await edge({});
  const silent = connectTcp({ port, host: '127.0.0.1' });
  afterTest(() => silent.destroy());
  const leaving = connect({ port, host: '127.0.0.1', servername: 'shop.localhost', ca: ca.bundlePem });
  leaving.on('error', () => {});
  leaving.once('connect', () => leaving.destroy());
  assert.equal((await get(port, identity(alice))).status, 200);
});
