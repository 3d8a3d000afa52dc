/** The edges of a mesh on a real engine: TLS at gateways, redirection, passthrough, services outside the mesh, and what is not let out. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect } from 'node:tls';
import { EdgeMesh } from '../support/edge-mesh.ts';
import { eventually } from '../support/eventually.ts';

let mesh: EdgeMesh;
let rootFile: string;

before(async () => {
  mesh = await EdgeMesh.create('gw-edge');
  const up = await mesh.mesh('up', '-d', '--wait');
  assert.equal(up.code, 0, `mesh up: ${up.stderr}${up.stdout}`);
  await mesh.startOutside();
  const root = await mesh.mesh('ca');
  assert.equal(root.code, 0, root.stderr);
  rootFile = join(mesh.dir, 'root.pem');
  await writeFile(rootFile, root.stdout);
});

after(async () => {
  await mesh?.[Symbol.asyncDispose]();
});

interface Curled {
  readonly code: number;
  readonly body: string;
}

/** The body, then a line with status, HTTP version and target of a redirection. */
function curl(url: string, ...args: readonly string[]): Promise<Curled> {
  const told = ['-sS', '--max-time', '10', '-w', '\n%{http_code} %{http_version} %{redirect_url}'];
  return new Promise(resolve => {
    execFile('curl', [...told, ...args, url], (error, stdout) =>
      resolve({ code: error === null ? 0 : Number(error.code), body: stdout }),
    );
  });
}

/** What a server that ends TLS says by itself. */
function spoken(port: number, servername: string, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect({ port, host: '127.0.0.1', servername, ca });
    socket.on('data', chunk => {
      text += chunk;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
  });
}

interface Relayed {
  readonly status?: number;
  readonly body?: string;
  readonly error?: string;
}

/** A call of the relay's app, out of its pod. */
async function relayed(target: string): Promise<Relayed> {
  const { code, body } = await curl(`https://relay.localhost:${mesh.ports.secure}/${target}`, '--cacert', rootFile);
  assert.equal(code, 0, body);
  return JSON.parse(body.slice(0, body.lastIndexOf('\n'))) as Relayed;
}

/** Runs a script in the relay's app. */
async function inRelay(script: string): Promise<string> {
  const { stdout, stderr } = await mesh.mesh('exec', '-T', 'relay', 'node', '-e', script);
  return (stdout + stderr).trim();
}

describe('gateways', () => {
  test('TLS with a certificate of the mesh, chosen by the name; HTTP/2 for curl; the app is told https', async () => {
    const url = `https://shop.localhost:${mesh.ports.secure}/a?b=c`;
    const { code, body } = await curl(url, '--cacert', rootFile);
    assert.equal(code, 0, body);
    assert.match(body, /"url":"\/a\?b=c"/);
    assert.match(body, /"x-forwarded-proto":"https"/);
    assert.match(body, /\n200 (2|1\.1) $/);
    const older = await curl(url, '--cacert', rootFile, '--http1.1', '--tls-max', '1.2');
    assert.match(older.body, /\n200 1\.1 $/);
  });

  test('whoever does not know the root, or asks for another name, refuses', async () => {
    assert.equal((await curl(`https://shop.localhost:${mesh.ports.secure}/`)).code, 60);
    const other = await curl(`https://other.localhost:${mesh.ports.secure}/`, '--cacert', rootFile);
    assert.equal(other.code, 60);
  });

  test('plain HTTP is sent on to the gateway with TLS', async () => {
    const { body } = await curl(`http://shop.localhost:${mesh.gatewayPort}/a?b=c`);
    assert.match(body, new RegExp(`\\n301 1\\.1 https://shop\\.localhost:${mesh.ports.secure}/a\\?b=c$`));
  });

  test('TLS passed through by its server name is the app’s own', async () => {
    assert.equal(await spoken(mesh.ports.pass, 'vault.localhost', mesh.ca.bundlePem), 'vault vault.localhost');
    await assert.rejects(spoken(mesh.ports.pass, 'vault.example', mesh.ca.bundlePem), { code: 'ECONNRESET' });
  });

  test('several gateways: raw TCP as it is, and hosts with a wildcard beside exact ones', async () => {
    assert.equal(await spoken(mesh.ports.raw, 'vault.localhost', mesh.ca.bundlePem), 'vault vault.localhost');
    const wild = await curl(`https://a.apps.localhost:${mesh.ports.secure}/w`, '--cacert', rootFile);
    assert.match(wild.body, /"url":"\/w".*\n200 /s);
    const nobody = await curl(`https://localhost:${mesh.ports.secure}/`, '--cacert', rootFile);
    assert.match(nobody.body, /\n404 /);
  });

  test('a certificate of one’s own; when its files change, the new one is used', async () => {
    const ownRoot = join(mesh.dir, 'tls', 'partner-ca.pem');
    const url = `https://own.localhost:${mesh.ports.own}/`;
    assert.match((await curl(url, '--cacert', ownRoot)).body, /\n200 /);
    await mesh.writePair('own', ['new.localhost', 'own.localhost']);
    const renewed = `https://new.localhost:${mesh.ports.own}/`;
    await eventually(async () => assert.equal((await curl(renewed, '--cacert', ownRoot)).code, 0));
    assert.match((await curl(url, '--cacert', ownRoot)).body, /\n200 /);
  });

  test('no private key is in a container’s description, its log, or what the sidecar tells', async () => {
    const gateways = [...(await mesh.containers())].filter(([name]) => /-(secure|own)-1/.test(name));
    assert.ok(gateways.length >= 2, String(gateways.map(([name]) => name)));
    for (const [name, { Id }] of gateways) {
      const container = mesh.docker.getContainer(Id);
      const told = await container.inspect();
      assert.ok(!JSON.stringify(told).includes('PRIVATE KEY'), name);
      // The container that holds the network writes nothing, and no log is kept of it.
      if (told.HostConfig.LogConfig?.Type === 'none') continue;
      const log = (await container.logs({ stdout: true, stderr: true })) as unknown as Buffer;
      assert.match(log.toString('latin1'), /gateway certificate in use/, name);
      assert.ok(!log.toString('latin1').includes('PRIVATE KEY'), name);
    }
    const state = await mesh.mesh('proxy-config', 'secure-1', 'all', '--json');
    assert.equal(state.code, 0, state.stderr);
    assert.match(state.stdout, /shop\.localhost/);
    assert.ok(!state.stdout.includes('PRIVATE KEY'));
  });
});

describe('services outside the mesh', () => {
  test('the sidecar makes the TLS: called by its name in the mesh, or by its host', async () => {
    for (const host of ['partner', 'api.partner.test']) {
      await eventually(async () => {
        const { status, body } = await relayed(`${host}:80/v1`);
        assert.equal(status, 200, body ?? '');
        const heard = JSON.parse(body ?? '{}') as Record<string, unknown>;
        assert.equal(heard['secure'], true);
        assert.equal(heard['name'], 'api.partner.test');
        assert.match(String(heard['host']), /^api\.partner\.test(:80)?$/);
      });
    }
    const stats = await mesh.mesh('metrics');
    assert.match(stats.stdout, /istio_requests_total\{[^}]*destination_service="partner"/);
  });

  test('an app that makes TLS by itself gets through to the server as it is', async () => {
    const script = `fetch('https://api.partner.test/own').then(a => a.text()).then(console.log, e => console.log(e.cause?.code))`;
    assert.match(await inRelay(script), /SELF_SIGNED|UNABLE_TO_/);
    const insecure = `process.env.NODE_TLS_REJECT_UNAUTHORIZED='0';${script}`;
    assert.match(await inRelay(insecure), /"url":"\/own"/);
  });

  test('plain HTTP with rules, and raw TCP of a server that speaks first', async () => {
    assert.match(String((await relayed('plain:80/x')).body), /"secure":false/);
    assert.deepEqual(await relayed('plain.partner.test:80/refused'), { status: 418, body: 'not there' });
    const script = `require('net').connect(1521,'raw.partner.test').on('data',d=>console.log(String(d))).on('error',e=>console.log(e.code))`;
    assert.equal(await inRelay(script), '220 hello');
  });

  test('names without end by a wildcard, passed through to where they lead', async () => {
    const script = `process.env.NODE_TLS_REJECT_UNAUTHORIZED='0';fetch('https://a.wild.test/w').then(a => a.text()).then(console.log, e => console.log(e.cause?.code))`;
    assert.match(await inRelay(script), /"name":"a\.wild\.test"/);
  });

  test('what is in no registry does not get out: HTTP 502, TLS and TCP cut', async () => {
    assert.deepEqual(await relayed('unknown.test:80/'), { status: 502, body: '' });
    const tls = `process.env.NODE_TLS_REJECT_UNAUTHORIZED='0';fetch('https://unknown.test/').then(a => a.text()).then(console.log, e => console.log(e.cause?.code))`;
    assert.match(await inRelay(tls), /ECONNRESET|UND_ERR_SOCKET/);
    const log = await mesh.mesh('logs', '--sidecar', 'relay');
    assert.match(log.stdout, /BlackHoleCluster/);
  });
});
