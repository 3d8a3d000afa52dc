/** Clients that cost more than they pay: each is cut off or held within bounds, and a well-behaved one beside it is served. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { maxFrameBytes } from '../../src/proxy/http2/frame.ts';
import { answerWith, type OwnServer, startServer } from '../proxy/http2/peers.ts';
import { block, frame, getRequest, RawClient, request } from '../proxy/http2/raw-client.ts';
import { eventually } from '../support/eventually.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';

const calm = 11;
const u32 = (n: number): string => String.fromCharCode(n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255);

function echo(clock?: ManualClock): Promise<OwnServer> {
  return startServer(({ body }, client) => answerWith(client, 'HTTP/1.1 200 OK\r\n', body), clock === undefined ? {} : { clock });
}

/** Writes `attack`, and asserts that the connection is ended with `code` while another one is served. */
async function endsWith(code: number, attack: string, server: OwnServer): Promise<void> {
  const bystander = await RawClient.open(server.port);
  const attacker = await RawClient.open(server.port);
  attacker.write(attack);
  bystander.write(request(1));
  await eventually(() => assert.equal(attacker.goaway, code));
  await eventually(() => assert.ok(attacker.closed));
  await eventually(() => assert.equal(bystander.heads[0]?.fields[':status'], '200'));
  assert.equal(bystander.goaway, null);
  assert.deepEqual(server.bugs, []);
  bystander.socket.destroy();
}

function streams(count: number, frames: (id: number) => string): string {
  return Array.from({ length: count }, (_, i) => frames(i * 2 + 1)).join('');
}

describe('floods end with ENHANCE_YOUR_CALM', () => {
  const post = request(1, { ':method': 'POST' }, 4);
  const attacks: Readonly<Record<string, string>> = {
    'rapid reset': streams(2000, id => request(id, { ':method': 'POST' }, 4) + frame(3, 0, id, u32(8))),
    'resets that the client provokes': streams(2000, id => request(id, { ':method': 'POST' }, 4) + frame(8, 0, id, u32(0))),
    'malformed requests': streams(2000, id => request(id, { 'X-Upper': 'a' })),
    'CONTINUATION without end': frame(1, 0, 1, block(getRequest)) + frame(9, 0, 1, block({ 'x-a': 'b' })).repeat(20_000),
    'empty CONTINUATION': frame(1, 0, 1, block(getRequest)) + frame(9, 0, 1, '').repeat(20_000),
    SETTINGS: frame(4, 0, 0, '').repeat(5000),
    PING: frame(6, 0, 0, 'ping ...').repeat(5000),
    'empty DATA': post + frame(0, 0, 1, '').repeat(5000),
    'padding alone': post + frame(0, 8, 1, `\x05${'\0'.repeat(5)}`).repeat(5000),
    PRIORITY: post + frame(2, 0, 1, `${u32(3)}\x0f`).repeat(5000),
    'WINDOW_UPDATE by single bytes': post + frame(8, 0, 1, u32(1)).repeat(5000),
    'frames of unknown types': frame(77, 0, 0, 'x').repeat(5000),
  };
  for (const [what, attack] of Object.entries(attacks))
    test(what, async () => {
      await using server = await echo();
      await endsWith(calm, attack, server);
      assert.ok(server.seen.filter(line => line.startsWith('begin')).length <= 1000);
    });

  test('trailers that are none', async () => {
    await using server = await echo();
    await endsWith(
      calm,
      streams(2000, id => request(id, { ':method': 'POST' }, 4) + frame(1, 4, id, '')),
      server,
    );
  });
});

describe('a busy client is no flood', () => {
  test('that gives up every other request', async () => {
    await using server = await echo();
    const client = await RawClient.open(server.port);
    const pair = (id: number): string =>
      `${request(id * 2 - 1)}${request(id * 2 + 1, { ':method': 'POST' }, 4)}${frame(3, 0, id * 2 + 1, u32(8))}`;
    client.write(streams(2000, pair));
    await client.settled();
    assert.equal(client.goaway, null);
    assert.equal(client.heads.length, 2000);
    client.socket.destroy();
  });

  test('whose requests wait long before it gives them up', async () => {
    const clock = manualClock();
    await using server = await echo(clock);
    const client = await RawClient.open(server.port);
    for (let round = 0; round < 20; round++) {
      const ids = Array.from({ length: 50 }, (_, i) => round * 100 + i * 2 + 1);
      client.write(ids.map(id => request(id, { ':method': 'POST' }, 4)).join(''));
      await client.settled();
      clock.advance(2_000);
      client.write(ids.map(id => frame(3, 0, id, u32(8))).join(''));
      await client.settled();
    }
    assert.equal(client.goaway, null);
    client.socket.destroy();
  });
});

describe('what breaks the connection', () => {
  const cases: Readonly<Record<string, readonly [code: number, attack: string]>> = {
    'connection window over 2^31-1': [3, frame(8, 0, 0, u32(0x7fffffff)).repeat(2)],
    'window of nothing': [1, frame(8, 0, 0, u32(0))],
    'frame over the limit': [6, frame(0, 0, 1, 'x'.repeat(maxFrameBytes + 1))],
    'stream that depends on itself': [1, frame(2, 0, 3, `${u32(3)}\x0f`)],
    'priority of a wrong length': [6, frame(2, 0, 3, 'abc')],
    'padding longer than its frame': [1, request(1, {}, 4) + frame(0, 8, 1, '\x05abc')],
    'stream of an even number': [1, request(2)],
    'data for an idle stream': [1, frame(0, 0, 9, 'x')],
    'reset of an idle stream': [1, frame(3, 0, 9, u32(8))],
    'header block interrupted': [1, frame(1, 0, 1, block(getRequest)) + frame(6, 0, 0, 'ping ...')],
    'index out of the table': [9, frame(1, 5, 1, '\xff\x80\x01')],
    'push from a client': [1, frame(5, 4, 1, u32(2))],
    'settings out of range': [3, frame(4, 0, 0, `\0\x04${u32(0x80000000)}`)],
  };
  for (const [what, [code, attack]] of Object.entries(cases))
    test(what, async () => {
      await using server = await echo();
      await endsWith(code, attack, server);
    });
});

test('an HPACK bomb is refused with 431 and costs no memory', async () => {
  await using server = await echo();
  const client = await RawClient.open(server.port);
  // One entry of 3,000 bytes in the table, then 12,000 references to it: 36 MB of fields.
  const entry = `\x40\x03x-b\x7f${String.fromCharCode(((3000 - 127) & 127) | 128, (3000 - 127) >>> 7)}${'a'.repeat(3000)}`;
  const before = process.memoryUsage().rss;
  client.write(frame(1, 5, 1, block(getRequest) + entry + '\xbe'.repeat(12_000)));
  await eventually(() => assert.equal(client.heads[0]?.fields[':status'], '431'));
  assert.ok(process.memoryUsage().rss - before < 50 * 1024 * 1024);
  // The table is still right.
  client.write(frame(1, 5, 3, `${block(getRequest)}\xbe`));
  await eventually(() => assert.equal(client.heads[1]?.fields[':status'], '200'));
  client.socket.destroy();
});

test('streams over the limit are refused, not queued', async () => {
  await using server = await echo();
  const client = await RawClient.open(server.port);
  client.write(streams(160, id => request(id, { ':method': 'POST' }, 4)));
  await client.settled();
  assert.deepEqual(
    client.resets,
    Array.from({ length: 60 }, (_, i) => [201 + i * 2, 7]),
  );
  client.write(frame(0, 1, 1, 'done'));
  await eventually(() => assert.equal(client.heads[0]?.fields[':status'], '200'));
  client.socket.destroy();
});

test('a header block that does not come to its end is cut off in time', async () => {
  const clock = manualClock();
  await using server = await echo(clock);
  const client = await RawClient.open(server.port);
  await client.settled();
  client.write(frame(1, 0, 1, block(getRequest)));
  await eventually(() => {
    clock.advance(1000);
    assert.equal(client.goaway, calm);
  });
});

test('a client that says nothing after its connect is let go', async () => {
  const clock = manualClock();
  await using server = await echo(clock);
  const client = await RawClient.open(server.port, 'PRI * HTTP/2.0\r\n');
  await eventually(() => {
    clock.advance(1000);
    assert.ok(client.closed);
  });
});

describe('a client that never reads', () => {
  test('leaves no more of its answers here than windows and sockets hold', async () => {
    const body = Buffer.alloc(1024 * 1024, 'x');
    let answers = 0;
    await using server = await startServer((_, client) => {
      answers++;
      answerWith(client, 'HTTP/1.1 200 OK\r\n', body);
    });
    const client = await RawClient.open(server.port);
    client.write(streams(50, id => request(id)));
    await eventually(() => assert.equal(answers, 50));
    await client.settled();
    const data = client.of(0).reduce((sum, seen) => sum + seen.payload.length, 0);
    assert.equal(data, 65_535);
    client.socket.destroy();
    await eventually(() => assert.equal(server.closed(), 1));
  });

  test('loses the stream that has not moved for minutes', async () => {
    const clock = manualClock();
    await using server = await startServer((_, client) => answerWith(client, 'HTTP/1.1 200 OK\r\n', Buffer.alloc(100_000)), {
      clock,
    });
    const client = await RawClient.open(server.port);
    client.write(request(1));
    await eventually(() => assert.equal(client.heads.length, 1));
    await client.settled();
    await eventually(() => {
      clock.advance(60_000);
      assert.deepEqual(client.resets, [[1, 8]]);
    });
    client.socket.destroy();
  });
});
