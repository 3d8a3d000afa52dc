/** Bytes of a client in any split, and bytes that were tampered with: the same is understood, and nothing breaks. Fixed seeds, so a failure comes again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../src/async/clock.ts';
import { Deadlines } from '../../src/async/deadline.ts';
import { createRandom } from '../../src/async/random.ts';
import type { ExchangeRole } from '../../src/proxy/exchange/exchange-role.ts';
import type { ResponseHandler } from '../../src/proxy/exchange/upstream-stream.ts';
import { chunkedBody } from '../../src/proxy/http1/framing.ts';
import { ClientConnection } from '../../src/proxy/http2/client-connection.ts';
import { ServerConnection } from '../../src/proxy/http2/server-connection.ts';
import type { ByteStream, StreamReader } from '../../src/proxy/transport/byte-stream.ts';
import { AppExchange, answerWith } from '../proxy/http2/peers.ts';
import { block, frame, getRequest, request } from '../proxy/http2/raw-client.ts';

/** A stream without a socket: only so can bytes be split at will. */
class Line implements ByteStream {
  destroyed = false;
  ended = false;
  out = '';
  reader: StreamReader | null = null;

  readBy(reader: StreamReader): void {
    this.reader = reader;
  }
  text(latin1: string): boolean {
    this.out += latin1;
    return true;
  }
  write(bytes: Buffer): boolean {
    return this.text(bytes.toString('latin1'));
  }
  cork(): void {}
  uncork(): void {}
  pause(): void {}
  resume(): void {}
  end(): void {
    this.destroyed = true;
  }
  destroy(): void {
    this.destroyed = true;
  }
  reset(): void {
    this.destroyed = true;
  }

  arrive(latin1: string): void {
    const bytes = Buffer.from(latin1, 'latin1');
    this.reader?.bytes(bytes, 0, bytes.length);
  }
}

const role = { keepAliveMs: 60_000 } as ExchangeRole;

/** What a server of ours understood and answered when the pieces arrived one after the other. */
function served(pieces: readonly string[]): { readonly seen: string[]; readonly out: string; readonly bugs: unknown[] } {
  const line = new Line();
  const seen: string[] = [];
  const bugs: unknown[] = [];
  const connection = new ServerConnection(
    {
      stream: line,
      initial: Buffer.alloc(0),
      remoteAddress: '',
      remotePort: 0,
      localAddress: '',
      localPort: 0,
      peer: null,
    } as unknown as ConstructorParameters<typeof ServerConnection>[0],
    role,
    {
      clock: systemClock,
      deadlines: new Deadlines(systemClock),
      random: createRandom(1),
      guard(client, act) {
        try {
          act();
        } catch (error) {
          bugs.push(error);
          client.abort();
        }
      },
      exchange: client =>
        new AppExchange(
          client,
          (asked, c) => {
            seen.push(asked.head, asked.body.toString('latin1'), asked.trailers);
            answerWith(c, 'HTTP/1.1 200 OK\r\nx-a: b\r\n', asked.body, asked.trailers);
          },
          seen,
        ),
    },
    () => {},
  );
  for (const piece of pieces) line.arrive(piece);
  connection.destroy();
  return { seen, out: line.out, bugs };
}

function split(text: string, sizes: () => number): string[] {
  const pieces: string[] = [];
  for (let from = 0; from < text.length; ) {
    const to = from + sizes();
    pieces.push(text.slice(from, to));
    from = to;
  }
  return pieces;
}

const post = { ':method': 'POST' };
const fields = block({ ...getRequest, ...post, 'x-long': 'v'.repeat(100) });
const clientSays = [
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  frame(4, 0, 0, '\0\x03\0\0\0\x64'),
  request(1),
  frame(1, 0, 3, fields.slice(0, 20)),
  frame(9, 0, 3, fields.slice(20, 21)),
  frame(9, 4, 3, fields.slice(21)),
  frame(0, 0, 3, 'hello '),
  frame(6, 0, 0, 'abcdefgh'),
  frame(0, 8, 3, '\x03wor\0\0\0'),
  frame(0, 0, 3, ''),
  frame(0, 0, 3, 'ld'),
  frame(1, 5, 3, block({ 'x-sum': '11' })),
  // Padded, with a priority.
  frame(1, 8 | 32 | 5, 5, `\x04\0\0\0\0\x0f${block(getRequest)}\0\0\0\0`),
  request(7, post, 4),
  frame(3, 0, 7, '\0\0\0\x08'),
  frame(8, 0, 0, '\0\0\x01\0'),
  request(9, { 'X-Bad': '1' }),
  frame(7, 0, 0, '\0\0\0\0\0\0\0\0'),
].join('');

test('a client is understood alike however its bytes are split', () => {
  const whole = served([clientSays]);
  assert.deepEqual(
    whole.seen.filter(line => /^(begin|ended|gone|refuse)/.test(line)),
    [
      'begin GET /ok',
      'ended 0',
      'begin POST /ok',
      'ended 11',
      'begin GET /ok',
      'ended 0',
      'begin POST /ok',
      'gone',
      'refuse bad-request',
    ],
  );
  assert.ok(whole.seen.includes('hello world'));
  for (let size = 1; size <= 40; size++) {
    const { seen, bugs } = served(split(clientSays, () => size));
    assert.deepEqual(seen, whole.seen, `pieces of ${size}`);
    assert.deepEqual(bugs, []);
  }
  const random = createRandom(5);
  for (let round = 0; round < 100; round++) {
    const { seen, out } = served(split(clientSays, () => 1 + Math.floor(random.next() ** 3 * 200)));
    assert.deepEqual(seen, whole.seen);
    assert.equal(out.length > 0, true);
  }
});

test('bytes that were tampered with never bring out a bug', () => {
  const random = createRandom(6);
  const below = (n: number): number => Math.floor(random.next() * n);
  for (let round = 0; round < 3000; round++) {
    let bytes = clientSays;
    for (let edits = 1 + below(4); edits > 0; edits--) {
      const at = 24 + below(bytes.length - 24);
      const kind = below(3);
      if (kind === 0) bytes = bytes.slice(0, at) + String.fromCharCode(below(256)) + bytes.slice(at + 1);
      else if (kind === 1) bytes = bytes.slice(0, at) + bytes.slice(at + 1 + below(20));
      else bytes = bytes.slice(0, at) + bytes.slice(24 + below(at), at) + bytes.slice(at);
    }
    const { bugs } = served(split(bytes, () => 1 + below(300)));
    assert.deepEqual(bugs, [], `round ${round}`);
  }
});

const serverSays = [
  frame(4, 0, 0, '\0\x03\0\0\0\x64'),
  frame(4, 1, 0, ''),
  frame(1, 4, 1, `\x08\x03103${block({ link: '<a>' })}`),
  frame(1, 0, 1, '\x88'),
  frame(9, 4, 1, block({ 'x-a': 'b' })),
  frame(0, 0, 1, 'hello '),
  frame(0, 8, 1, '\x02world\0\0'),
  frame(1, 5, 1, block({ 'grpc-status': '0' })),
  frame(1, 5, 3, '\x8d'),
  frame(3, 0, 5, '\0\0\0\x07'),
  frame(7, 0, 0, '\0\0\0\x05\0\0\0\0'),
].join('');

/** What a client of ours made of a server's bytes, for three requests. */
function asked(pieces: readonly string[]): { readonly seen: string[]; readonly bugs: unknown[] } {
  const line = new Line();
  const seen: string[] = [];
  const bugs: unknown[] = [];
  const owner = { idle() {}, freed() {}, closed() {} };
  const client = new ClientConnection(line, 'http', { now: () => 0, onBug: error => bugs.push(error) }, owner);
  for (const id of [1, 3, 5]) {
    let body = '';
    const handler: ResponseHandler = {
      interim: head => seen.push(`${id} interim ${head.status}`),
      tunnelOpened: () => seen.push(`${id} tunnel`),
      response(head) {
        seen.push(`${id} ${head.forward(0, '')}`);
        return true;
      },
      piece(bytes, from, to) {
        body += bytes.toString('latin1', from, to);
      },
      trailers: lines => seen.push(`${id} trailers ${lines}`),
      responseEnded: () => seen.push(`${id} ended ${body}`),
      responseLost: loss => seen.push(`${id} lost ${loss}`),
      turnEnded() {},
      upstreamDrained() {},
    };
    const stream = client.stream();
    stream.send(
      { method: 'POST', head: 'POST / HTTP/1.1\r\nhost: a\r\n', body: chunkedBody, upgrade: false, trailersWelcome: true },
      '',
      handler,
    );
    stream.piece(Buffer.from('x'), 0, 1);
    stream.end();
    stream.flush();
  }
  for (const piece of pieces) line.arrive(piece);
  client.destroy();
  return { seen, bugs };
}

test('a server is understood alike however its bytes are split, and tampering brings out no bug', () => {
  const whole = asked([serverSays]);
  assert.deepEqual(whole.seen, [
    '1 interim 103',
    '1 HTTP/1.1 200 OK\r\nx-a: b\r\n',
    '1 trailers grpc-status: 0\r\n',
    '1 ended hello world',
    '3 HTTP/1.1 404 Not Found\r\n',
    '3 ended ',
    '5 lost refused',
  ]);
  for (let size = 1; size <= 40; size++) assert.deepEqual(asked(split(serverSays, () => size)), whole);
  const random = createRandom(8);
  const below = (n: number): number => Math.floor(random.next() * n);
  for (let round = 0; round < 3000; round++) {
    let bytes = serverSays;
    for (let edits = 1 + below(4); edits > 0; edits--) {
      const at = below(bytes.length);
      bytes =
        below(2) === 0
          ? bytes.slice(0, at) + String.fromCharCode(below(256)) + bytes.slice(at + 1)
          : bytes.slice(0, at) + bytes.slice(at + 1 + below(20));
    }
    const { seen, bugs } = asked(split(bytes, () => 1 + below(100)));
    assert.deepEqual(bugs, [], `round ${round}`);
    for (const id of [1, 3, 5])
      assert.equal(seen.filter(line => new RegExp(`^${id} (ended|lost)`).test(line)).length, 1, `round ${round}`);
  }
});
