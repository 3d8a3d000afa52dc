/** Clients of one version of HTTP and servers of another, through a data plane: nothing is lost on the way. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer as createHttp1, request as http1Request, type IncomingMessage, type Server } from 'node:http';
import { connect, createServer as createHttp2, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, createServer as createTcp, type Server as TcpServer } from 'node:net';
import { describe, test } from 'node:test';
import type { UpstreamProtocol } from '../../../src/snapshot/snapshot.ts';
import { eventually } from '../../support/eventually.ts';
import { clusterTo, type Harness, outboundSnapshot, ruleTo, startPlane } from '../data-plane-harness.ts';

interface Running extends AsyncDisposable {
  readonly port: number;
}

async function started(server: Server | Http2Server | TcpServer): Promise<Running> {
  const open = new Set<{ destroy(): void }>();
  server.on('connection', socket => open.add(socket));
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await new Promise(resolve => server.close(resolve));
    },
  };
}

function http2Server(
  onStream: (stream: ServerHttp2Stream, headers: Record<string, unknown>) => void,
  settings = {},
): Promise<Running> {
  const server = createHttp2({ settings });
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    stream.on('error', () => {});
    onStream(stream, headers);
  });
  return started(server);
}

function planeTo(port: number, protocol?: UpstreamProtocol): Promise<Harness> {
  const more = protocol === undefined ? {} : { protocol };
  return startPlane('outbound', outboundSnapshot([clusterTo('app', [port], more)], [ruleTo('app')], { accessLog: 'json' }));
}

/** Sends pieces one by one, each when the one before has come back: only streaming both ways gets to the end. */
const pieces = ['one', 'two', 'three'];

describe('an HTTP/1 client and a server that speaks HTTP/2 only', () => {
  test('bodies stream both ways, trailers arrive on both sides', async () => {
    let trailers: Record<string, unknown> = {};
    let head: Record<string, unknown> = {};
    await using app = await http2Server((stream, headers) => {
      head = headers;
      stream.on('trailers', t => {
        trailers = t;
      });
      stream.respond({ ':status': 200, 'x-answer': 'yes' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '3' }));
      stream.on('data', (bytes: Buffer) => stream.write(`${bytes}!`));
      stream.on('end', () => stream.end());
    });
    await using plane = await planeTo(app.port, 'http2');
    const request = http1Request({
      port: plane.port,
      host: '127.0.0.1',
      method: 'POST',
      path: '/stream?x=1',
      headers: { host: 'app', 'transfer-encoding': 'chunked', te: 'trailers', trailer: 'x-request-sum', connection: 'TE' },
    });
    request.write(pieces[0]);
    const answer = await new Promise<IncomingMessage>((resolve, reject) =>
      request.once('response', resolve).once('error', reject),
    );
    let got = '';
    for (const piece of pieces.slice(1)) {
      got += await new Promise<Buffer>(resolve => answer.once('data', resolve));
      request.write(piece);
    }
    got += await new Promise<Buffer>(resolve => answer.once('data', resolve));
    request.addTrailers({ 'x-request-sum': '11' });
    request.end();
    await new Promise(resolve => answer.once('end', resolve).resume());
    assert.equal(got, 'one!two!three!');
    assert.equal(answer.headers['x-answer'], 'yes');
    assert.deepEqual(answer.trailers, { 'x-sum': '3' });
    assert.equal(trailers['x-request-sum'], '11');
    assert.deepEqual(
      [head[':authority'], head[':path'], head['connection'], head['transfer-encoding']],
      ['app', '/stream?x=1', undefined, undefined],
    );
    assert.deepEqual(plane.bugs, []);
  });

  test('HEAD, 204 and an empty answer have no body', async () => {
    await using app = await http2Server((stream, headers) => {
      if (headers[':path'] === '/204') stream.respond({ ':status': 204 }, { endStream: true });
      else if (headers[':method'] === 'HEAD') stream.respond({ ':status': 200, 'content-length': 5 }, { endStream: true });
      else stream.respond({ ':status': 200 }, { endStream: true });
    });
    await using plane = await planeTo(app.port, 'http2');
    for (const [method, path, length] of [
      ['GET', '/204', undefined],
      ['HEAD', '/', '5'],
      ['GET', '/', '0'],
    ] as const) {
      const answer = await new Promise<IncomingMessage>((resolve, reject) =>
        http1Request({ port: plane.port, host: '127.0.0.1', method, path }, resolve).on('error', reject).end(),
      );
      assert.equal(answer.headers['content-length'], length);
      await new Promise(resolve => answer.once('end', resolve).resume());
    }
  });

  test('refused streams are tried again, also those that must not be done twice', async () => {
    let refusals = 2;
    await using app = await http2Server(stream => {
      if (refusals-- > 0) stream.close(7);
      else {
        stream.respond({ ':status': 200 });
        stream.end('third time');
      }
    });
    const retry = {
      attempts: 3,
      on: ['refused-stream' as const],
      statusCodes: [],
      methods: ['POST'],
      perTryTimeoutMs: null,
      backoffBaseMs: 1,
    };
    const snapshot = outboundSnapshot([clusterTo('app', [app.port], { protocol: 'http2' })], [ruleTo('app', { retry })]);
    await using plane = await startPlane('outbound', snapshot);
    const answer = await new Promise<IncomingMessage>((resolve, reject) =>
      http1Request({ port: plane.port, host: '127.0.0.1', method: 'POST' }, resolve).on('error', reject).end('x'),
    );
    assert.equal(answer.statusCode, 200);
    answer.resume();
  });
});

describe('an HTTP/2 client and an HTTP/1 server', () => {
  test('bodies stream both ways, trailers arrive on both sides, without a word of configuration', async () => {
    let seen: IncomingMessage | null = null;
    await using app = await started(
      createHttp1((request, response) => {
        seen = request;
        response.writeHead(200, { 'X-Answer': 'yes', Trailer: 'X-Sum', Connection: 'keep-alive' });
        request.on('data', (bytes: Buffer) => response.write(`${bytes}!`));
        request.on('end', () => {
          response.addTrailers({ 'X-Sum': '3' });
          response.end();
        });
      }),
    );
    await using plane = await planeTo(app.port);
    const session = connect(`http://127.0.0.1:${plane.port}`);
    for (let round = 0; round < 2; round++) {
      const stream = session.request(
        { ':method': 'POST', ':path': '/stream?x=1', ':authority': 'app', te: 'trailers', cookie: ['a=1', 'b=2'] },
        { waitForTrailers: true },
      );
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-request-sum': '11' }));
      let trailers: Record<string, unknown> = {};
      let head: Record<string, unknown> = {};
      stream.on('trailers', t => {
        trailers = t;
      });
      stream.on('response', h => {
        head = h;
      });
      let got = '';
      for (const piece of pieces) {
        stream.write(piece);
        got += await new Promise<Buffer>(resolve => stream.once('data', resolve));
      }
      stream.end();
      await new Promise(resolve => stream.once('end', resolve).resume());
      assert.equal(got, 'one!two!three!');
      assert.deepEqual([head[':status'], head['x-answer'], head['connection']], [200, 'yes', undefined]);
      assert.equal(trailers['x-sum'], '3');
      const request = seen as IncomingMessage | null;
      assert.deepEqual(request?.trailers, { 'x-request-sum': '11' });
      assert.deepEqual([request?.headers.host, request?.headers.cookie, request?.url], ['app', 'a=1; b=2', '/stream?x=1']);
    }
    session.destroy();
    await eventually(() => assert.equal(plane.accessLog.length, 2));
    assert.equal((JSON.parse(plane.accessLog[0] ?? '') as { protocol: string }).protocol, 'HTTP/2');
    assert.deepEqual(plane.bugs, []);
  });

  test('answers without a body end with their head', async () => {
    await using app = await started(
      createTcp(socket => {
        socket.on('error', () => {});
        socket.on('data', bytes => {
          const head = /^(\w+) \/(\d+)/.exec(String(bytes));
          socket.write(`HTTP/1.1 ${head?.[2]} X\r\nContent-Length: ${head?.[2] === '204' ? 0 : 7}\r\n\r\n`);
        });
      }),
    );
    await using plane = await planeTo(app.port, 'http1');
    const session = connect(`http://127.0.0.1:${plane.port}`);
    for (const [method, status, length] of [
      ['GET', 204, undefined],
      ['GET', 304, '7'],
      ['HEAD', 200, '7'],
    ] as const) {
      const stream = session.request({ ':method': method, ':path': `/${status}` });
      const head = await new Promise<Record<string, unknown>>((resolve, reject) =>
        stream.once('response', resolve).once('error', reject),
      );
      assert.deepEqual([head[':status'], head['content-length']], [status, length]);
      await new Promise((resolve, reject) => stream.once('end', resolve).once('error', reject).resume());
    }
    session.destroy();
  });

  test('a server that breaks off shows as a reset, one that is not there as 503', async () => {
    const app = await started(
      createHttp1((request, response) => {
        response.writeHead(200, { 'Content-Length': '10' });
        response.write('abc', () => request.socket.destroy());
      }),
    );
    await using plane = await planeTo(app.port, 'http1');
    const session = connect(`http://127.0.0.1:${plane.port}`);
    const stream = session.request({ ':path': '/' });
    const code = await new Promise(resolve =>
      stream
        .on('error', () => {})
        .once('close', () => resolve(stream.rstCode))
        .resume(),
    );
    assert.equal(code, 2);
    await app[Symbol.asyncDispose]();
    const second = session.request({ ':path': '/' });
    const head = await new Promise<Record<string, unknown>>(resolve => second.once('response', resolve));
    assert.equal(head[':status'], 503);
    second.resume();
    session.destroy();
  });

  test('a client that gives up ends the request at the server', async () => {
    let gone = false;
    let begun = false;
    await using app = await started(
      createHttp1((request, response) => {
        begun = true;
        response.on('close', () => {
          gone = true;
        });
        request.resume();
      }),
    );
    await using plane = await planeTo(app.port, 'http1');
    const session = connect(`http://127.0.0.1:${plane.port}`);
    const stream = session.request({ ':path': '/' });
    stream.on('error', () => {});
    await eventually(() => assert.ok(begun));
    stream.close(8);
    await eventually(() => assert.ok(gone));
    session.destroy();
  });
});

describe('backpressure through the data plane', () => {
  const total = 64 * 1024 * 1024;

  test('an HTTP/2 client that does not read holds back an HTTP/1 server, and gets everything once it does', async () => {
    let sent = 0;
    await using app = await started(
      createHttp1((request, response) => {
        if (request.url === '/small') {
          response.end('small');
          return;
        }
        const piece = Buffer.alloc(64 * 1024, 'x');
        const more = (): void => {
          while (sent < total) {
            sent += piece.length;
            if (!response.write(piece)) {
              response.once('drain', more);
              return;
            }
          }
          response.end();
        };
        more();
      }),
    );
    await using plane = await planeTo(app.port, 'http1');
    const session = connect(`http://127.0.0.1:${plane.port}`);
    const big = session.request({ ':path': '/big' });
    await new Promise(resolve => big.once('response', resolve));
    let quiet = -1;
    await eventually(() => {
      const before = quiet;
      quiet = sent;
      assert.equal(sent, before);
    });
    // What sockets of loopback hold, and little more.
    assert.ok(sent < 16 * 1024 * 1024, `${sent}`);
    const small = session.request({ ':path': '/small' });
    await new Promise(resolve => small.once('end', resolve).resume());
    let got = 0;
    big.on('data', (bytes: Buffer) => {
      got += bytes.length;
    });
    await new Promise(resolve => big.once('end', resolve));
    assert.equal(got, total);
    session.destroy();
    assert.deepEqual(plane.bugs, []);
  });

  test('an HTTP/1 server that does not read holds back an HTTP/2 client', async () => {
    let request: IncomingMessage | null = null;
    let got = 0;
    await using app = await started(
      createHttp1((r, response) => {
        request = r;
        r.on('end', () => response.end(String(got)));
      }),
    );
    await using plane = await planeTo(app.port, 'http1');
    const session = connect(`http://127.0.0.1:${plane.port}`);
    const upload = session.request({ ':method': 'PUT', ':path': '/' });
    let written = 0;
    const piece = Buffer.alloc(64 * 1024, 'x');
    const more = (): void => {
      while (written < total) {
        written += piece.length;
        if (!upload.write(piece)) {
          upload.once('drain', more);
          return;
        }
      }
      upload.end();
    };
    more();
    let quiet = -1;
    await eventually(() => {
      const before = quiet;
      quiet = written;
      assert.ok(request !== null);
      assert.equal(written, before);
    });
    assert.ok(written < 16 * 1024 * 1024, `${written}`);
    (request as IncomingMessage | null)?.on('data', (bytes: Buffer) => {
      got += bytes.length;
    });
    await new Promise(resolve => upload.once('end', resolve).resume());
    assert.equal(got, total);
    session.destroy();
  });
});

describe('WebSocket', () => {
  const accept = (key: unknown): string =>
    createHash('sha1')
      .update(`${String(key)}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64');

  test('of an HTTP/2 client goes to an HTTP/1 server as an upgrade', async () => {
    const server = createHttp1();
    server.on('upgrade', (request, socket) => {
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept(request.headers['sec-websocket-key'])}\r\n\r\n`,
      );
      socket.on('data', (bytes: Buffer) => socket.write(`echo ${bytes}`));
      socket.on('end', () => socket.end());
    });
    await using app = await started(server);
    await using plane = await planeTo(app.port);
    const session = connect(`http://127.0.0.1:${plane.port}`);
    await new Promise(resolve => session.once('remoteSettings', resolve));
    const stream = session.request({
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':scheme': 'http',
      ':path': '/chat',
      ':authority': 'app',
    });
    stream.write('early ');
    const head = await new Promise<Record<string, unknown>>(resolve => stream.once('response', resolve));
    assert.equal(head[':status'], 200);
    assert.equal(head['sec-websocket-accept'], undefined);
    let got = '';
    stream.on('data', bytes => {
      got += bytes;
    });
    await eventually(() => assert.equal(got, 'echo early '));
    stream.write('late');
    await eventually(() => assert.equal(got, 'echo early echo late'));
    stream.end();
    await new Promise(resolve => stream.once('end', resolve));
    session.destroy();
    assert.deepEqual(plane.bugs, []);
  });

  test('of an HTTP/1 client goes to an HTTP/2 server as extended CONNECT', async () => {
    await using app = await http2Server(
      stream => {
        stream.respond({ ':status': 200, 'sec-websocket-protocol': 'chat' });
        stream.on('data', (bytes: Buffer) => stream.write(`echo ${bytes}`));
        stream.on('end', () => stream.end());
      },
      { enableConnectProtocol: true },
    );
    await using plane = await planeTo(app.port, 'http2');
    const key = 'dGhlIHNhbXBsZSBub25jZQ==';
    const request = http1Request({
      port: plane.port,
      host: '127.0.0.1',
      path: '/chat',
      headers: { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-key': key, 'sec-websocket-version': '13' },
    });
    request.end();
    const [answer, socket] = await new Promise<readonly [IncomingMessage, import('node:stream').Duplex]>((resolve, reject) =>
      request.once('upgrade', (a, s) => resolve([a, s])).once('error', reject),
    );
    assert.equal(answer.headers['sec-websocket-accept'], accept(key));
    assert.equal(answer.headers['sec-websocket-protocol'], 'chat');
    socket.write('hello');
    assert.equal(String(await new Promise(resolve => socket.once('data', resolve))), 'echo hello');
    socket.end();
    await new Promise(resolve => socket.once('end', resolve).resume());
    assert.deepEqual(plane.bugs, []);
  });
});
