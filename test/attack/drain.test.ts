/** A sidecar that leaves: whoever uses it finds another way without losing anything, and what cannot end is ended so that its client can tell. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, createServer, request, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import WebSocket, { WebSocketServer } from 'ws';
import { goingAwayFrame, WebSocketFrames } from '../../src/proxy/exchange/websocket-frames.ts';
import type { GatewayListener, Snapshot } from '../../src/snapshot/snapshot.ts';
import { exchangeRaw, get, startHttp, statusOf } from '../proxy/backend.ts';
import { clusterTo, emptySnapshot, outboundSnapshot, ruleTo, startPlane } from '../proxy/data-plane-harness.ts';
import { grpcClient, startGrpcServer } from '../proxy/grpc-service.ts';
import { inboundOf, snapshotOf, startOnLoopback, towards } from '../proxy/sidecar-fixture.ts';
import { eventually } from '../support/eventually.ts';
import { SteadyLoad } from '../support/steady-load.ts';
import { createTestCa } from '../support/test-ca.ts';
import { TestDaemon } from '../support/test-daemon.ts';

describe('WebSocket frames', () => {
  const frame = (length: number, first = 0x82): Buffer => {
    if (length < 126) return Buffer.concat([Buffer.from([first, length]), Buffer.alloc(length, 7)]);
    const head = Buffer.alloc(length < 65_536 ? 4 : 10);
    head[0] = first;
    if (length < 65_536) head.writeUInt16BE(length, 2).toString();
    else head.writeBigUInt64BE(BigInt(length), 2);
    head[1] = length < 65_536 ? 126 : 127;
    return Buffer.concat([head, Buffer.alloc(length, 7)]);
  };

  test('a Close comes between two frames, wherever the bytes are cut and whenever it is asked for', () => {
    const frames = [frame(0), frame(5, 2), frame(125), frame(126), frame(300, 0x80), frame(66_000), frame(3)];
    const bytes = Buffer.concat(frames);
    const ends = [0];
    for (const each of frames) ends.push((ends.at(-1) ?? 0) + each.length);
    for (let ask = 0; ask <= bytes.length; ask += ask < 700 ? 1 : 977)
      for (const step of [1, 7, 100_000]) {
        const reader = new WebSocketFrames();
        let passed = 0;
        let said = -1;
        for (let at = 0; at < bytes.length; ) {
          if (at >= ask) {
            reader.leave();
            if (said < 0 && reader.takeLeave()) said = passed;
          }
          const to = Math.min(at + step, bytes.length, at < ask ? ask : bytes.length);
          passed += reader.pass(bytes, at, to) - at;
          if (said < 0 && reader.takeLeave()) said = passed;
          at = to;
        }
        const wanted = ends.find(end => end >= ask) ?? bytes.length;
        if (ask === bytes.length) continue;
        assert.deepEqual([said, passed], [wanted, wanted], `asked at ${ask}, cut every ${step}`);
      }
  });

  test('after the server’s own Close there is no other one', () => {
    const reader = new WebSocketFrames();
    reader.pass(frame(2, 0x88), 0, 4);
    reader.leave();
    assert.equal(reader.takeLeave(), false);
  });
});

describe('a sidecar that drains', () => {
  test('asks WebSocket clients to go away with 1001, and the server hears it too', async () => {
    const app = createServer();
    const closes: number[] = [];
    const sockets = new WebSocketServer({ server: app });
    sockets.on('connection', socket => {
      socket.on('message', data => socket.send(data));
      socket.on('close', code => closes.push(code));
    });
    app.listen(0, '127.0.0.1');
    await once(app, 'listening');
    const { port } = app.address() as AddressInfo;
    try {
      await using plane = await startPlane('outbound', outboundSnapshot([clusterTo('app', [port])], [ruleTo('app')]));
      const clients = Array.from({ length: 5 }, () => new WebSocket(`ws://127.0.0.1:${plane.port}/`));
      const codes = clients.map(client => once(client, 'close').then(([code]) => code as number));
      await Promise.all(clients.map(client => once(client, 'open')));
      for (const client of clients) {
        const echoed = once(client, 'message');
        client.send(Buffer.alloc(100_000, 1));
        assert.equal(((await echoed)[0] as Buffer).length, 100_000);
      }
      const drained = plane.plane.drain(60_000);
      assert.deepEqual(await Promise.all(codes), [1001, 1001, 1001, 1001, 1001]);
      await drained;
      await eventually(() => assert.deepEqual(closes, [1001, 1001, 1001, 1001, 1001]));
      assert.deepEqual(plane.bugs, []);
    } finally {
      for (const socket of sockets.clients) socket.terminate();
      app.close();
    }
  });

  test('waits for the end of a WebSocket frame before it says so', async () => {
    let server: Socket | null = null;
    const app = createServer();
    app.on('upgrade', (_, socket) => {
      server = socket as Socket;
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
      socket.write(Buffer.from([0x82, 10, 1, 2, 3]));
    });
    app.listen(0, '127.0.0.1');
    await once(app, 'listening');
    try {
      const snapshot = outboundSnapshot([clusterTo('app', [(app.address() as AddressInfo).port])], [ruleTo('app')]);
      await using plane = await startPlane('outbound', snapshot);
      const client = connect(plane.port, '127.0.0.1');
      let got = Buffer.alloc(0);
      client.on('data', part => {
        got = Buffer.concat([got, part as Buffer]);
      });
      client.write(
        'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n',
      );
      const body = (): Buffer => got.subarray(got.indexOf('\r\n\r\n') + 4);
      await eventually(() => assert.equal(body().length, 5));
      void plane.plane.drain(60_000);
      // Two more frames follow the rest of the first: they are too late.
      (server as Socket | null)?.write(Buffer.from([4, 5, 6, 7, 8, 9, 10, 0x82, 1, 99, 0x82, 1, 98]));
      await eventually(() => assert.ok(body().length >= 16));
      assert.deepEqual(body(), Buffer.concat([Buffer.from([0x82, 10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), goingAwayFrame]));
      client.destroy();
      assert.deepEqual(plane.bugs, []);
    } finally {
      (server as Socket | null)?.destroy();
      app.close();
    }
  });

  test('gives what is not over in time an end that can be told: 503, a reset, UNAVAILABLE', async () => {
    const waiting: ServerResponse[] = [];
    await using app = await startHttp((asked, response) => {
      waiting.push(response);
      if (asked.url === '/begun') response.write('half');
    });
    await using grpc = await startGrpcServer();
    const snapshot = (port: number, protocol: 'http1' | 'http2'): Snapshot =>
      outboundSnapshot([clusterTo('app', [port], { protocol })], [ruleTo('app')], { accessLog: 'json' });
    await using plain = await startPlane('outbound', snapshot(app.port, 'http1'));
    await using calls = await startPlane('outbound', snapshot(grpc.port, 'http2'));

    const client = grpcClient(calls.port);
    const stream = (client as unknown as Record<string, () => Duplex>).duplex?.() as Duplex;
    const status = new Promise<{ code: number; details: string }>(resolve => stream.on('error', () => {}).on('status', resolve));
    stream.write({ sizes: [10], payload: 'p' });
    await once(stream as never, 'data');
    const untouched = exchangeRaw(plain.port, get('/waits'));
    const begun = new Promise<string>(resolve => {
      const socket = connect(plain.port, '127.0.0.1');
      socket.on('error', error => resolve((error as NodeJS.ErrnoException).code ?? ''));
      socket.resume().on('end', () => resolve('ended properly'));
      socket.write(get('/begun'));
    });
    await eventually(() => assert.equal(waiting.length, 2));
    await Promise.all([plain.plane.drain(100), calls.plane.drain(100)]);
    assert.equal(statusOf(await untouched), 503);
    assert.match(await untouched, /x-mesh-reason: drain_time_over/);
    assert.equal(await begun, 'ECONNRESET');
    assert.deepEqual(await status.then(({ code, details }) => [code, details]), [14, 'the sidecar stops']);
    assert.ok(calls.accessLog.some(line => line.includes('drain_time_over')));
    client.close();
    assert.deepEqual([...plain.bugs, ...calls.bugs], []);
  });
});

interface Duplex {
  write(message: object): boolean;
  on(event: 'error', listener: (error: Error) => void): this;
  on(event: 'status', listener: (status: { code: number; details: string }) => void): this;
}

test('a gateway port that vanishes ends its connections after what they carry; others stay', async () => {
  const held: ServerResponse[] = [];
  await using app = await startHttp((asked, response) => {
    if (asked.url === '/held') held.push(response);
    else response.end('ok');
  });
  const listener = (port: number): GatewayListener => ({ name: `p${port}`, port, protocol: 'http', routeTable: 'web', tcp: [] });
  const snapshot = (...ports: readonly number[]): Snapshot => ({
    ...emptySnapshot,
    kind: 'gateway',
    gateway: ports.map(listener),
    routeTables: [{ name: 'web', virtualHosts: [{ name: '*', domains: ['*'], rules: [ruleTo('app')] }] }],
    clusters: [clusterTo('app', [app.port])],
  });
  for (const stays of [false, true]) {
    await using plane = await startPlane('gateway', snapshot(81, 82), { localPort: stays ? 82 : 81 });
    const dial = async (path: string) => {
      const socket = connect(plane.port, '127.0.0.1');
      let got = '';
      let ended = false;
      socket.setEncoding('latin1').on('data', part => {
        got += part;
      });
      socket.on('end', () => {
        ended = true;
      });
      socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
      return { socket, got: () => got, ended: () => ended };
    };
    const busy = await dial('/held');
    const idle = await dial('/');
    await eventually(() => assert.match(idle.got(), /ok$/));
    await eventually(() => assert.equal(held.length, 1));
    plane.plane.apply(snapshot(82));
    if (!stays) await eventually(() => assert.ok(idle.ended()));
    held.pop()?.end('late');
    await eventually(() => assert.match(busy.got(), /late$/));
    assert.equal(/connection: close/i.test(busy.got()), !stays);
    if (stays) {
      idle.socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await eventually(() => assert.equal(idle.got().split('200 OK').length, 3));
      assert.equal(busy.ended(), false);
    } else await eventually(() => assert.ok(busy.ended()));
    busy.socket.destroy();
    idle.socket.destroy();
    assert.deepEqual(plane.bugs, []);
  }
});

for (const hop of ['tunnel', 'pooled'] as const)
  test(`under load one of two replicas leaves and no request fails, whatever its method, ${hop}`, async () => {
    const ca = createTestCa(Date.now());
    await using stack = new AsyncDisposableStack();
    const daemonOf = async (port: number): Promise<TestDaemon> => stack.use(await TestDaemon.dial(port, ca, {}));
    const replicas = await Promise.all(
      ['a', 'b'].map(async name => {
        const app = stack.use(
          await startHttp((asked, response) => {
            asked.resume().on('end', () => setImmediate(() => response.end(name)));
          }),
        );
        const one = await startOnLoopback('reviews', ca, () => ({ address: '127.0.0.1', port: app.port }));
        stack.defer(() => one.sidecar.drain(0));
        const daemon = await daemonOf(one.sidecar.ports.control);
        await daemon.push(
          snapshotOf('reviews', { version: '1', inbound: [inboundOf(app.port, 'reviews', { protocol: 'http' })] }),
        );
        return { one, daemon };
      }),
    );
    const client = await startOnLoopback('storefront', ca, () => ({ address: '240.240.0.1', port: 9080 }), { hop });
    stack.defer(() => client.sidecar.drain(0));
    const clientDaemon = await daemonOf(client.sidecar.ports.control);
    const towardsThem = (version: string, ...ones: typeof replicas): Snapshot => {
      const parts = towards('reviews', 'http', 0);
      const [cluster] = parts.clusters;
      if (cluster === undefined) throw new Error('no cluster');
      const endpoints = ones.map(({ one }, at) => ({
        workload: `reviews-${at}`,
        address: '127.0.0.1',
        port: one.sidecar.ports.inbound,
        tls: 'mtls' as const,
      }));
      return snapshotOf('storefront', { version, ...parts, clusters: [{ ...cluster, endpoints }] });
    };
    await clientDaemon.push(towardsThem('1', ...replicas));
    for (const daemon of [clientDaemon, ...replicas.map(({ daemon }) => daemon)])
      await eventually(async () =>
        assert.notEqual(((await daemon.query('state')) as { certificate: unknown }).certificate, null),
      );

    const agent = new Agent({ keepAlive: true, maxSockets: 16 });
    stack.defer(() => agent.destroy());
    let nth = 0;
    const seen = new Set<string>();
    const load = stack.use(
      new SteadyLoad(
        16,
        () =>
          new Promise((resolve, reject) => {
            const method = nth++ % 2 === 0 ? 'POST' : 'GET';
            const sent = request({ port: client.sidecar.ports.outbound, method, agent, headers: { host: 'reviews' } }, answer => {
              let body = '';
              answer.setEncoding('latin1').on('data', part => {
                body += part;
              });
              answer.on('end', () => {
                seen.add(body);
                resolve(answer.statusCode === 200 ? null : `${method} ${answer.statusCode} ${body}`);
              });
              answer.on('error', reject);
            });
            sent.on('error', reject);
            sent.end(method === 'POST' ? 'x'.repeat(100) : undefined);
          }),
      ),
    );
    await load.more(400);
    assert.deepEqual([...seen].sort(), ['a', 'b']);
    await clientDaemon.push(towardsThem('2', ...replicas.slice(1)));
    const drained = replicas[0]?.one.sidecar.drain(20_000);
    await load.more(400);
    await drained;
    seen.clear();
    await load.more(200);
    await load.stop();
    assert.deepEqual([...seen], ['b']);
    assert.deepEqual(load.failures, []);
  });
