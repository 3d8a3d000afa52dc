/** What an app gets at from inside its container, past every rule: other pods, its own sidecar, the host. Scanned, not assumed. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { engineJson, exec, runStray } from '../support/engine.ts';
import { images } from '../support/images.ts';
import { freePort } from '../support/mesh-project.ts';
import { serviceLine, TinyMesh } from '../support/tiny-mesh.ts';

const project = 'e2e-isolation';
const apps = join(import.meta.dirname, 'apps');
const http = 'GET / HTTP/1.1\r\nhost: x\r\n\r\n';
let mesh: TinyMesh;
let published: number;
let scanner: string;
let forger: string;

interface Scan {
  /** Port → what it said. */
  readonly answers: Readonly<Record<string, string>>;
  /** How connections ended, counted. */
  readonly ends: Readonly<Record<string, number>>;
}

interface Pod {
  readonly address: string;
  /** The host's address on the bridge. */
  readonly gateway: string;
  readonly network: string;
  /** Where the host publishes the control channel. */
  readonly control: number;
}

before(async () => {
  published = await freePort();
  const shell = (name: string, image: string): string =>
    `  ${name}: {image: "${image}", command: [sleep, infinity], init: true, stop_grace_period: 1s}\n`;
  const open = serviceLine(
    'open',
    7002,
    `require("http").createServer((q,a)=>a.end("hello")).listen(7002)`,
    `, ports: ["127.0.0.1:${published}:7002"]`,
  );
  mesh = await TinyMesh.create(project, shell('peek', images.node) + shell('forge', images.python) + open);
  const up = await mesh.mesh('up', '-d', '--wait', '--timeout', '120', '--admin-port');
  assert.equal(up.code, 0, up.stderr);
  scanner = await readFile(join(apps, 'port-scan.cjs'), 'utf8');
  forger = await readFile(join(apps, 'forged-caller.py'), 'utf8');
});
after(() => mesh?.[Symbol.asyncDispose]());

async function pod(workload: string): Promise<Pod> {
  const { NetworkSettings } = (await engineJson('GET', `/containers/${project}-${workload}-pod/json`)) as {
    readonly NetworkSettings: {
      readonly Networks: Readonly<Record<string, { readonly IPAddress: string; readonly Gateway: string }>>;
      readonly Ports: Readonly<Record<string, readonly { readonly HostPort: string }[]>>;
    };
  };
  const [[network, { IPAddress, Gateway }] = ['', { IPAddress: '', Gateway: '' }]] = Object.entries(NetworkSettings.Networks);
  assert.notEqual(IPAddress, '');
  return { address: IPAddress, gateway: Gateway, network, control: Number(NetworkSettings.Ports['15012/tcp']?.[0]?.HostPort) };
}

/** `escaped`: as the sidecar's user, whose connections are not intercepted: an app that is root can become it. */
async function scan(address: string, from: number, to: number, words: string, user: 'app' | 'escaped'): Promise<Scan> {
  const command = ['node', '-e', scanner, address, String(from), String(to), JSON.stringify(words)];
  const { exitCode, stdout, stderr } = await exec(`${project}-peek-1`, command, user === 'escaped' ? { user: '1337' } : {});
  assert.equal(exitCode, 0, stderr);
  return JSON.parse(stdout) as Scan;
}

describe('another pod', () => {
  test('answers on no port to an app that went past its own sidecar', async () => {
    const { address } = await pod('hello-1');
    const { answers, ends } = await scan(address, 1, 65_535, http, 'escaped');
    assert.deepEqual(answers, {}, 'plaintext gets 0 bytes');
    assert.equal(
      Object.values(ends).reduce((sum, count) => sum + count, 0),
      65_535,
    );
  });

  test('answers with its refusal, by way of the own sidecar, and says nothing to raw bytes', async () => {
    const { address } = await pod('hello-1');
    for (const [from, to] of [
      [1, 500],
      [6990, 7010],
      [15_000, 15_100],
    ] as const) {
      const { answers } = await scan(address, from, to, http, 'app');
      for (const [port, text] of Object.entries(answers)) {
        assert.match(text, /^HTTP\/1\.1 503 /, port);
        assert.doesNotMatch(text, /hello/, port);
      }
      assert.deepEqual((await scan(address, from, to, '\u0000\u0001\u0002\u0003\n', 'app')).answers, {});
    }
  });

  test('speaks TLS 1.3 to who has a certificate of the mesh, and to nobody else', async () => {
    const { address } = await pod('hello-1');
    // A self-made certificate is one of nobody; older versions, weak suites and other protocols do not get that far.
    const script = `
      const {connect} = require("tls");
      const dial = more => new Promise(done => {
        let bytes = 0, tickets = 0, version = "none";
        const s = connect({ host: "${address}", port: 7000, rejectUnauthorized: false, ...more }, () => { version = s.getProtocol(); s.write(${JSON.stringify(http)}); });
        s.on("data", part => { bytes += part.length; }); s.on("session", () => { tickets++; });
        s.on("error", () => {}); s.on("close", () => done({ version, bytes, tickets }));
      });
      (async () => {
        const all = [];
        for (const maxVersion of ["TLSv1.1", "TLSv1.2"]) all.push(await dial({ minVersion: "TLSv1", maxVersion, ciphers: "ALL@SECLEVEL=0" }));
        all.push(await dial({ minVersion: "TLSv1.3" }), await dial({ minVersion: "TLSv1.3", ALPNProtocols: ["h2", "http/1.1"], servername: "hello" }));
        console.log(JSON.stringify(all));
      })();`;
    const { stdout, stderr } = await exec(`${project}-peek-1`, ['node', '-e', script], { user: '1337' });
    const outcomes = JSON.parse(stdout || '[]') as readonly { version: string; bytes: number; tickets: number }[];
    assert.equal(outcomes.length, 4, stderr);
    for (const [index, { version, bytes, tickets }] of outcomes.entries()) {
      assert.deepEqual([bytes, tickets], [0, 0]);
      // In TLS 1.3 a client is done before the server has judged it.
      if (index < 2) assert.equal(version, 'none');
    }
  });

  test('has a control channel that wants the daemon’s certificate', async () => {
    const { address } = await pod('hello-1');
    const script = `const s=require("tls").connect({host:"${address}",port:15012,rejectUnauthorized:false,ALPNProtocols:["x"]});let n=0;
      s.on("secureConnect",()=>s.write("\\0\\0\\0\\2{}"));s.on("data",d=>{n+=d.length});s.on("error",()=>{});s.on("close",()=>console.log("bytes",n))`;
    const { stdout } = await exec(`${project}-peek-1`, ['node', '-e', script], { user: '1337' });
    assert.equal(stdout.trim(), 'bytes 0');
  });
});

describe('the own sidecar', () => {
  test('tells the app whether it is ready, and nothing else', async () => {
    for (const [host, listening] of [
      ['127.0.0.1', ['15021']],
      ['::1', []],
    ] as const) {
      const { answers } = await scan(host, 14_900, 15_200, http, 'app');
      assert.deepEqual(Object.keys(answers), listening, host);
      for (const text of Object.values(answers)) assert.match(text, /^HTTP\/1\.1 404 [^{}]*\r\n\r\n(?:0\r\n\r\n)?$/s);
    }
    const { address } = await pod('peek-1');
    assert.deepEqual((await scan(address, 14_900, 15_200, http, 'app')).answers, {});
  });
});

describe('the host', () => {
  test('has its admin API, control channels and gateways on loopback only', async () => {
    const { daemon } = await mesh.status();
    const { gateway, control } = await pod('hello-1');
    const admin = Number(new URL(daemon.adminUrl ?? '').port);
    const own = Object.values(networkInterfaces()).flatMap(list =>
      (list ?? []).filter(one => !one.internal && one.family === 'IPv4'),
    );
    for (const address of new Set([gateway, ...own.map(one => one.address)]))
      for (const port of [admin, control, mesh.gatewayPort, published]) {
        const { answers, ends } = await scan(address, port, port, http, 'escaped');
        assert.deepEqual([answers, Object.keys(ends)], [{}, ['ECONNREFUSED']], `${address}:${port}`);
      }
  });
});

describe('an app', () => {
  test('cannot make frames or packets by hand, and can ping', async () => {
    const script = `
import socket
for kind in [(socket.AF_PACKET, socket.SOCK_RAW, 0x0300), (socket.AF_INET, socket.SOCK_RAW, 1), (socket.AF_INET6, socket.SOCK_RAW, 58)]:
    try: socket.socket(*kind); print("open")
    except PermissionError: print("refused")
socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 1); print("ping")
s = socket.socket(); 
try: s.setsockopt(0, 19, 1); print("open")
except PermissionError: print("refused")
`;
    const { stdout, stderr } = await exec(`${project}-forge-1`, ['python3', '-c', script]);
    assert.deepEqual(stdout.trim().split('\n'), ['refused', 'refused', 'refused', 'ping', 'refused'], stderr);
  });

  test('cannot pass for the host, whose plaintext a published port takes', async () => {
    const { address, gateway, network } = await pod('open-1');
    const at = [address, gateway, '7002'];
    assert.match(await (await fetch(`http://127.0.0.1:${published}/`)).text(), /hello/);
    assert.equal((await exec(`${project}-forge-1`, ['python3', '-c', forger, ...at])).stdout.trim(), 'refused');
    // What the capability is worth: a container that somebody else put on the mesh's network, with Docker's defaults.
    const stranger = await runStray(images.python, ['python3', '-c', forger, ...at], { network, capabilities: ['NET_RAW'] });
    assert.match(stranger.stdout, /hello/, `the program works where it may: ${stranger.stdout}${stranger.stderr}`);
  });
});
