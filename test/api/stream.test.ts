/** Streams over real sockets: their two forms, how they end, and readers that do not keep up. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type IncomingHttpHeaders, request, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { connectApi } from '../../src/api/client.ts';
import { MeshError } from '../../src/api/mesh-error.ts';
import { createApiServer } from '../../src/api/server.ts';
import type { MeshApi, MeshEvent } from '../../src/api/types.ts';
import type { ObservedWorkload } from '../../src/control/control-plane.ts';
import { EventLog } from '../../src/daemon/event-log.ts';
import { TapHub } from '../../src/daemon/observe/tap-hub.ts';
import type { TapOrder, Tapped } from '../../src/snapshot/tap.ts';
import { tappedExchange } from '../cli/tapped-exchange.ts';
import { eventually } from '../support/eventually.ts';
import { manualClock } from '../support/manual-clock.ts';
import { partialApi } from '../support/partial-api.ts';

let dir: string;
let socketPath: string;
let server: Server | undefined;
let clock = manualClock();
let bugs: unknown[] = [];

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'mesh-stream-'));
  socketPath = join(dir, 'api.sock');
});
after(() => rm(dir, { recursive: true, force: true }));
afterEach(async () => {
  server?.closeAllConnections();
  await new Promise(resolve => server?.close(resolve));
});

async function serve(api: Partial<MeshApi>, stuckMs = 30_000): Promise<void> {
  clock = manualClock();
  bugs = [];
  server = createApiServer(partialApi(api), { clock, onBug: error => bugs.push(error), stuckMs }).listen(socketPath);
  await once(server, 'listening');
}

interface Read {
  readonly headers: IncomingHttpHeaders;
  /** What came so far. */
  readonly text: () => string;
  readonly ended: Promise<unknown>;
}

async function read(path: string, headers: Record<string, string> = {}): Promise<Read> {
  const [response] = await once(request({ socketPath, path, headers, agent: false }).end(), 'response');
  let text = '';
  response.setEncoding('utf8').on('error', () => undefined);
  response.on('data', (part: string) => {
    text += part;
  });
  return { headers: response.headers, text: () => text, ended: new Promise(resolve => response.on('close', resolve)) };
}

const sse = { accept: 'text/event-stream' };
const event = (seq: number): MeshEvent => ({ seq, at: '2026-01-01T00:00:00.000Z', kind: 'healthy' });
/** As it is told. */
const line = (seq: number): string =>
  JSON.stringify({ ...event(seq), told: { level: 'step', text: 'all health checks have passed' } });
const until = (signal: AbortSignal): Promise<unknown> => new Promise(resolve => signal.addEventListener('abort', resolve));

describe('a stream', () => {
  test('is a document a line, or an event each for whoever accepts those', async () => {
    await serve({
      async *events(from) {
        yield event(Number(from) + 1);
        yield event(Number(from) + 2);
      },
    });
    const lines = await read('/v1/events?after=4');
    await lines.ended;
    assert.equal(lines.headers['content-type'], 'application/x-ndjson');
    assert.equal(lines.headers['cache-control'], 'no-store');
    assert.equal(lines.text(), `${line(5)}\n${line(6)}\n`);
    const events = await read('/v1/events?after=4', sse);
    await events.ended;
    assert.equal(events.headers['content-type'], 'text/event-stream');
    assert.equal(events.text(), `id: 5\ndata: ${line(5)}\n\nid: 6\ndata: ${line(6)}\n\n`);
    // A browser that reconnects asks for the same address again.
    const again = await read('/v1/events?after=4', { ...sse, 'last-event-id': '8' });
    await again.ended;
    assert.match(again.text(), /^id: 9\n/);
  });

  test('of events says every 15 s that it lives, while there is nothing else', async () => {
    const news = Promise.withResolvers<void>();
    await serve({
      async *tap(_, signal) {
        await news.promise;
        yield { kind: 'shed', at: 'a', count: 1 };
        await until(signal);
      },
    });
    const stream = await read('/v1/tap', sse);
    clock.advance(14_999);
    news.resolve();
    await eventually(() => assert.match(stream.text(), /^data: .*\n\n$/));
    clock.advance(14_999);
    clock.advance(1);
    await eventually(() => assert.match(stream.text(), /^data: .*\n\n: ping\n\n$/));
    clock.advance(15_000);
    await eventually(() => assert.match(stream.text(), /^data: .*\n\n: ping\n\n: ping\n\n$/));
  });

  test('that fails says why, in both forms', async () => {
    await serve({
      async *seenCalls() {
        yield { apiVersion: 1, kind: 'SeenCalls', more: false, unasked: [], calls: [] };
        throw new MeshError('engine-unreachable', 'it went away', 'start it');
      },
    });
    const stream = await read('/v1/access/calls', sse);
    await stream.ended;
    const error = { apiVersion: 1, kind: 'Error', code: 'engine-unreachable', message: 'it went away', hint: 'start it' };
    assert.ok(stream.text().endsWith(`\n\nevent: error\ndata: ${JSON.stringify(error)}\n\n`), stream.text());
    let seen = 0;
    const reading = (async () => {
      for await (const _ of connectApi(socketPath).seenCalls(0, new AbortController().signal)) seen++;
    })();
    await assert.rejects(reading, { name: 'MeshError', code: 'engine-unreachable', message: 'it went away', hint: 'start it' });
    assert.equal(seen, 1);
    assert.deepEqual(bugs, []);
  });

  test('that ends by a bug says so, and the daemon hears of it', async () => {
    await serve({
      async *seenCalls() {
        yield { apiVersion: 1, kind: 'SeenCalls', more: false, unasked: [], calls: [] };
        throw new TypeError('no such field');
      },
    });
    const stream = await read('/v1/access/calls');
    await stream.ended;
    assert.match(stream.text(), /"code":"internal","message":"no such field"/);
    assert.equal(bugs.length, 1);
  });

  test('of what cannot be is an answer with a status', async () => {
    await serve({
      traffic: partialApi({}).traffic,
      tap: () => {
        throw new MeshError('too-many-taps', 'enough');
      },
    });
    const [response] = await once(request({ socketPath, path: '/v1/tap', headers: sse, agent: false }).end(), 'response');
    response.resume();
    assert.deepEqual([response.statusCode, response.headers['content-type']], [409, 'application/json']);
  });
});

describe('a reader that stops reading', () => {
  function stuckReader(path: string, headers: string): Socket {
    const socket = connect(socketPath);
    socket.on('error', () => undefined);
    socket.write(`GET ${path} HTTP/1.1\r\nhost: mesh\r\n${headers}\r\n`);
    socket.pause();
    return socket;
  }

  for (const [form, headers] of [
    ['lines', ''],
    ['events', 'accept: text/event-stream\r\n'],
  ] as const) {
    test(`is dropped after a while, with ${form}; its source is not asked for more than it takes`, async () => {
      let made = 0;
      let over = false;
      await serve(
        {
          async *events(_, signal) {
            while (!signal.aborted) {
              made++;
              yield { seq: made, at: 'x'.repeat(64 * 1024), kind: 'healthy' };
            }
            over = true;
          },
        },
        100,
      );
      const socket = stuckReader('/v1/events', headers);
      await eventually(() => assert.ok(over));
      // What the kernel took, and one more.
      assert.ok(made < 100, String(made));
      socket.destroy();
    });
  }

  test('and goes on misses events, and is told how many', async () => {
    const log = new EventLog(() => 0);
    const text = 'x'.repeat(64 * 1024);
    let taken = 0;
    await serve({
      async *events(from, signal, follow) {
        for await (const each of log.read(from, signal, follow)) {
          taken++;
          yield each;
        }
      },
    });
    // Far more than the kernel takes.
    for (let i = 0; i < 100; i++) log.emit({ kind: 'roots', text });
    const socket = stuckReader('/v1/events', '');
    await eventually(() => assert.ok(taken > 0));
    for (let i = 0; i < 3_000; i++) log.emit({ kind: 'healthy' });
    let all = '';
    socket.setEncoding('latin1').on('data', (part: string) => {
      all += part.replaceAll(text, '');
    });
    socket.resume();
    await eventually(() => assert.match(all, /"seq":3100,/));
    const [, missed = ''] = /"kind":"gap","missed":(\d+)/.exec(all) ?? [];
    const seen = all.match(/"kind":"(?:roots|healthy)"/g)?.length ?? 0;
    assert.ok(Number(missed) >= 2_000, missed);
    assert.equal(seen + Number(missed), 3_100);
    log.close();
  });

  test('is no watcher of live requests any more; its last line says so', async () => {
    let orders: readonly TapOrder[] = [];
    let tell: (from: ObservedWorkload, message: Tapped) => void = () => assert.fail('nobody listens');
    const hub = new TapHub({
      clock,
      config: () => null,
      control: {
        tap: given => {
          orders = given;
        },
        onTapped: listener => {
          tell = listener;
        },
      },
    });
    await serve({ tap: (request, signal) => hub.watch(request, signal) });
    const socket = stuckReader('/v1/tap', '');
    await eventually(() => assert.equal(orders.length, 1));
    const from: ObservedWorkload = { name: 'b-1', service: 'b', version: '', kind: 'sidecar' };
    const ids = orders.map(({ id }) => id);
    const events = Array.from({ length: 100 }, () => ({ ids, event: { ...tappedExchange, target: 'x'.repeat(2_000) } }));
    // In turns: what the kernel takes is taken.
    await eventually(() => {
      tell(from, { kind: 'tapped', dropped: [], events });
      assert.equal(orders.length, 0);
    });
    let all = '';
    socket.setEncoding('latin1').on('data', (part: string) => {
      all += part;
    });
    socket.resume();
    await eventually(() => assert.match(all, /\{"kind":"end","reason":"slow"\}\n\r\n0\r\n\r\n$/));
  });
});
