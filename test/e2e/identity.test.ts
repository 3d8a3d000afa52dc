/** mTLS modes and accounts on a real engine: who gets in from outside the mesh, who from inside, and as whom. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createSelfSigned } from '../../src/identity/certificate-request.ts';
import { eventually } from '../support/eventually.ts';
import { images } from '../support/images.ts';
import { SteadyLoad } from '../support/steady-load.ts';
import { stray } from '../support/stray.ts';
import { newKey } from '../support/test-ca.ts';
import { TinyMesh } from '../support/tiny-mesh.ts';

/** Answers with who called, as its sidecar says; `also`: more ports. */
const who = (...ports: readonly number[]): string =>
  `const app=(q,a)=>{console.log("asked",q.url);a.end(q.headers["x-forwarded-client-cert"]||"nobody")};for(const p of [${ports}])require("http").createServer(app).listen(p);`;
/** An app with TLS of its own beside. */
const ownTls = `require("https").createServer({key:require("fs").readFileSync("/tls/key.pem"),cert:require("fs").readFileSync("/tls/cert.pem")},(q,a)=>a.end("the app's own")).listen(7443);`;

const service = (name: string, keys: string, script: string): string =>
  `  ${name}: {image: "${images.node}", command: [node, -e, ${JSON.stringify(`process.on("SIGTERM",()=>process.exit());${script}`)}], stop_grace_period: 1s, ${keys}}\n`;
const services = [
  service('vault', 'port: 7006, account: bookinfo, namespace: shop', who(7006)),
  service('open', 'expose: ["7002", "7443"], mtls: permissive, volumes: ["./tls:/tls:ro"]', who(7002) + ownTls),
  service('mixed', 'port: 7003, mtls: {mode: strict, ports: {7004: disabled}}', who(7003, 7004)),
  service('caller', 'port: 7005, account: people', who(7005)),
].join('');

let mesh: TinyMesh;

before(async () => {
  mesh = await TinyMesh.create('e2e-identity', services);
  const key = newKey();
  await mkdir(join(mesh.dir, 'tls'));
  await writeFile(join(mesh.dir, 'tls', 'key.pem'), key.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o644 });
  await writeFile(join(mesh.dir, 'tls', 'cert.pem'), createSelfSigned(key, 'open', Date.now()), { mode: 0o644 });
  const up = await mesh.mesh('up', '-d', '--wait');
  assert.equal(up.code, 0, `mesh up: ${up.stderr}${up.stdout}`);
});

after(async () => {
  await mesh?.[Symbol.asyncDispose]();
});

async function addressOf(service: string): Promise<string> {
  const { NetworkSettings } = await mesh.inspect(`${service}-1-pod`);
  return Object.values(NetworkSettings.Networks)[0]?.IPAddress ?? '';
}

/** curl in a container of nobody's on the network of the mesh, straight to the pod. */
async function fromOutside(service: string, rest: string, ...args: readonly string[]): Promise<{ code: number; output: string }> {
  const scheme = rest.startsWith(':7443') || args.includes('--tls') ? 'https' : 'http';
  const command = [
    'curl',
    '-sk',
    '--max-time',
    '5',
    ...args.filter(arg => arg !== '--tls'),
    `${scheme}://${await addressOf(service)}${rest}`,
  ];
  return stray({ image: images.curl, network: `${mesh.project}_mesh`, command });
}

/** What a service of the mesh gets. */
async function fromInside(url: string, caller = 'caller'): Promise<string> {
  const script = `process.env.NODE_TLS_REJECT_UNAUTHORIZED="0";fetch(${JSON.stringify(url)}).then(r=>r.text()).then(console.log,e=>console.log(e.cause?.code??e.message))`;
  const { stdout, stderr } = await mesh.mesh('exec', '-T', caller, 'node', '--no-warnings', '-e', script);
  return stdout.trim() || stderr;
}

describe('a strict service', () => {
  test('is called by name from inside, as somebody', async () => {
    assert.match(
      await fromInside('http://vault:7006/'),
      /^By=spiffe:\/\/e2e-identity\.local\/ns\/shop\/sa\/bookinfo;Hash=[0-9a-f]{64};Subject="";URI=spiffe:\/\/e2e-identity\.local\/ns\/default\/sa\/people$/,
    );
  });

  test('gives nothing to a container outside the mesh on the same network, in the clear or by TLS', async () => {
    for (const more of [[], ['--http2-prior-knowledge'], ['--tls'], ['--tls', '--tls-max', '1.2']]) {
      const { code, output } = await fromOutside('vault', ':7006/stolen', ...more);
      assert.notEqual(code, 0, output);
      assert.equal(output, '');
    }
    const { stdout } = await mesh.mesh('logs', 'vault');
    assert.match(stdout, /asked \//);
    assert.doesNotMatch(stdout, /stolen/);
  });
});

describe('a permissive service', () => {
  test('answers in the clear who is outside, and with mTLS who is inside', async () => {
    assert.equal((await fromOutside('open', ':7002/')).output, 'nobody');
    assert.match(await fromInside('http://open:7002/'), /URI=spiffe:\/\/e2e-identity\.local\/ns\/default\/sa\/people$/);
  });

  test("leaves the app's own TLS to the app, from outside and from inside", async () => {
    assert.deepEqual(await fromOutside('open', ':7443/'), { code: 0, output: "the app's own" });
    assert.equal(await fromInside('https://open:7443/'), "the app's own");
  });
});

test('one port of a service may be without mTLS', async () => {
  assert.equal((await fromOutside('mixed', ':7004/')).output, 'nobody');
  assert.equal((await fromOutside('mixed', ':7003/')).output, '');
  assert.match(await fromInside('http://mixed:7003/'), /URI=spiffe/);
});

test('a mode that changes under load fails no request, makes no pod anew, and is in force', async () => {
  const before = await mesh.inspect('open-1-sidecar');
  const call = async (): Promise<string | null> => {
    const { status } = await mesh.get('/');
    return status === 200 ? null : String(status);
  };
  const use = async (from: string, to: string): Promise<void> => {
    const { version, lastReload } = (await mesh.status()).config;
    await mesh.edit(text => text.replaceAll(from, to));
    await eventually(async () => {
      const { config } = await mesh.status();
      assert.notEqual(config.version, version);
      // The version is there before the sidecars act on it.
      assert.notEqual(config.lastReload?.at, lastReload?.at);
      assert.ok(
        config.lastReload?.ok === true && config.lastReload.summary.includes('acked'),
        config.lastReload?.summary ?? 'no reload',
      );
    });
  };
  await using load = new SteadyLoad(4, call);
  await load.more(20);
  await mesh.edit(text => text.replace('  hello: {', '  hello: {mtls: strict, '));
  await eventually(async () => assert.equal((await fromOutside('hello', ':7000/')).output, ''));
  await use('hello: {mtls: strict', 'hello: {mtls: disabled');
  assert.equal((await fromOutside('hello', ':7000/')).output, 'hello');
  await load.more(20);
  await use('hello: {mtls: disabled', 'hello: {mtls: strict');
  assert.equal((await fromOutside('hello', ':7000/')).output, '');
  await use('mtls: permissive', 'mtls: strict');
  assert.equal((await fromOutside('open', ':7002/')).output, '');
  assert.match(await fromInside('http://open:7002/'), /URI=spiffe/);
  await load.more(20);
  await load.stop();
  assert.deepEqual(load.failures, []);
  assert.equal((await mesh.inspect('open-1-sidecar')).Id, before.Id);
});

test('another account is another pod, and the others stay as they are', async () => {
  const ids = async () => [(await mesh.inspect('caller-1-sidecar')).Id, (await mesh.inspect('vault-1-sidecar')).Id] as const;
  const [caller, vault] = await ids();
  await mesh.edit(text => text.replace('account: people', 'account: strangers'));
  await eventually(async () => assert.notEqual((await ids())[0], caller), { timeoutMs: 30_000 });
  await eventually(
    async () =>
      assert.match(await fromInside('http://vault:7006/'), /URI=spiffe:\/\/e2e-identity\.local\/ns\/default\/sa\/strangers$/),
    { timeoutMs: 30_000 },
  );
  assert.equal((await ids())[1], vault);
});
