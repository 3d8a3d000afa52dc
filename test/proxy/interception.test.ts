import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { interceptionRules, ipv6Bytes } from '../../src/proxy/interception/rules.ts';
import { checkPrivileges, PrivilegeError } from '../../src/proxy/privileges.ts';
import { NetworkNamespace } from '../support/network-namespace.ts';

/** Connects and prints what the other side says, or the error's code. */
const dial = (host: string, port: number): string => `
  import { connect } from 'node:net';
  const socket = connect(${port}, '${host}');
  let text = '';
  socket.setTimeout(5000, () => socket.destroy(new Error('timeout')));
  socket.on('data', chunk => { text += chunk; });
  socket.on('error', error => { text = error.code ?? error.message; });
  socket.on('close', () => console.log(text));`;

const asSidecar = (code: string): string =>
  code.replace('const socket', 'process.setgroups([]); process.setgid(1337); process.setuid(1337);\nconst socket');

describe('interception in a real network namespace', { skip: NetworkNamespace.skip }, () => {
  let pod: NetworkNamespace;
  let peer: NetworkNamespace;
  let sidecar: ReturnType<NetworkNamespace['node']>;

  before(async () => {
    pod = new NetworkNamespace();
    peer = new NetworkNamespace();
    pod.cable(['10.77.0.2/24', 'fd77::2/64'], peer, ['10.77.0.1/24', 'fd77::1/64']);
    pod.ip('route', 'add', 'default', 'via', '10.77.0.1');
    sidecar = pod.node(new URL('./fixtures/intercepted-pod.ts', import.meta.url).pathname, '127.0.0.11', 'fd77::53');
    let errors = '';
    sidecar.stderr.on('data', chunk => {
      errors += chunk;
    });
    const line = await new Promise<string>((resolve, reject) => {
      sidecar.stdout.once('data', chunk => resolve(String(chunk)));
      sidecar.once('exit', () => reject(new Error(errors)));
    });
    assert.deepEqual(JSON.parse(line), { ready: true, root: 'refused' });
  });
  after(async () => {
    if (sidecar.exitCode === null) {
      const gone = new Promise(resolve => sidecar.once('exit', resolve));
      sidecar.kill('SIGKILL');
      await gone;
    }
    pod[Symbol.dispose]();
    peer[Symbol.dispose]();
  });

  test('what the app dials lands on the outbound port with its destination', async () => {
    assert.equal(await pod.evaluate(dial('240.240.1.2', 9080)), '15001 240.240.1.2 9080');
    assert.equal(await pod.evaluate(dial('fd77::1', 9080)), '15001 fd77::1 9080');
  });
  test('what a peer dials lands on the inbound port with its destination', async () => {
    assert.equal(await peer.evaluate(dial('10.77.0.2', 9080)), '15006 10.77.0.2 9080');
    assert.equal(await peer.evaluate(dial('fd77::2', 6379)), '15006 fd77::2 6379');
  });
  test("the sidecar's own connections are left alone", async () => {
    assert.equal(await pod.evaluate(asSidecar(dial('10.77.0.1', 9080))), 'ECONNREFUSED');
  });
  test("the sidecar's way back into its own pod is a call from outside", async () => {
    assert.equal(await pod.evaluate(asSidecar(dial('10.77.0.2', 9080))), '15006 10.77.0.2 9080');
    assert.equal(await pod.evaluate(asSidecar(dial('fd77::2', 9080))), '15006 fd77::2 9080');
    assert.equal(await pod.evaluate(asSidecar(dial('127.0.0.1', 9080))), 'ECONNREFUSED');
  });
  test('loopback and the own address are left alone', async () => {
    assert.equal(await pod.evaluate(dial('127.0.0.1', 9080)), 'ECONNREFUSED');
    assert.equal(await pod.evaluate(dial('10.77.0.2', 9080)), 'ECONNREFUSED');
    assert.equal(await pod.evaluate(dial('::1', 9080)), 'ECONNREFUSED');
  });
  test("the sidecar's ports are dialled directly and know of no destination", async () => {
    assert.equal(await peer.evaluate(dial('10.77.0.2', 15006)), '15006 none');
    assert.equal(await peer.evaluate(dial('10.77.0.2', 15001)), 'ECONNREFUSED');
    assert.equal(await peer.evaluate(dial('10.77.0.2', 15012)), 'ECONNREFUSED');
  });
  test('the nameserver is redirected over UDP and TCP, other servers are not', async () => {
    const ask = `
      import { createSocket } from 'node:dgram';
      const socket = createSocket('udp4');
      socket.on('message', text => { console.log(String(text)); socket.close(); });
      socket.send('question', 53, '127.0.0.11');`;
    assert.equal(await pod.evaluate(ask), 'dns question');
    assert.equal(await pod.evaluate(dial('127.0.0.11', 53)), '15053 127.0.0.11 53');
    assert.equal(await pod.evaluate(dial('127.0.0.12', 53)), 'ECONNREFUSED');
  });
});

test('nameservers go to the family that they belong to', () => {
  const targets = (family: 'ip' | 'ip6') =>
    interceptionRules(family, ['127.0.0.11', '2001:db8::53']).output.filter(rule => rule.verdict === 15053);
  assert.deepEqual(
    targets('ip').map(rule => rule.conditions[0]),
    new Array(2).fill({ kind: 'destination', address: Buffer.from([127, 0, 0, 11]) }),
  );
  assert.deepEqual(
    targets('ip6').map(rule => rule.conditions[0]),
    new Array(2).fill({ kind: 'destination', address: ipv6Bytes('2001:db8::53') }),
  );
});

const addresses: readonly (readonly [string, string])[] = [
  ['::', '00000000000000000000000000000000'],
  ['::1', '00000000000000000000000000000001'],
  ['fe80::1%eth0', 'fe800000000000000000000000000001'],
  ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
  ['2001:DB8::', '20010db8000000000000000000000000'],
  ['::ffff:10.0.0.1', '00000000000000000000ffff0a000001'],
];
for (const [text, hex] of addresses) test(`${text} in bytes`, () => assert.equal(ipv6Bytes(text).toString('hex'), hex));

const status =
  'Uid:\t1337\t1337\t1337\t1337\nGid:\t1337\t1337\t1337\t1337\nGroups:\t \nCapInh:\t0000\nCapPrm:\t0000\nCapEff:\t0000\nCapBnd:\t00c0\nCapAmb:\t0000\n';
test('a process without rights passes the check', () => checkPrivileges(status));
for (const [from, to] of [
  ['Uid:\t1337', 'Uid:\t0'],
  ['Groups:\t ', 'Groups:\t0 27'],
  ['CapPrm:\t0000', 'CapPrm:\t1000'],
  ['CapAmb:\t0000\n', ''],
] as const) {
  test(`a process with ${JSON.stringify(to)} does not`, () =>
    assert.throws(() => checkPrivileges(status.replace(from, to)), PrivilegeError));
}
