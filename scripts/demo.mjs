// The story of the bookshop: brings the mesh up in the repository's root and shows, with real requests, what it does. Leaves it up.
//
//   npm run demo
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { join } from 'node:path';
import { bootstrap } from './bootstrap.mjs';
import { engineCall } from './engine.mjs';
import { ensureImages } from './images.mjs';
import { pinnedEnv, pinnedNode, root } from './pinned-node.mjs';
import { entry, Stop } from './say.mjs';

const meshFile = join(root, 'mesh.yaml');
/** The file as it was, kept while the demo has changed it: a killed demo is undone by the next one. */
const backup = join(root, '.mesh/demo-mesh.yaml');
const colour = process.stdout.isTTY && process.env.NO_COLOR === undefined;
const bold = text => (colour ? `\x1b[1m${text}\x1b[0m` : text);
const heading = text => console.log(`\n${bold(text)}`);
const agent = new Agent({ keepAlive: true, maxSockets: 8 });

function mesh(args, accepted = [0]) {
  console.log(`$ mesh ${args.map(arg => (arg.includes(' ') ? `'${arg}'` : arg)).join(' ')}`);
  const { status } = spawnSync(pinnedNode(), ['bin/mesh.mjs', ...args], { cwd: root, env: pinnedEnv(), stdio: 'inherit' });
  if (!accepted.includes(status)) throw new Stop(`mesh ${args.join(' ')} ended with ${status}`);
}

/** The book as the gateway answers it; a failed request is one with an `error`. */
function book(headers = {}) {
  return new Promise(resolve => {
    const failed = error => resolve({ error: error.message });
    const call = get({ host: '127.0.0.1', port: gatewayPort(), path: '/api/book', headers, agent, timeout: 10_000 }, response => {
      let text = '';
      response.setEncoding('utf8').on('data', chunk => (text += chunk));
      response.on('error', failed);
      response.on('end', () => {
        try {
          const { details, reviews } = JSON.parse(text);
          resolve({ version: reviews.version, stars: reviews.reviews?.[0]?.color, error: reviews.error ?? details.error });
        } catch {
          resolve({ error: `status ${response.statusCode}` });
        }
      });
    });
    call.on('timeout', () => call.destroy(new Error('no answer in 10 s')));
    call.on('error', failed);
  });
}

const gatewayPort = () => Number(/web:\s*\{\s*port:\s*(\d+)/.exec(readFileSync(meshFile, 'utf8'))?.[1] ?? 8080);

async function count(requests, headers) {
  const counts = new Map();
  const worker = async share => {
    for (let i = 0; i < share; i++) {
      const { version, error } = await book(headers);
      const key = error ?? version;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: 8 }, () => worker(requests / 8)));
  for (const [key, number] of [...counts].sort())
    console.log(`  ${key.slice(0, 40).padEnd(4)} ${'█'.repeat(Math.round((number / requests) * 50))} ${number}`);
}

/** Edits mesh.yaml under load and reports when the last answer of the old rules came. */
async function reload() {
  const text = readFileSync(meshFile, 'utf8');
  const changed = text.replace(/split:\s*\{[^}]*\}/, 'split: {v3: 100}');
  if (changed === text) throw new Stop('mesh.yaml has no split to change; "git checkout mesh.yaml" brings it back.');
  mkdirSync(join(root, '.mesh'), { recursive: true });
  writeFileSync(backup, text);
  const restore = () => {
    writeFileSync(meshFile, text);
    rmSync(backup, { force: true });
  };
  const interrupted = () => {
    restore();
    process.exit(130);
  };
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  const seen = { requests: 0, failed: 0, lastOld: 0 };
  let running = true;
  let saved = Number.POSITIVE_INFINITY;
  const worker = async () => {
    while (running) {
      const began = performance.now();
      const { version, error } = await book();
      seen.requests += 1;
      if (error !== undefined) seen.failed += 1;
      // A request that began after the saving and still met the old rules.
      else if (began > saved && version === 'v1') seen.lastOld = Math.max(seen.lastOld, began - saved);
    }
  };
  try {
    const workers = Array.from({ length: 4 }, worker);
    await pause(1000);
    writeFileSync(meshFile, changed);
    saved = performance.now();
    await pause(2000);
    running = false;
    await Promise.all(workers);
  } finally {
    restore();
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
  }
  return seen;
}

const pause = ms => new Promise(resolve => setTimeout(resolve, ms));

async function engineJson(method, path, body) {
  const answer = await engineCall(method, path, body);
  if (answer.status >= 300) throw new Stop(`The engine: ${answer.body}`);
  return answer.body === '' ? null : JSON.parse(answer.body);
}

/** The container that holds the network of a compose service's pod, with the network's name and the pod's address. */
async function podOf(service) {
  const filters = encodeURIComponent(JSON.stringify({ label: ['com.docker.compose.project=bookshop'] }));
  for (const container of await engineJson('GET', `/containers/json?filters=${filters}`)) {
    const [network] = Object.entries(container.NetworkSettings.Networks).filter(([, { IPAddress }]) => IPAddress !== '');
    if (network !== undefined && container.Names[0].includes(service))
      return { id: container.Id, network: network[0], address: network[1].IPAddress };
  }
  throw new Stop(`No pod of ${service} runs.`);
}

/** Runs a container outside the mesh; `during` is called once it printed its first line. @returns what it printed */
async function stray(image, command, network, during = undefined) {
  const { Id } = await engineJson('POST', '/containers/create', {
    Image: image,
    Cmd: command,
    Entrypoint: [],
    HostConfig: { NetworkMode: network },
  });
  try {
    await engineJson('POST', `/containers/${Id}/start`);
    const logs = async () =>
      (await engineCall('GET', `/containers/${Id}/logs?stdout=1&stderr=1`)).body.replace(/[\0-\x02]\0{3}[\s\S]{4}/g, '');
    if (during !== undefined) {
      while (!(await logs()).includes('\n')) await pause(50);
      await during();
    }
    await engineJson('POST', `/containers/${Id}/wait`);
    return await logs();
  } finally {
    await engineCall('DELETE', `/containers/${Id}?force=1`);
  }
}

const knock = `
const net = require('node:net'), tls = require('node:tls');
const [host, port] = [process.argv[1], 9080];
const plain = net.connect({ host, port }, () => plain.write('GET /details/0 HTTP/1.1\\r\\nHost: details\\r\\nConnection: close\\r\\n\\r\\n'));
let got = 0;
plain.on('data', bytes => (got += bytes.length));
plain.on('error', error => console.log('  plain HTTP:              refused (' + error.code + ')'));
plain.on('end', () => console.log('  plain HTTP:              ' + (got === 0 ? 'closed without a byte' : got + ' bytes came back')));
plain.setTimeout(3000, () => (console.log('  plain HTTP:              no answer'), plain.destroy()));
plain.on('close', () => {
  const secure = tls.connect({ host, port, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] });
  secure.on('secureConnect', () => {
    console.log('  who the pod says it is:  ' + secure.getPeerCertificate().subjectaltname + ', ' + secure.getProtocol());
    secure.write('GET /details/0 HTTP/1.1\\r\\nHost: details\\r\\n\\r\\n');
  });
  secure.on('data', bytes => console.log('  TLS, no certificate:     answered ' + bytes.length + ' bytes'));
  secure.on('error', error => (console.log('  TLS, no certificate:     refused (' + (error.reason || error.code) + ')'), secure.destroy()));
  secure.on('end', () => console.log('  TLS, no certificate:     closed'));
  secure.setTimeout(3000, () => secure.destroy());
});`;

const listen = `
import socket, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(3))
s.bind(("eth0", 0)); s.settimeout(0.2)
print("listening", flush=True)
end = time.time() + 2; records = plain = size = 0; first = b""
while time.time() < end:
    try: p = s.recv(65535)
    except socket.timeout: continue
    ip = p[14:]; ihl = (ip[0] & 15) * 4
    if p[12:14] != b"\\x08\\x00" or ip[9] != 6: continue
    tcp = ip[ihl:]; ports = (tcp[0] << 8 | tcp[1], tcp[2] << 8 | tcp[3])
    data = tcp[(tcp[12] >> 4) * 4:int.from_bytes(ip[2:4], "big") - ihl]
    if 9080 not in ports or not data: continue
    size += len(data)
    if data[:2] == b"\\x17\\x03": records += 1; first = first or data
    if b"HTTP/1.1" in data or b"Lighthouse" in data: plain += 1
print(f"  {size} bytes seen, {records} packets begin a TLS record, {plain} show readable HTTP; one begins: {first[:16].hex(' ')}")
`;

await entry(async () => {
  await bootstrap();
  await ensureImages();
  if (existsSync(backup)) renameSync(backup, meshFile);

  heading('The mesh comes up');
  // 3: it is up already.
  mesh(['up', '-d', '--wait'], [0, 3]);

  heading('160 requests through the gateway: mesh.yaml says {v1: 90, v3: 10}');
  await count(160, {});
  heading('The same as jason: the first rule sends him to v2');
  await count(40, { 'end-user': 'jason' });

  heading('Why: asked of the storefront’s own sidecar');
  mesh(['explain', 'storefront', 'GET', 'http://reviews:9080/reviews/0', '-H', 'end-user: jason']);

  heading('A fault for a moment: the first 20 calls of reviews fail');
  mesh(['fault', 'add', 'reviews', '--abort', '503', '--first', '20', '--for', '1m']);
  await count(40, {});
  mesh(['fault', 'rm', '--all']);

  heading('mesh.yaml is saved with "split: {v3: 100}" while requests run');
  const { requests, failed, lastOld } = await reload();
  const effect =
    lastOld === 0
      ? 'no request after the saving met the old rules'
      : `the last request under the old rules began ${Math.round(lastOld)} ms after the saving`;
  console.log(`  ${requests} requests, ${failed} failed; ${effect}. No container was touched, and the file is as it was.`);

  const details = await podOf('details');
  heading(`A stray container on the same network calls the pod of details at ${details.address}`);
  process.stdout.write(await stray('node:24-bookworm-slim', ['node', '-e', knock, details.address], details.network));

  heading('What another process sees on the wire of that pod while the shop is used');
  const use = async () => {
    for (let i = 0; i < 20; i++) await book();
  };
  const seen = await stray('python:3.11-slim-bookworm', ['python3', '-c', listen], `container:${details.id}`, use);
  process.stdout.write(seen.replace('listening\n', ''));

  heading('How the mesh is');
  mesh(['status']);

  console.log(`
${bold('The mesh is up.')}
  the shop        http://127.0.0.1:${gatewayPort()}   (sign in as jason and the stars are black)
  change it       edit mesh.yaml and save
  look at it      npx mesh dashboard   npx mesh stat   npx mesh traces   npx mesh logs -f
  stop it         npx mesh down`);
  agent.destroy();
});
