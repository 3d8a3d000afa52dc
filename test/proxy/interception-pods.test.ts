import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { NetworkNamespace } from '../support/network-namespace.ts';

const main = new URL('../../src/proxy/main.ts', import.meta.url).pathname;
const daemonFixture = new URL('./fixtures/pods-daemon.ts', import.meta.url).pathname;
type Child = ReturnType<NetworkNamespace['node']>;

function linesOf(stream: Readable): string[] {
  const lines: string[] = [];
  createInterface({ input: stream }).on('line', line => lines.push(line));
  return lines;
}

async function ended(child: Child, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null) return child.exitCode;
  const exit = new Promise<number | null>(resolve => child.once('exit', code => resolve(code)));
  child.kill(signal);
  return exit;
}

/** Asks by name as an app would: the system's resolver, plain HTTP, no idea of a mesh. */
const ask = (url: string): string => `
  const answer = await fetch('${url}').catch(error => ({ status: error.cause?.code ?? error.message, text: () => '' }));
  console.log(answer.status, await answer.text());`;

describe('two pods with the real process in them', { skip: NetworkNamespace.skip }, () => {
  let client: NetworkNamespace;
  let server: NetworkNamespace;
  const children: Child[] = [];
  const sidecars: Child[] = [];
  const logs: string[][] = [];

  const start = (pod: NetworkNamespace, service: string, bundle: string): void => {
    const env = {
      MESH_WORKLOAD: `${service}-1`,
      MESH_SERVICE: service,
      MESH_KIND: 'sidecar',
      MESH_TRUST_DOMAIN: 'bookshop.local',
      MESH_IDENTITY: `spiffe://bookshop.local/ns/default/sa/${service}`,
      MESH_TRUST_BUNDLE: bundle,
    };
    const child = pod.nodeWith(env, main);
    logs.push(linesOf(child.stderr), linesOf(child.stdout));
    children.push(child);
    sidecars.push(child);
  };

  before(async () => {
    client = new NetworkNamespace();
    server = new NetworkNamespace();
    client.cable(['10.78.0.1/24'], server, ['10.78.0.2/24']);
    // A default route, as in every container: without one nothing can be dialled, redirected or not.
    client.ip('route', 'add', 'default', 'via', '10.78.0.2');
    server.ip('route', 'add', 'default', 'via', '10.78.0.1');
    const app = server.node(
      '-e',
      `require('http').createServer((asked, answer) => answer.end('reviews for ' + asked.headers['x-forwarded-client-cert'])).listen(9080)`,
    );
    const daemon = client.node(daemonFixture, '10.78.0.1', '10.78.0.2', '9080');
    children.push(app, daemon);
    const said = linesOf(daemon.stdout);
    const errors = linesOf(daemon.stderr);
    const bundle = await eventually(() => said[0] ?? assert.fail(errors.join('\n')));
    start(server, 'reviews', bundle);
    start(client, 'storefront', bundle);
    const pushed = await eventually(() => said[1] ?? assert.fail([...errors, ...logs.flat()].join('\n')), { timeoutMs: 20_000 });
    assert.equal(pushed, '["ack","ack"]');
  });
  after(async () => {
    await Promise.all(children.map(child => ended(child, 'SIGKILL')));
    client[Symbol.dispose]();
    server[Symbol.dispose]();
  });

  test('an app reaches another by its mesh name and the other learns who called', async () => {
    const answer = await client.evaluate(ask('http://reviews:9080/'));
    assert.match(answer, /^200 reviews for .*URI=spiffe:\/\/bookshop\.local\/ns\/default\/sa\/storefront/);
  });

  test('an app that calls its own service reaches itself, with its own identity', async () => {
    const answer = await server.evaluate(ask('http://reviews:9080/'));
    assert.match(answer, /^200 reviews for .*URI=spiffe:\/\/bookshop\.local\/ns\/default\/sa\/reviews/);
  });

  test('who calls without a certificate is refused', async () => {
    const asSidecar = `process.setgid(1337); process.setuid(1337);${ask('http://10.78.0.2:9080/')}`;
    assert.doesNotMatch(await client.evaluate(asSidecar), /^200/);
    await eventually(() => assert.ok(logs.flat().some(line => line.includes('"reason":"plaintext"'))));
  });

  test('the process has no rights left and never wrote a key', () => {
    for (const { pid } of sidecars) {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      assert.match(status, /^Uid:\t1337\t1337\t1337\t1337$/m);
      assert.match(status, /^CapPrm:\t0+$/m);
    }
    assert.ok(logs.flat().filter(line => /^mesh-control-key sha256:[0-9a-f]{64}$/.test(line)).length >= 2);
    assert.ok(!logs.flat().some(line => line.includes('PRIVATE KEY')));
  });

  test('SIGTERM drains and ends with 0', async () => {
    for (const child of sidecars) assert.equal(await ended(child, 'SIGTERM'), 0);
  });

  test('without its sidecar the pod is closed', async () => {
    assert.doesNotMatch(await client.evaluate(ask('http://10.78.0.2:9080/')), /^200/);
  });
});
