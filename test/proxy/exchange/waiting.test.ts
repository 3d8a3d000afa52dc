/** A filter that has to ask somebody: what becomes of the request, its body and its client meanwhile. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { describe, test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { type LocalReply, localReplies } from '../../../src/proxy/exchange/failure.ts';
import type { RequestFilter } from '../../../src/proxy/filters/filter.ts';
import { eventually } from '../../support/eventually.ts';
import { type Backend, get, readAll, startHttp, statusOf } from '../backend.ts';
import { listen } from '../data-plane-harness.ts';
import { dial, startWaiting } from './waiting-plane.ts';

/** A filter that waits once per request, and what it waits for. */
class Gate {
  readonly waiting: (() => void)[] = [];
  givenUp = 0;
  /** Heads that were judged. */
  readonly heads: string[] = [];
  verdict: LocalReply | null = null;
  #answered = new Set<string>();

  readonly filter: RequestFilter = (head, _caller, decision) => {
    this.heads.push(`${head.method} ${head.target} ${head.authority} ${head.named('x-a') ?? '-'}`);
    // What an earlier filter does to the head is done again, once.
    decision.lines += 'x-added: 1\r\n';
    head.drop('x-a');
    head.setPath('/changed');
    const id = decision.requestId;
    if (this.#answered.has(id)) return this.verdict;
    return {
      kind: 'wait',
      begin: resume => {
        this.waiting.push(() => {
          this.#answered.add(id);
          resume();
        });
        return () => this.givenUp++;
      },
    };
  };

  async open(count = 1): Promise<void> {
    await eventually(() => assert.ok(this.waiting.length >= count));
    for (const resume of this.waiting.splice(0)) resume();
  }
}

function echo(): Promise<Backend> {
  return startHttp(
    (req, res) => void readAll(req).then(body => res.end(`${req.method} ${req.url} ${req.headers['x-a'] ?? '-'} ${body.length}`)),
  );
}

describe('while a request waits', () => {
  test('it goes on when the wait is over, judged anew from its head as it came', async () => {
    const gate = new Gate();
    await using app = await echo();
    await using plane = await startWaiting(app.port, gate.filter);
    using client = dial(plane.port, get('/a?b=1', 'x-a: 7'));
    await gate.open();
    await client.closed;
    assert.match(client.text(), /^HTTP\/1\.1 200 [\s\S]*GET \/changed\?b=1 - 0/);
    assert.deepEqual(gate.heads, ['GET /a?b=1 any 7', 'GET /a?b=1 any 7']);
    assert.equal(plane.entries.length, 1);
    assert.equal(gate.givenUp, 0);
    assert.deepEqual(plane.bugs, []);
  });

  test('what it is answered with then is the answer', async () => {
    const gate = new Gate();
    gate.verdict = localReplies['access-denied'];
    await using app = await echo();
    await using plane = await startWaiting(app.port, gate.filter);
    using client = dial(plane.port, get('/'));
    await gate.open();
    await client.closed;
    assert.equal(statusOf(client.text()), 403);
    assert.equal(app.connections(), 0);
  });

  test('a body beyond what is kept is held back at the client, and all of it arrives', async () => {
    const gate = new Gate();
    await using app = await echo();
    await using plane = await startWaiting(app.port, gate.filter);
    const piece = Buffer.alloc(64 * 1024, 120);
    const size = 512 * piece.length;
    using client = dial(plane.port, `POST /up HTTP/1.1\r\nHost: any\r\nContent-Length: ${size}\r\nConnection: close\r\n\r\n`);
    let sent = 0;
    const send = async (): Promise<void> => {
      for (; sent < size; sent += piece.length) await new Promise(resolve => client.socket.write(piece, resolve));
    };
    void send();
    await eventually(() => assert.equal(gate.waiting.length, 1));
    // It stands still, with what the kernel's buffers take.
    let last = -1;
    let still = 0;
    await eventually(() => {
      still = sent === last ? still + 1 : 0;
      last = sent;
      assert.ok(still >= 10);
    });
    assert.ok(sent < size / 2, `${sent} bytes were taken`);
    await gate.open();
    await client.closed;
    assert.match(client.text(), new RegExp(`POST /changed - ${size}`));
    assert.equal(plane.entries[0]?.bytesReceived, size);
  });

  test('requests behind it on the connection keep their order', async () => {
    const gate = new Gate();
    await using app = await echo();
    await using plane = await startWaiting(app.port, gate.filter);
    const one = (i: number): string => `GET /${i} HTTP/1.1\r\nHost: any\r\nx-a: ${i}\r\n\r\n`;
    using client = dial(plane.port, one(1) + one(2) + get('/3'));
    for (let i = 1; i <= 3; i++) {
      await eventually(() => assert.equal(gate.waiting.length, 1));
      await gate.open();
    }
    await client.closed;
    assert.deepEqual(
      gate.heads.map(head => head.split(' ')[1]),
      ['/1', '/1', '/2', '/2', '/3', '/3'],
    );
    assert.equal(client.text().match(/HTTP\/1\.1 200/g)?.length, 3);
  });

  test('its client may leave: the wait is given up, and an answer that comes late does nothing', async () => {
    const gate = new Gate();
    await using app = await echo();
    await using plane = await startWaiting(app.port, gate.filter);
    using client = dial(plane.port, get('/'));
    await eventually(() => assert.equal(gate.waiting.length, 1));
    const late = gate.waiting[0];
    client.socket.resetAndDestroy();
    await eventually(() => assert.equal(gate.givenUp, 1));
    late?.();
    late?.();
    assert.equal(plane.entries[0]?.flag, 'DC');
    assert.equal(plane.entries.length, 1);
    assert.equal(app.connections(), 0);
    assert.deepEqual(plane.bugs, []);
  });

  test('resuming twice is resuming once', async () => {
    const gate = new Gate();
    await using app = await echo();
    await using plane = await startWaiting(app.port, gate.filter);
    using client = dial(plane.port, get('/'));
    await eventually(() => assert.equal(gate.waiting.length, 1));
    const resume = gate.waiting[0];
    resume?.();
    resume?.();
    await client.closed;
    assert.equal(plane.entries.length, 1);
    assert.equal(gate.heads.length, 2);
  });

  test('a body that breaks its framing ends it', async () => {
    const gate = new Gate();
    await using app = await echo();
    await using plane = await startWaiting(app.port, gate.filter);
    using client = dial(plane.port, 'POST / HTTP/1.1\r\nHost: any\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n');
    await client.closed;
    assert.equal(statusOf(client.text()), 400);
    assert.equal(gate.givenUp, 1);
  });

  test('a sidecar that drains lets it finish; one whose time is over answers 503', async () => {
    for (const inTime of [true, false]) {
      const gate = new Gate();
      await using app = await echo();
      await using plane = await startWaiting(app.port, gate.filter);
      using client = dial(plane.port, 'GET / HTTP/1.1\r\nHost: any\r\n\r\n');
      await eventually(() => assert.equal(gate.waiting.length, 1));
      const drained = plane.drain(inTime ? 60_000 : 0);
      if (inTime) await gate.open();
      await drained;
      await client.closed;
      assert.deepEqual([statusOf(client.text()), gate.givenUp], inTime ? [200, 0] : [503, 1]);
      if (inTime) assert.match(client.text(), /connection: close/i);
    }
  });

  test('a bug in asking costs the connection, not the sidecar', async () => {
    await using app = await echo();
    await using plane = await startWaiting(app.port, () => ({
      kind: 'wait',
      begin: () => {
        throw new Error('broken');
      },
    }));
    using client = dial(plane.port, get('/'));
    await client.closed;
    assert.equal(client.text(), '');
    assert.deepEqual(plane.bugs, ['Error: broken']);
    using next = dial(plane.port, get('/'));
    await next.closed;
    assert.equal(plane.bugs.length, 2);
  });

  test('a WebSocket is opened afterwards, and loses nothing that its client says at once', async () => {
    const gate = new Gate();
    const server = createServer();
    const sockets = new WebSocketServer({ server });
    sockets.on('connection', socket => socket.on('message', data => socket.send(data)));
    const port = await listen(server);
    await using plane = await startWaiting(port, gate.filter);
    const socket = new WebSocket(`ws://127.0.0.1:${plane.port}/chat`);
    const said = new Promise<string>((resolve, reject) => {
      socket.on('open', () => socket.send('hello'));
      socket.on('message', data => resolve(String(data)));
      socket.on('error', reject);
    });
    try {
      await gate.open();
      assert.equal(await said, 'hello');
    } finally {
      socket.terminate();
      for (const each of sockets.clients) each.terminate();
      server.close();
    }
  });
});

describe('over HTTP/2', () => {
  test('streams wait side by side, with their bodies', async () => {
    const gate = new Gate();
    await using app = await echo();
    await using plane = await startWaiting(app.port, gate.filter);
    const session = connectHttp2(`http://127.0.0.1:${plane.port}`);
    try {
      const size = 300_000;
      const answers = Array.from({ length: 20 }, async (_, i) => {
        const stream = session.request({ ':path': `/${i}`, ':method': 'POST', 'x-a': String(i) });
        stream.end(Buffer.alloc(size, i));
        let text = '';
        stream.setEncoding('latin1');
        for await (const part of stream) text += part;
        return text;
      });
      await gate.open(20);
      for (const text of await Promise.all(answers)) assert.equal(text, `POST /changed - ${size}`);
      assert.equal(gate.heads.length, 40);
      assert.deepEqual(plane.bugs, []);
    } finally {
      session.destroy();
    }
  });

  test('a stream that is reset gives its wait up; the others go on', async () => {
    const gate = new Gate();
    await using app = await echo();
    await using plane = await startWaiting(app.port, gate.filter);
    const session = connectHttp2(`http://127.0.0.1:${plane.port}`);
    try {
      const lost = session.request({ ':path': '/lost' });
      lost.on('error', () => {});
      await eventually(() => assert.equal(gate.waiting.length, 1));
      const late = gate.waiting.shift();
      const kept = session.request({ ':path': '/kept' });
      await eventually(() => assert.equal(gate.waiting.length, 1));
      lost.close(8);
      await eventually(() => assert.equal(gate.givenUp, 1));
      // Its stream object serves this one now.
      const next = session.request({ ':path': '/next' });
      await eventually(() => assert.equal(gate.waiting.length, 2));
      late?.();
      assert.equal(gate.heads.filter(head => head.includes('/lost')).length, 1);
      await gate.open(2);
      for (const stream of [kept, next]) {
        let text = '';
        for await (const part of stream) text += String(part);
        assert.equal(text, 'GET /changed - 0');
      }
    } finally {
      session.destroy();
    }
  });

  test('a gRPC call that is refused afterwards learns it as gRPC', async () => {
    const gate = new Gate();
    gate.verdict = localReplies['access-denied'];
    await using app = await echo();
    await using plane = await startWaiting(app.port, gate.filter);
    const session = connectHttp2(`http://127.0.0.1:${plane.port}`);
    try {
      const stream = session.request({
        ':path': '/a.B/C',
        ':method': 'POST',
        'content-type': 'application/grpc',
        te: 'trailers',
        'grpc-timeout': '10S',
      });
      const head = new Promise<Record<string, unknown>>(resolve => stream.on('response', resolve));
      stream.resume();
      await gate.open();
      const { ':status': status, 'grpc-status': grpcStatus } = await head;
      assert.deepEqual([status, grpcStatus], [200, '7']);
    } finally {
      session.destroy();
    }
  });
});
