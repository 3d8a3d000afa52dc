import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { after, describe, test } from 'node:test';
import { type Answer, decode, encode, type Packet, type RecordType } from 'dns-packet';
import type { Clock } from '../../src/async/clock.ts';
import { systemClock } from '../../src/async/clock.ts';
import { DnsTable, decideDns } from '../../src/proxy/dns/answer.ts';
import { DnsForwarder } from '../../src/proxy/dns/forward.ts';
import { DnsServer } from '../../src/proxy/dns/server.ts';
import { FrameSplitter, framed } from '../../src/proxy/dns/tcp-frames.ts';
import { parseResolvConf } from '../../src/proxy/resolv-conf.ts';
import { SidecarStats } from '../../src/proxy/sidecar-stats.ts';

const table = new DnsTable(
  [
    { name: 'reviews', address: '240.240.1.2' },
    { name: 'db.internal', address: '240.240.1.3' },
  ],
  ['corp.example'],
);
const ask = (name: string, type: RecordType = 'A', id = 7): Buffer =>
  encode({ type: 'query', id, flags: 0x100, questions: [{ name, type }] });
const rcodeOf = (bytes: Buffer): number => (bytes[3] ?? 0) & 15;
const ttlOf = (packet: Packet): unknown => (packet.answers?.[0] as (Answer & { ttl?: unknown }) | undefined)?.ttl;
const firstData = (packet: Packet): unknown => (packet.answers?.[0] as (Answer & { data?: unknown }) | undefined)?.data;

const names: readonly (readonly [string, RecordType, string | null | 'forward'])[] = [
  ['reviews', 'A', '240.240.1.2'],
  ['REVIEWS', 'A', '240.240.1.2'],
  ['reviews.corp.example', 'A', '240.240.1.2'],
  ['db.internal', 'A', '240.240.1.3'],
  ['reviews', 'AAAA', null],
  ['reviews', 'MX', null],
  ['details', 'A', 'forward'],
  ['reviews.other.example', 'A', 'forward'],
  ['x.reviews', 'A', 'forward'],
];
for (const [name, type, expected] of names) {
  test(`${type} of ${name}: ${expected ?? 'empty NOERROR'}`, () => {
    const decision = decideDns(ask(name, type), table);
    if (decision.kind !== 'answer') {
      assert.equal(decision.kind, expected);
      return;
    }
    const packet = decode(decision.bytes);
    assert.equal(rcodeOf(decision.bytes), 0);
    assert.equal(packet.id, 7);
    assert.equal(packet.questions?.[0]?.name, name);
    assert.equal(firstData(packet) ?? null, expected);
    if (expected !== null) assert.equal(ttlOf(packet), 30);
  });
}

test('broken queries are answered with FORMERR or not at all', () => {
  const cut = ask('reviews').subarray(0, 15);
  const decision = decideDns(cut, table);
  assert.equal(decision.kind === 'answer' && rcodeOf(decision.bytes), 1);
  assert.equal(decideDns(Buffer.alloc(5), table).kind, 'ignore');
  assert.equal(decideDns(encode({ type: 'response', id: 1, questions: [{ name: 'reviews', type: 'A' }] }), table).kind, 'ignore');
});

test('resolv.conf: nameservers in order, last search line, comments', () => {
  const text =
    '# made by Docker\nnameserver 127.0.0.11\nnameserver nonsense\nsearch a.example\nsearch Corp.Example. b.example # x\noptions ndots:0\n';
  assert.deepEqual(parseResolvConf(text), { nameservers: ['127.0.0.11'], search: ['corp.example', 'b.example'] });
});

test('messages over TCP are found at every split', () => {
  const bytes = Buffer.concat([framed(ask('a')), framed(ask('b'))]);
  for (let at = 0; at <= bytes.length; at++) {
    const splitter = new FrameSplitter();
    const found = [...splitter.push(bytes.subarray(0, at)), ...splitter.push(bytes.subarray(at))];
    assert.deepEqual(
      found.map(message => decode(message).questions?.[0]?.name),
      ['a', 'b'],
    );
  }
});

/** A nameserver that knows one address for everything, and falls silent for `silent.example`. */
async function nameserver(): Promise<{ readonly port: number; close(): void }> {
  const udp = createSocket('udp4');
  const answerTo = (query: Buffer, data: string): Buffer | null => {
    const { id = 0, questions = [] } = decode(query);
    const name = questions[0]?.name ?? '';
    return name === 'silent.example'
      ? null
      : encode({ type: 'response', id, questions, answers: [{ type: 'A', name, data, ttl: 60 }] });
  };
  udp.on('message', (query, from) => {
    const answer = answerTo(query, '192.0.2.1');
    if (answer !== null) udp.send(answer, from.port, from.address);
  });
  const tcp = createServer(socket => {
    const splitter = new FrameSplitter();
    socket.on('data', (chunk: Buffer) => {
      for (const query of splitter.push(chunk)) {
        const answer = answerTo(query, '192.0.2.2');
        if (answer !== null) socket.write(framed(answer));
      }
    });
  });
  // TCP first: its port numbers are the crowded ones. A number that UDP cannot have fails the test instead of leaving it waiting.
  tcp.listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  const { port } = tcp.address() as AddressInfo;
  udp.bind(port, '127.0.0.1');
  await once(udp, 'listening');
  return {
    port,
    close: () => {
      udp.close();
      tcp.close();
    },
  };
}

describe('the DNS proxy over real sockets', async () => {
  const upstream = await nameserver();
  const opened: DnsServer[] = [];
  const stats = new SidecarStats();
  const start = async (clock: Clock): Promise<number> => {
    const server = new DnsServer(table, new DnsForwarder([{ address: '127.0.0.1', port: upstream.port }], clock), stats);
    opened.push(server);
    return server.listen('127.0.0.1', 0);
  };
  const sockets: Socket[] = [];
  after(() => {
    for (const server of opened) server.close();
    for (const socket of sockets) socket.destroy();
    upstream.close();
  });
  const overUdp = (port: number, query: Buffer): Promise<Packet & { readonly rcode: number }> =>
    new Promise((resolve, reject) => {
      const socket = createSocket('udp4');
      socket.on('error', reject);
      socket.on('message', answer => {
        socket.close();
        resolve({ ...decode(answer), rcode: rcodeOf(answer) });
      });
      socket.send(query, port, '127.0.0.1');
    });
  const overTcp = (port: number, query: Buffer): Promise<Packet> =>
    new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1');
      sockets.push(socket);
      const splitter = new FrameSplitter();
      socket.on('error', reject);
      socket.on('data', (chunk: Buffer) => {
        for (const answer of splitter.push(chunk)) resolve(decode(answer));
      });
      socket.write(framed(query));
    });

  test('mesh names are answered, others by the nameserver, over the same transport', async () => {
    const port = await start(systemClock);
    assert.equal(firstData(await overUdp(port, ask('reviews'))), '240.240.1.2');
    assert.equal(firstData(await overTcp(port, ask('reviews'))), '240.240.1.2');
    assert.equal(firstData(await overUdp(port, ask('example.com'))), '192.0.2.1');
    assert.equal(firstData(await overTcp(port, ask('example.com'))), '192.0.2.2');
  });

  test('a new table counts from the next question on', async () => {
    const port = await start(systemClock);
    assert.equal(firstData(await overUdp(port, ask('later'))), '192.0.2.1');
    opened.at(-1)?.use(new DnsTable([{ name: 'later', address: '240.240.9.9' }], []));
    assert.equal(firstData(await overUdp(port, ask('later'))), '240.240.9.9');
  });

  test('a silent nameserver ends in SERVFAIL', async () => {
    const soon: Clock = { ...systemClock, after: (_ms, fn) => systemClock.after(20, fn) };
    const answer = await overUdp(await start(soon), ask('silent.example'));
    assert.equal(answer.rcode, 2);
    assert.equal(answer.id, 7);
  });
});
