/** Our server by itself: what it takes and refuses, drains, and holds back. */
import assert from 'node:assert/strict';
import { connect } from 'node:http2';
import { describe, test } from 'node:test';
import type { ExchangeClient } from '../../../src/proxy/exchange/exchange-client.ts';
import { ResponseHead } from '../../../src/proxy/http1/response-head.ts';
import { eventually } from '../../support/eventually.ts';
import { AppExchange, answerWith, startServer } from './peers.ts';
import { block, frame, getRequest, RawClient, request } from './raw-client.ts';

const u32 = (n: number): string => String.fromCharCode(n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255);
const post = { ':method': 'POST' };

describe('requests that are none', () => {
  const { ':path': _path, ...noPath } = getRequest;
  const { ':scheme': _scheme, ...noScheme } = getRequest;
  const { ':authority': _authority, ...noAuthority } = getRequest;
  const fields: Readonly<Record<string, Readonly<Record<string, string>> | readonly (readonly [string, string])[]>> = {
    'upper-case name': { ...getRequest, 'X-A': '1' },
    'CR LF in a value': { ...getRequest, 'x-a': 'b\r\nx: y' },
    'NUL in a value': { ...getRequest, 'x-a': 'b\0' },
    'colon in a name': { ...getRequest, 'transfer-encoding:': 'chunked' },
    'space around a value': { ...getRequest, 'x-a': ' b' },
    'empty name': { ...getRequest, '': 'b' },
    'field of a connection': { ...getRequest, 'keep-alive': '5' },
    'transfer-encoding': { ...getRequest, 'transfer-encoding': 'chunked' },
    'te that is not trailers': { ...getRequest, te: 'gzip' },
    'pseudo-header twice': [...Object.entries(getRequest), [':path', '/x']],
    'pseudo-header after a field': [['x-a', 'b'], ...Object.entries(getRequest)],
    'pseudo-header of an answer': { ...getRequest, ':status': '200' },
    'unknown pseudo-header': { ...getRequest, ':x': '1' },
    'no path': noPath,
    'no scheme': noScheme,
    'no authority and no host': noAuthority,
    'authority and host that differ': { ...getRequest, host: 'evil.mesh' },
    'path of another form': { ...getRequest, ':path': 'http://evil.mesh/' },
    'space in the path': { ...getRequest, ':path': '/a HTTP/1.1 x' },
    'request line in the method': { ...getRequest, ':method': 'GET /x HTTP/1.1\r\nHost: x\r\n\r\nGET' },
    'length that is a list': { ...getRequest, 'content-length': '0, 0' },
    'length without a body': { ...getRequest, 'content-length': '5' },
  };
  for (const [what, list] of Object.entries(fields))
    test(what, async () => {
      await using server = await startServer(() => assert.fail('it was handed on'));
      const client = await RawClient.open(server.port);
      client.write(frame(1, 5, 1, block(list)));
      await eventually(() => assert.equal(client.heads[0]?.fields[':status'], '400'));
      assert.deepEqual(server.seen, ['refuse bad-request']);
      client.socket.destroy();
    });

  test('CONNECT to anywhere is not allowed', async () => {
    await using server = await startServer(() => assert.fail('it was handed on'));
    const client = await RawClient.open(server.port);
    client.write(frame(1, 4, 1, block({ ':method': 'CONNECT', ':authority': 'other.mesh:443' })));
    await eventually(() => assert.equal(client.heads[0]?.fields[':status'], '405'));
    client.socket.destroy();
  });
});

describe('bodies that are not what was said', () => {
  const bodies: Readonly<Record<string, string>> = {
    'more than the length': request(1, { ...post, 'content-length': '2' }, 4) + frame(0, 1, 1, 'abc'),
    'less than the length': request(1, { ...post, 'content-length': '5' }, 4) + frame(0, 1, 1, 'abc'),
    'data where the length is 0': request(1, { ...post, 'content-length': '0' }, 4) + frame(0, 1, 1, 'GET /smuggled'),
    'trailers that do not end the stream': request(1, post, 4) + frame(1, 4, 1, block({ 'x-t': '1' })),
    'pseudo-header in trailers': request(1, post, 4) + frame(1, 5, 1, block({ ':path': '/x' })),
  };
  for (const [what, frames] of Object.entries(bodies))
    test(what, async () => {
      await using server = await startServer(() => assert.fail('it was handed on as complete'));
      const client = await RawClient.open(server.port);
      client.write(frames);
      await client.settled();
      assert.deepEqual(server.seen, ['begin POST /ok', 'broke bad-request']);
      assert.equal(client.heads[0]?.fields[':status'], '400');
      client.socket.destroy();
    });

  test('data after the end is told to be too late', async () => {
    await using server = await startServer((_, client) => answerWith(client, 'HTTP/1.1 200 OK\r\n', Buffer.from('x')));
    const client = await RawClient.open(server.port);
    client.write(request(1) + frame(0, 0, 1, 'x'));
    await client.settled();
    assert.deepEqual(client.resets, [[1, 5]]);
    client.socket.destroy();
  });
});

test('an answer before the end of the request is followed by a reset that is no error', async () => {
  await using server = await startServer(() => {}, {
    exchange: client => {
      const exchange = new AppExchange(client, () => {}, []);
      exchange.begin = () => {
        answerWith(client, 'HTTP/1.1 200 OK\r\n', Buffer.from('early'));
        client.exchangeEnded();
      };
      return exchange;
    },
  });
  const client = await RawClient.open(server.port);
  client.write(request(1, post, 4));
  await client.settled();
  assert.equal(client.heads[0]?.fields[':status'], '200');
  assert.deepEqual(client.resets, [[1, 0]]);
  client.socket.destroy();
});

test('one answer with head and small body leaves as two frames', async () => {
  await using server = await startServer((_, client) => answerWith(client, 'HTTP/1.1 200 OK\r\n', Buffer.from('small')));
  const client = await RawClient.open(server.port);
  client.write(request(1));
  await client.settled();
  assert.deepEqual(
    client.frames.filter(seen => seen.id === 1).map(seen => [seen.type, seen.flags, seen.payload.length]),
    [
      [1, 4, 1],
      [0, 1, 5],
    ],
  );
  client.socket.destroy();
});

describe('drain', () => {
  test('says GOAWAY twice, finishes what runs, takes nothing new, and closes', async () => {
    const waiting: (() => void)[] = [];
    await using server = await startServer(() => {}, {
      exchange: client => {
        const exchange = new AppExchange(client, () => {}, []);
        exchange.requestEnded = () =>
          waiting.push(() => {
            answerWith(client, 'HTTP/1.1 200 OK\r\n', Buffer.from('late'));
            exchange.active = false;
            client.exchangeEnded();
          });
        return exchange;
      },
    });
    const client = await RawClient.open(server.port);
    client.write(request(1));
    await eventually(() => assert.equal(waiting.length, 1));
    for (const connection of server.connections) connection.drain();
    await eventually(() => assert.equal(client.of(6).filter(seen => seen.flags === 0).length, 1));
    client.write(request(3));
    await eventually(() => assert.equal(waiting.length, 2));
    client.write(frame(6, 1, 0, 'drained?') + request(5));
    await eventually(() => assert.equal(client.of(7).length, 2));
    await client.settled();
    assert.equal(waiting.length, 2);
    assert.deepEqual(
      client.of(7).map(seen => seen.payload.readUInt32BE(0)),
      [0x7fffffff, 3],
    );
    for (const answer of waiting) answer();
    await eventually(() => assert.ok(client.closed));
    assert.deepEqual(
      client.heads.map(head => head.fields[':status']),
      ['200', '200'],
    );
  });

  test('of an idle connection closes it at once', async () => {
    await using server = await startServer(() => {});
    const session = connect(`http://127.0.0.1:${server.port}`);
    await new Promise(resolve => session.once('remoteSettings', resolve));
    await eventually(() => assert.equal(server.connections.size, 1));
    for (const connection of server.connections) connection.drain();
    await new Promise(resolve => session.once('close', resolve));
    await eventually(() => assert.equal(server.closed(), 1));
  });
});

describe('flow control', () => {
  test('a paused request gets its window and no more; another one goes on', async () => {
    const clients: ExchangeClient[] = [];
    const seen: string[] = [];
    await using server = await startServer(() => {}, {
      exchange: client => {
        const exchange = new AppExchange(client, (_, c) => answerWith(c, 'HTTP/1.1 200 OK\r\n', Buffer.from('ok')), seen);
        const begin = exchange.begin.bind(exchange);
        exchange.begin = head => {
          begin(head);
          if (head.method === 'PUT') {
            client.pauseReading();
            clients.push(client);
          }
        };
        return exchange;
      },
    });
    const session = connect(`http://127.0.0.1:${server.port}`);
    const slow = session.request({ ':method': 'PUT', ':path': '/' });
    const body = Buffer.alloc(2_000_000, 'x');
    slow.end(body);
    await eventually(() => assert.equal(clients.length, 1));
    for (let i = 0; i < 5; i++) {
      const quick = session.request({ ':method': 'POST', ':path': '/' });
      quick.end('x'.repeat(400_000));
      await new Promise(resolve => quick.resume().once('end', resolve));
    }
    assert.deepEqual(
      seen.filter(line => line.startsWith('ended')),
      Array.from({ length: 5 }, () => 'ended 400000'),
    );
    clients[0]?.resumeReading();
    await new Promise(resolve => slow.resume().once('end', resolve));
    assert.equal(seen.at(-1), 'ended 2000000');
    session.destroy();
  });

  test('more than the window of a paused stream resets it', async () => {
    await using server = await startServer(() => {}, {
      exchange: client => {
        const exchange = new AppExchange(client, () => {}, []);
        exchange.begin = () => client.pauseReading();
        return exchange;
      },
    });
    const client = await RawClient.open(server.port);
    client.write(request(1, post, 4) + frame(0, 0, 1, 'x'.repeat(16_384)).repeat(17));
    await client.settled();
    assert.deepEqual(client.resets, [[1, 3]]);
    assert.equal(client.goaway, null);
    client.socket.destroy();
  });

  test('windows that shrink below zero are waited out', async () => {
    await using server = await startServer((_, client) => answerWith(client, 'HTTP/1.1 200 OK\r\n', Buffer.alloc(65_000, 'x')));
    const client = await RawClient.open(server.port);
    client.write(frame(4, 0, 0, `\0\x04${u32(30_000)}`) + request(1));
    await client.settled();
    const sent = (): number => client.of(0).reduce((sum, seen) => sum + seen.payload.length, 0);
    assert.equal(sent(), 30_000);
    client.write(frame(4, 0, 0, `\0\x04${u32(10)}`) + frame(8, 0, 1, u32(19_990)));
    await client.settled();
    assert.equal(sent(), 30_000);
    client.write(frame(8, 0, 1, u32(45_000)));
    await client.settled();
    assert.equal(sent(), 65_000);
    client.socket.destroy();
  });
});

test('a WebSocket by extended CONNECT is a handshake to the server and 200 to the client', async () => {
  const events: string[] = [];
  await using server = await startServer(() => {}, {
    exchange: client => {
      const exchange = new AppExchange(client, () => {}, []);
      exchange.begin = head => {
        exchange.active = true;
        events.push(`${head.method} ${head.websocket} ${head.named('sec-websocket-key')?.length}`);
      };
      exchange.requestEnded = () => {
        const head = new ResponseHead();
        const bytes = Buffer.from(
          'HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: x\r\nSec-WebSocket-Protocol: chat\r\n\r\n',
        );
        head.read(bytes, 0, bytes.length);
        client.tunnelOpened(head, '');
      };
      exchange.requestPiece = (bytes, from, to) => {
        client.piece(bytes, from, to);
        client.flush();
      };
      exchange.clientEnded = () => {
        exchange.active = false;
        client.endTunnel();
        client.exchangeEnded();
      };
      return exchange;
    },
  });
  const session = connect(`http://127.0.0.1:${server.port}`);
  await new Promise(resolve => session.once('remoteSettings', resolve));
  const stream = session.request({
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':scheme': 'http',
    ':path': '/chat',
    ':authority': 'a',
  });
  const head = await new Promise<Record<string, unknown>>(resolve => stream.once('response', resolve));
  assert.equal(head[':status'], 200);
  assert.equal(head['sec-websocket-protocol'], 'chat');
  assert.equal(head['sec-websocket-accept'], undefined);
  stream.write('hello');
  assert.equal(String(await new Promise(resolve => stream.once('data', resolve))), 'hello');
  stream.end();
  await new Promise(resolve => stream.once('end', resolve));
  assert.deepEqual(events, ['GET true 24']);
  await eventually(() => assert.equal([...server.connections][0]?.active, 0));
  session.destroy();
});
