/** Who is let in, on a real engine: an authorizer that sidecars ask over mTLS, and clients with certificates at gateways. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { freePort, MeshProject } from '../support/mesh-project.ts';
import { createTestCa, newKey, type TestCa } from '../support/test-ca.ts';
import { serviceLine } from '../support/tiny-mesh.ts';

/** Says what it was asked. */
const shop = `require("http").createServer((q,a)=>a.end(JSON.stringify({url:q.url,...q.headers}))).listen(7000)`;
/** Tells what it knows of the question; has a no, an error and silence by path. */
const opa = `require("http").createServer((q,a)=>{const h=q.headers;if(q.url.endsWith("/secret")){a.writeHead(401,{"x-reason":"secret"});a.end("not you")}else if(q.url.endsWith("/boom")){a.writeHead(500);a.end()}else if(!q.url.endsWith("/slow")){a.writeHead(200,{"x-user":h["x-mesh-principal"],"x-asked":q.method+" "+h.host+q.url,"x-asker":h["x-forwarded-client-cert"]});a.end()}}).listen(7100)`;

interface Ports {
  readonly web: number;
  readonly staff: number;
  readonly partners: number;
}

class GuardedMesh extends MeshProject {
  readonly ports: Ports;

  private constructor(dir: string, project: string, ports: Ports) {
    super(dir, project, ports.web, {});
    this.ports = ports;
  }

  static async create(project: string, partners: TestCa): Promise<GuardedMesh> {
    const dir = await mkdtemp(join(tmpdir(), `mesh-${project}-`));
    const ports = { web: await freePort(), staff: await freePort(), partners: await freePort() };
    await writeFile(join(dir, 'partners.pem'), partners.bundlePem);
    const text = [
      'trustDomain: guarded.local',
      'services:',
      serviceLine('shop', 7000, shop, ', protocol: http').trimEnd(),
      serviceLine('opa', 7100, opa, ', protocol: http').trimEnd(),
      'gateways:',
      `  web: {port: ${ports.web}, trustedHops: 1, routes: [{to: shop}]}`,
      `  staff: {port: ${ports.staff}, tls: {clients: required}, routes: [{to: shop}]}`,
      `  partners: {port: ${ports.partners}, tls: {clients: {mode: optional, ca: partners.pem}}, routes: [{to: shop}]}`,
      'authorizers:',
      '  opa: {service: opa, path: /check, timeout: 3s, addsToRequest: [x-user, x-asked, x-asker]}',
      'access:',
      '  - {from: [web, staff, partners], to: shop}',
      '  - {from: shop, to: opa}',
      '  - {authorizer: opa, to: shop}',
      '  - {principals: "spiffe://guarded.local/person/alice", to: staff}',
      '  - {action: deny, to: web, notRemoteIps: 203.0.113.0/24, paths: /near}',
      '',
    ].join('\n');
    await writeFile(join(dir, 'mesh.yaml'), text);
    return new GuardedMesh(dir, project, ports);
  }
}

const partners = createTestCa(Date.now());
let mesh: GuardedMesh;
let rootFile: string;

before(async () => {
  mesh = await GuardedMesh.create(`edge-id-${process.pid}`, partners);
  const up = await mesh.mesh('up', '-d', '--wait');
  assert.equal(up.code, 0, `mesh up: ${up.stderr}${up.stdout}`);
  rootFile = join(mesh.dir, 'root.pem');
  await writeFile(rootFile, (await mesh.mesh('ca')).stdout);
});

after(async () => {
  await mesh?.[Symbol.asyncDispose]();
});

type Told = Readonly<Record<string, string>>;

const told = async (path: string, headers: Told = {}): Promise<Told> => {
  const { status, body } = await mesh.get(path, headers);
  assert.equal(status, 200, body);
  return JSON.parse(body) as Told;
};

describe('an authorizer', () => {
  test('is asked by the sidecar that is called, over mTLS, and sets what the client cannot', async () => {
    const {
      url,
      'x-user': user,
      'x-asked': asked,
      'x-asker': asker,
    } = await told('/a?b=c', { 'x-user': 'mallory', x_user: 'mallory' });
    assert.deepEqual(
      [url, user, asked],
      ['/a?b=c', 'spiffe://guarded.local/ns/default/sa/web', `GET 127.0.0.1:${mesh.ports.web}/check/a?b=c`],
    );
    assert.match(
      asker ?? '',
      /By=spiffe:\/\/guarded\.local\/ns\/default\/sa\/opa;.*URI=spiffe:\/\/guarded\.local\/ns\/default\/sa\/shop$/,
    );
  });

  test('answers with its no; an error or silence refuses, unless it is to fail open', async () => {
    const { status, headers, body } = await mesh.get('/secret');
    assert.deepEqual([status, headers.get('x-reason'), body], [401, 'secret', 'not you']);
    assert.equal((await mesh.get('/boom')).status, 403);
    assert.equal((await mesh.get('/slow')).status, 403);
    await mesh.edit(text => text.replace('timeout: 3s', 'timeout: 3s, failOpen: true'));
    await eventually(async () => assert.equal((await mesh.get('/boom')).status, 200));
    assert.equal((await mesh.get('/secret')).status, 401);
    await mesh.edit(text => text.replace(', failOpen: true', ''));
    await eventually(async () => assert.equal((await mesh.get('/boom')).status, 403));
    const { stdout } = await mesh.mesh('logs', 'shop', '--sidecar');
    assert.match(stdout, /UAEX/);
  });

  test('that is closed to those who ask is told by validate, and refuses', async () => {
    await mesh.edit(text => text.replace('  - {from: shop, to: opa}\n', ''));
    await eventually(async () => assert.equal((await mesh.get('/a')).status, 403));
    const { stdout, stderr } = await mesh.mesh('validate');
    assert.match(stdout + stderr, /authorizer-refused/);
    await mesh.edit(text => text.replace('  - {authorizer: opa', '  - {from: shop, to: opa}\n  - {authorizer: opa'));
    await eventually(async () => assert.equal((await mesh.get('/a')).status, 200));
  });
});

interface Curled {
  readonly code: number;
  /** 0: there was no answer. */
  readonly status: number;
  readonly body: string;
}

function curl(port: number, ...args: readonly string[]): Promise<Curled> {
  const own = ['-sS', '--max-time', '10', '--cacert', rootFile, '-w', '\n%{http_code}', ...args, `https://localhost:${port}/who`];
  return new Promise(resolve => {
    execFile('curl', own, (error, stdout) => {
      const end = stdout.lastIndexOf('\n');
      resolve({
        code: error === null ? 0 : Number(error.code),
        status: Number(stdout.slice(end + 1)),
        body: stdout.slice(0, end),
      });
    });
  });
}

const as = (name: string): readonly string[] => ['--cert', join(mesh.dir, `${name}.crt`), '--key', join(mesh.dir, `${name}.key`)];

describe('clients with certificates', () => {
  test('of the mesh are who they are, down to the app; without one nobody comes in', async () => {
    for (const name of ['alice', 'bob']) {
      const issued = await mesh.mesh('ca', 'issue', name, '--out', mesh.dir);
      assert.equal(issued.code, 0, issued.stderr);
    }
    const claim = [
      '-H',
      'x-forwarded-client-cert: URI=spiffe://guarded.local/person/root',
      '-H',
      'X_Forwarded_Client_Cert: forged',
    ];
    const { status, body } = await curl(mesh.ports.staff, ...as('alice'), ...claim);
    assert.equal(status, 200, body);
    const seen = (JSON.parse(body) as Told)['x-forwarded-client-cert'] ?? '';
    assert.match(
      seen,
      /^Hash=[0-9a-f]{64};Subject="[^"]*";URI=spiffe:\/\/guarded\.local\/person\/alice,By=spiffe:\/\/guarded\.local\/ns\/default\/sa\/shop;Hash=[0-9a-f]{64};Subject="";URI=spiffe:\/\/guarded\.local\/ns\/default\/sa\/staff$/,
    );
    assert.equal((await curl(mesh.ports.staff, ...as('bob'))).status, 403);
    assert.notEqual((await curl(mesh.ports.staff)).code, 0);
    const { stdout } = await mesh.mesh('logs', 'staff', '--sidecar');
    assert.match(stdout, /none was given/);
  });

  test('of another CA have names; the CA is changed in a running gateway', async () => {
    const pair = async (name: string, by: TestCa): Promise<void> => {
      const key = newKey();
      await writeFile(join(mesh.dir, `${name}.crt`), by.issue(key, null, { commonName: name }));
      await writeFile(join(mesh.dir, `${name}.key`), key.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    };
    const others = createTestCa(Date.now());
    await pair('carol', partners);
    await pair('dave', others);
    const { status, body } = await curl(mesh.ports.partners, ...as('carol'));
    assert.equal(status, 200, body);
    assert.match((JSON.parse(body) as Told)['x-forwarded-client-cert'] ?? '', /^Hash=[0-9a-f]{64};Subject="CN=carol",By=/);
    assert.match((await curl(mesh.ports.partners)).body, /"x-forwarded-client-cert":"By=/);
    assert.notEqual((await curl(mesh.ports.partners, ...as('dave'))).code, 0);
    await writeFile(join(mesh.dir, 'partners.pem'), others.bundlePem);
    await eventually(async () => assert.equal((await curl(mesh.ports.partners, ...as('dave'))).status, 200));
    assert.notEqual((await curl(mesh.ports.partners, ...as('carol'))).code, 0);
  });
});

test('a proxy in front says where the client is', async () => {
  assert.equal((await mesh.get('/near', { 'x-forwarded-for': '203.0.113.7' })).status, 200);
  assert.equal((await mesh.get('/near', { 'x-forwarded-for': '203.0.113.7, 198.51.100.1' })).status, 403);
  assert.equal((await mesh.get('/near')).status, 403);
  const { 'x-forwarded-for': list } = await told('/a', { 'x-forwarded-for': '203.0.113.7' });
  assert.match(list ?? '', /^203\.0\.113\.7,\d/);
});
