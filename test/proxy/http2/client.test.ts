/** Our client against node:http2 servers. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { constants, createServer, type Http2Server, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import type { ResponseHandler, UpstreamLoss, UpstreamStream } from '../../../src/proxy/exchange/upstream-stream.ts';
import { chunkedBody } from '../../../src/proxy/http1/framing.ts';
import type { ResponseHead } from '../../../src/proxy/http1/response-head.ts';
import { eventually } from '../../support/eventually.ts';
import { connectClient } from './peers.ts';

class Handler implements ResponseHandler {
  readonly heads: string[] = [];
  readonly events: string[] = [];
  readonly pieces: Buffer[] = [];
  #done: (event: string) => void = () => {};
  readonly done: Promise<string> = new Promise(resolve => {
    this.#done = resolve;
  });

  get body(): string {
    return Buffer.concat(this.pieces).toString('latin1');
  }
  interim(head: ResponseHead): void {
    this.events.push(`interim ${head.status}`);
  }
  tunnelOpened(head: ResponseHead): void {
    this.events.push(`tunnel ${head.status} ${head.named('sec-websocket-accept')}`);
  }
  response(head: ResponseHead): boolean {
    this.heads.push(head.forward(0, ''));
    this.events.push(`response ${head.status} ${head.body}`);
    return true;
  }
  piece(bytes: Buffer, from: number, to: number): void {
    this.pieces.push(Buffer.from(bytes.subarray(from, to)));
  }
  trailers(lines: string): void {
    this.events.push(`trailers ${lines}`);
  }
  responseEnded(): void {
    this.events.push('ended');
    this.#done('ended');
  }
  responseLost(loss: UpstreamLoss): void {
    this.events.push(`lost ${loss}`);
    this.#done(loss);
  }
  turnEnded(): void {}
  upstreamDrained(): void {
    this.events.push('drained');
  }
}

function send(
  stream: UpstreamStream,
  handler: Handler,
  more: { method?: string; body?: string; trailers?: string; upgrade?: boolean } = {},
): void {
  const method = more.method ?? 'GET';
  const head = `${method} /a?b=1 HTTP/1.1\r\nHost: app.mesh:80\r\nX-A: b\r\nSec-WebSocket-Key: key\r\n`;
  const body = more.body === undefined ? 0 : chunkedBody;
  stream.send({ method, head, body, upgrade: more.upgrade ?? false, trailersWelcome: true }, 'x-more: 1\r\n', handler);
  if (more.body !== undefined) stream.piece(Buffer.from(more.body), 0, more.body.length);
  if (more.trailers !== undefined) stream.trailers(more.trailers);
  if (more.upgrade !== true) stream.end();
  stream.flush();
}

async function nodeServer(
  onStream: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void,
  settings: object = {},
): Promise<{ port: number; server: Http2Server } & AsyncDisposable> {
  const server = createServer({ settings });
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', session => sessions.add(session));
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    stream.on('error', () => {});
    onStream(stream, headers);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    server,
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      await new Promise(resolve => server.close(resolve));
    },
  };
}

describe('a request to node:http2', () => {
  test('goes with its pseudo-headers, body and trailers; 1xx, head, body and trailers come back', async () => {
    let seen: IncomingHttpHeaders = {};
    let trailers: object = {};
    await using server = await nodeServer((stream, headers) => {
      seen = headers;
      stream.on('trailers', t => {
        trailers = t;
      });
      const body: Buffer[] = [];
      stream.on('data', (bytes: Buffer) => body.push(bytes));
      stream.on('end', () => {
        stream.additionalHeaders({ ':status': 103, link: '<a>' });
        stream.respond({ ':status': 201, 'x-b': ['1', '2'] }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', authorization: 'no' }));
        stream.end(`you said ${Buffer.concat(body)}`);
      });
    });
    const { client, bugs } = await connectClient(server.port);
    const handler = new Handler();
    send(client.stream(), handler, { method: 'POST', body: 'hello', trailers: 'x-t: 1\r\n' });
    assert.equal(await handler.done, 'ended');
    assert.deepEqual(
      [
        seen[':method'],
        seen[':path'],
        seen[':authority'],
        seen[':scheme'],
        seen['te'],
        seen['x-a'],
        seen['x-more'],
        seen['host'],
      ],
      ['POST', '/a?b=1', 'app.mesh:80', 'http', 'trailers', 'b', '1', undefined],
    );
    assert.equal(seen['sec-websocket-key'], undefined);
    assert.equal((trailers as Record<string, string>)['x-t'], '1');
    assert.deepEqual(handler.events, ['interim 103', `response 201 ${chunkedBody}`, 'trailers grpc-status: 0\r\n', 'ended']);
    assert.match(handler.heads[0] ?? '', /^HTTP\/1\.1 201 Created\r\nx-b: 1\r\nx-b: 2\r\ndate: /);
    assert.equal(handler.body, 'you said hello');
    assert.equal(client.active, 0);
    assert.deepEqual(bugs, []);
    client.destroy();
  });

  test('answered with a head alone has no body; HEAD keeps the length', async () => {
    await using server = await nodeServer((stream, headers) => {
      if (headers[':method'] === 'HEAD') stream.respond({ ':status': 200, 'content-length': 7 }, { endStream: true });
      else stream.respond({ ':status': 200, 'grpc-status': '5' }, { endStream: true });
    });
    const { client } = await connectClient(server.port);
    for (const method of ['GET', 'HEAD']) {
      const handler = new Handler();
      send(client.stream(), handler, { method });
      assert.equal(await handler.done, 'ended');
      assert.deepEqual(handler.events, ['response 200 0', 'ended']);
    }
    client.destroy();
  });

  test('reset by the server is lost, and REFUSED_STREAM says that nothing was done', async () => {
    const codes = [constants.NGHTTP2_REFUSED_STREAM, constants.NGHTTP2_INTERNAL_ERROR];
    await using server = await nodeServer(stream => stream.close(codes.shift()));
    const { client } = await connectClient(server.port);
    for (const loss of ['refused', 'reset']) {
      const handler = new Handler();
      send(client.stream(), handler);
      assert.equal(await handler.done, loss);
    }
    client.destroy();
  });

  test('after GOAWAY streams above the last are refused, those below end well', async () => {
    const streams: ServerHttp2Stream[] = [];
    await using server = await nodeServer(stream => streams.push(stream));
    const { client, events } = await connectClient(server.port);
    const [first, second] = [new Handler(), new Handler()];
    send(client.stream(), first);
    send(client.stream(), second);
    await eventually(() => assert.equal(streams.length, 2));
    streams[0]?.session?.goaway(constants.NGHTTP2_NO_ERROR, 1);
    assert.equal(await second.done, 'refused');
    assert.ok(!client.hasRoom);
    streams[0]?.respond({ ':status': 200 });
    streams[0]?.end('x');
    assert.equal(await first.done, 'ended');
    await eventually(() => assert.deepEqual(events, ['closed']));
  });

  test('cancelled is reset with CANCEL, and the connection goes on', async () => {
    let code: number | undefined;
    await using server = await nodeServer((stream, headers) => {
      stream.on('close', () => {
        if (headers['x-a'] !== undefined && code === undefined) code = stream.rstCode;
      });
      stream.respond({ ':status': 200 });
      stream.write('x');
    });
    const { client } = await connectClient(server.port);
    const handler = new Handler();
    const stream = client.stream();
    send(stream, handler);
    await eventually(() => assert.equal(handler.body, 'x'));
    stream.cancel();
    await eventually(() => assert.equal(code, constants.NGHTTP2_CANCEL));
    assert.equal(client.active, 0);
    assert.deepEqual(handler.events, [`response 200 ${chunkedBody}`]);
    client.destroy();
  });

  test('lost with its connection is closed', async () => {
    await using server = await nodeServer(stream => stream.session?.destroy());
    const { client, events } = await connectClient(server.port);
    const handler = new Handler();
    send(client.stream(), handler);
    assert.equal(await handler.done, 'closed');
    await eventually(() => assert.ok(events.includes('closed')));
  });
});

describe('backpressure', () => {
  test('a paused stream holds its server back, and the others run on', async () => {
    let sent = 0;
    await using server = await nodeServer((stream, headers) => {
      stream.respond({ ':status': 200 });
      if (headers[':method'] === 'GET') {
        stream.end('small');
        return;
      }
      const more = (): void => {
        while (sent < 8_000_000) {
          sent += 64_000;
          if (!stream.write(Buffer.alloc(64_000, 'x'))) {
            stream.once('drain', more);
            return;
          }
        }
        stream.end();
      };
      more();
    });
    const { client } = await connectClient(server.port);
    const slow = new Handler();
    const stream = client.stream();
    send(stream, slow, { method: 'POST' });
    stream.pause();
    for (let i = 0; i < 20; i++) {
      const quick = new Handler();
      send(client.stream(), quick);
      assert.equal(await quick.done, 'ended');
    }
    assert.ok(sent < 1_000_000, `${sent} bytes left the server`);
    stream.resume();
    assert.equal(await slow.done, 'ended');
    assert.equal(slow.body.length, 8_000_000);
    client.destroy();
  });

  test('data for which there is no window waits, in order', async () => {
    const hash = createHash('sha256');
    let received = 0;
    let opened: ServerHttp2Stream | null = null;
    await using server = await nodeServer(stream => {
      opened = stream;
      stream.pause();
      stream.on('data', (bytes: Buffer) => {
        hash.update(bytes);
        received += bytes.length;
      });
      stream.pause();
      stream.on('end', () => {
        stream.respond({ ':status': 200 });
        stream.end(hash.digest('hex'));
      });
    });
    const { client } = await connectClient(server.port);
    const handler = new Handler();
    const stream = client.stream();
    stream.send(
      { method: 'POST', head: 'POST / HTTP/1.1\r\nhost: a\r\n', body: chunkedBody, upgrade: false, trailersWelcome: false },
      '',
      handler,
    );
    const body = Buffer.alloc(3_000_000);
    for (let i = 0; i < body.length; i++) body[i] = i % 251;
    for (let from = 0; from < body.length; from += 100_001) stream.piece(body, from, Math.min(body.length, from + 100_001));
    assert.ok(stream.full);
    stream.end();
    stream.flush();
    await eventually(() => assert.notEqual(opened, null));
    (opened as ServerHttp2Stream | null)?.resume();
    assert.equal(await handler.done, 'ended');
    assert.equal(received, body.length);
    assert.equal(handler.body, createHash('sha256').update(body).digest('hex'));
    client.destroy();
  });
});

describe('WebSocket', () => {
  test('goes as extended CONNECT where the server offers it', async () => {
    let seen: IncomingHttpHeaders = {};
    await using server = await nodeServer(
      (stream, headers) => {
        seen = headers;
        stream.respond({ ':status': 200 });
        stream.on('data', (bytes: Buffer) => stream.write(`echo ${bytes}`));
        stream.on('end', () => stream.end());
      },
      { enableConnectProtocol: true },
    );
    const { client } = await connectClient(server.port);
    const handler = new Handler();
    const stream = client.stream();
    send(stream, handler, { upgrade: true });
    const accept = createHash('sha1').update('key258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
    await eventually(() => assert.deepEqual(handler.events, [`tunnel 101 ${accept}`]));
    stream.piece(Buffer.from('hi'), 0, 2);
    stream.flush();
    await eventually(() => assert.equal(handler.body, 'echo hi'));
    assert.deepEqual([seen[':method'], seen[':protocol'], seen[':path']], ['CONNECT', 'websocket', '/a?b=1']);
    stream.endTunnel();
    assert.equal(await handler.done, 'ended');
    await eventually(() => assert.equal(client.active, 0));
    client.destroy();
  });

  test('is lost where it does not', async () => {
    await using server = await nodeServer(() => {});
    const { client } = await connectClient(server.port);
    const handler = new Handler();
    send(client.stream(), handler, { upgrade: true });
    assert.equal(await handler.done, 'closed');
    client.destroy();
  });
});

test('the server says how many streams it takes', async () => {
  await using server = await nodeServer(() => {}, { maxConcurrentStreams: 2 });
  const { client } = await connectClient(server.port);
  await eventually(() => assert.equal(client.peer.maxConcurrentStreams, 2));
  const [a, b] = [client.stream(), client.stream()];
  assert.ok(!client.hasRoom);
  send(a, new Handler());
  assert.ok(!client.hasRoom);
  a.cancel();
  assert.ok(client.hasRoom);
  send(b, new Handler());
  client.destroy();
});
