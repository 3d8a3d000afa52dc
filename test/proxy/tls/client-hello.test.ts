import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, test } from 'node:test';
import { type ConnectionOptions, connect } from 'node:tls';
import { createRandom } from '../../../src/async/random.ts';
import { maxHelloBytes, readClientHello } from '../../../src/proxy/tls/client-hello.ts';
import { ServerNames } from '../../../src/proxy/tls/server-names.ts';

/** What OpenSSL really sends. */
async function helloOf(options: ConnectionOptions): Promise<Buffer> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const got = new Promise<Buffer>(resolve => {
    server.once('connection', socket => {
      let seen = Buffer.alloc(0);
      socket.on('error', () => {});
      socket.on('data', (chunk: Buffer) => {
        seen = Buffer.concat([seen, chunk]);
        if (readClientHello(seen).kind !== 'more') {
          socket.destroy();
          resolve(seen);
        }
      });
    });
  });
  const client = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', ...options });
  client.on('error', () => {});
  const bytes = await got;
  client.destroy();
  server.close();
  return bytes;
}

/** The same handshake bytes in records of `size`. */
function inRecords(hello: Buffer, size: number): Buffer {
  const body = hello.subarray(5);
  const records: Buffer[] = [];
  for (let at = 0; at < body.length; at += size) {
    const part = body.subarray(at, at + size);
    records.push(Buffer.from([22, 3, 1, part.length >> 8, part.length & 0xff]), part);
  }
  return Buffer.concat(records);
}

describe('a real hello', () => {
  const cases: readonly [string, ConnectionOptions, string | null][] = [
    ['TLS 1.3', { servername: 'Shop.Localhost' }, 'shop.localhost'],
    ['TLS 1.2', { servername: 'shop.localhost', maxVersion: 'TLSv1.2' }, 'shop.localhost'],
    ['many ALPN names', { servername: 'a.b.c', ALPNProtocols: Array.from({ length: 40 }, (_, i) => `proto-${i}`) }, 'a.b.c'],
    ['no name', {}, null],
  ];
  for (const [what, options, name] of cases) {
    test(`${what}: complete, and cut at every byte`, async () => {
      const hello = await helloOf(options);
      assert.deepEqual(readClientHello(hello), { kind: 'hello', serverName: name });
      for (let cut = 0; cut < hello.length; cut++) assert.equal(readClientHello(hello.subarray(0, cut)).kind, 'more', `${cut}`);
    });

    test(`${what}: spread over records of every small size, and with bytes after it`, async () => {
      const hello = await helloOf(options);
      for (const size of [1, 2, 3, 4, 5, 7, 50, 200])
        assert.deepEqual(readClientHello(inRecords(hello, size)), { kind: 'hello', serverName: name }, `${size}`);
      const more = Buffer.concat([hello, Buffer.from('early data')]);
      assert.deepEqual(readClientHello(more), { kind: 'hello', serverName: name });
    });
  }
});

describe('what is no hello', () => {
  const refused: readonly [string, Buffer][] = [
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['another record', Buffer.from([23, 3, 3, 0, 1, 0])],
    ['SSL 2', Buffer.from([0x80, 0x2e, 1, 0, 2])],
    ['another major version', Buffer.from([22, 4])],
    ['an empty record', Buffer.from([22, 3, 1, 0, 0])],
    ['a record beyond 2^14', Buffer.from([22, 3, 1, 0x40, 1])],
    ['another handshake message', Buffer.from([22, 3, 1, 0, 4, 2])],
    ['a hello beyond the limit', Buffer.from([22, 3, 1, 0, 4, 1, 0, 0x40, 1])],
  ];
  for (const [what, bytes] of refused) test(what, () => assert.equal(readClientHello(bytes).kind, 'invalid'));

  test('names that are none, two of them, and lengths that do not add up', () => {
    const vector = (prefix: number, ...parts: readonly Buffer[]): Buffer => {
      const body = Buffer.concat(parts);
      const length = Buffer.alloc(prefix);
      length.writeUIntBE(body.length, 0, prefix);
      return Buffer.concat([length, body]);
    };
    const nameOf = (name: string): Buffer => Buffer.concat([Buffer.from([0]), vector(2, Buffer.from(name, 'latin1'))]);
    const extension = (type: number, data: Buffer): Buffer => Buffer.concat([Buffer.from([0, type]), vector(2, data)]);
    const hello = (...extensions: readonly Buffer[]): Buffer => {
      const start = Buffer.concat([Buffer.from([3, 3]), Buffer.alloc(32, 7), Buffer.from([0, 0, 2, 0x13, 1, 1, 0])]);
      const body = Buffer.concat([start, vector(2, ...extensions)]);
      return Buffer.concat([Buffer.from([22, 3, 1]), vector(2, Buffer.from([1]), vector(3, body))]);
    };
    const sni = (...names: readonly Buffer[]): Buffer => extension(0, vector(2, ...names));
    assert.deepEqual(readClientHello(hello(sni(nameOf('a.b')))), { kind: 'hello', serverName: 'a.b' });
    for (const bad of ['', 'a b', '.a', 'a.', 'a\0b', 'ä', '-a', 'a/b'])
      assert.equal(readClientHello(hello(sni(nameOf(bad)))).kind, 'invalid', JSON.stringify(bad));
    assert.equal(readClientHello(hello(sni(nameOf('a'), nameOf('b')))).kind, 'invalid');
    assert.equal(readClientHello(hello(sni(nameOf('a')), sni(nameOf('a')))).kind, 'invalid');
    assert.equal(readClientHello(hello(extension(0, Buffer.from([0, 9, 0])))).kind, 'invalid');
    assert.equal(readClientHello(hello(Buffer.from([0, 5, 0, 9]))).kind, 'invalid');
  });

  test('never throws, and never reads on past the limit: broken copies of a real hello', async () => {
    const hello = await helloOf({ servername: 'shop.localhost' });
    const random = createRandom(11);
    for (let round = 0; round < 5000; round++) {
      const copy = Buffer.from(hello.subarray(0, Math.ceil(random.next() * hello.length)));
      for (let flips = 0; flips <= random.next() * 4; flips++)
        copy[Math.floor(random.next() * copy.length)] = Math.floor(random.next() * 256);
      assert.ok(['more', 'invalid', 'hello'].includes(readClientHello(copy).kind));
    }
    const endless = inRecords(
      Buffer.concat([Buffer.from([22, 3, 1, 0, 0, 1, 0, 0x3f, 0xf0]), Buffer.alloc(maxHelloBytes * 2)]),
      1,
    );
    assert.notEqual(readClientHello(endless).kind, 'more');
  });
});

test('server names: exact before the longest suffix before any; a suffix is no name of its own', () => {
  const names = new ServerNames([
    ['*.b', 'b'],
    ['*.a.b', 'ab'],
    ['x.a.b', 'exact'],
    ['x.a.b', 'second'],
  ]);
  assert.deepEqual(
    ['x.a.b', 'y.a.b', 'y.z.a.b', 'a.b', 'c.b', 'b', 'xa.c'].map(name => names.find(name)),
    ['exact', 'ab', 'ab', 'b', 'b', null, null],
  );
  assert.equal(names.find(null), null);
  assert.equal(new ServerNames([['*', 1]]).find(null), 1);
});
