import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ConnectionOptions } from 'node:tls';
import { createRandom } from '../../../src/async/random.ts';
import { maxHelloBytes, readClientHello } from '../../../src/proxy/tls/client-hello.ts';
import { isMeshHello, meshProtocols } from '../../../src/proxy/tls/mesh-protocols.ts';
import { ServerNames } from '../../../src/proxy/tls/server-names.ts';
import { clientHello } from '../../support/client-hello.ts';

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
    const protocols = options.ALPNProtocols ?? [];
    test(`${what}: complete, and cut at every byte`, async () => {
      const hello = await clientHello(options);
      assert.deepEqual(readClientHello(hello), { kind: 'hello', serverName: name, protocols });
      for (let cut = 0; cut < hello.length; cut++) assert.equal(readClientHello(hello.subarray(0, cut)).kind, 'more', `${cut}`);
    });

    test(`${what}: spread over records of every small size, and with bytes after it`, async () => {
      const hello = await clientHello(options);
      for (const size of [1, 2, 3, 4, 5, 7, 50, 200])
        assert.deepEqual(readClientHello(inRecords(hello, size)), { kind: 'hello', serverName: name, protocols }, `${size}`);
      const more = Buffer.concat([hello, Buffer.from('early data')]);
      assert.deepEqual(readClientHello(more), { kind: 'hello', serverName: name, protocols });
    });
  }
});

test('the hello of a sidecar is known by what it offers, of whatever version it is', async () => {
  const offers = async (...ALPNProtocols: string[]): Promise<boolean> =>
    isMeshHello(readClientHello(await clientHello({ ALPNProtocols })));
  for (const protocol of meshProtocols) assert.equal(await offers('h2', protocol), true);
  for (const other of ['h2', 'mesh', 'Mesh-Stream', 'mesh-stream2', 'mesh-strea'])
    assert.equal(await offers(other), false, other);
  assert.equal(isMeshHello(readClientHello(await clientHello())), false);
  assert.equal(isMeshHello(readClientHello(Buffer.from([22, 3, 1]))), false);
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
    assert.deepEqual(readClientHello(hello(sni(nameOf('a.b')))), { kind: 'hello', serverName: 'a.b', protocols: [] });
    for (const bad of ['', 'a b', '.a', 'a.', 'a\0b', 'ä', '-a', 'a/b'])
      assert.equal(readClientHello(hello(sni(nameOf(bad)))).kind, 'invalid', JSON.stringify(bad));
    assert.equal(readClientHello(hello(sni(nameOf('a'), nameOf('b')))).kind, 'invalid');
    assert.equal(readClientHello(hello(sni(nameOf('a')), sni(nameOf('a')))).kind, 'invalid');
    assert.equal(readClientHello(hello(extension(0, Buffer.from([0, 9, 0])))).kind, 'invalid');
    assert.equal(readClientHello(hello(Buffer.from([0, 5, 0, 9]))).kind, 'invalid');

    const alpn = (...names: readonly Buffer[]): Buffer => extension(16, vector(2, ...names));
    const protocol = (name: string): Buffer => vector(1, Buffer.from(name, 'latin1'));
    const read = readClientHello(hello(alpn(protocol('h2'), protocol('mesh-stream'))));
    assert.deepEqual(read, { kind: 'hello', serverName: null, protocols: ['h2', 'mesh-stream'] });
    for (const bad of [
      alpn(),
      alpn(protocol('')),
      alpn(Buffer.from([9, 104, 50])),
      extension(16, Buffer.from([0, 3, 2, 104, 50, 0])),
    ])
      assert.equal(readClientHello(hello(bad)).kind, 'invalid');
    assert.equal(readClientHello(hello(alpn(protocol('h2')), alpn(protocol('mesh-stream')))).kind, 'invalid');
  });

  test('never throws, and never reads on past the limit: broken copies of a real hello', async () => {
    const hello = await clientHello({ servername: 'shop.localhost' });
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
