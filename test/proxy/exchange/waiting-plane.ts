/** An inbound port with a filter of the test's own in front of the app, over real sockets. */
import { connect, createServer, type Socket } from 'node:net';
import { systemClock } from '../../../src/async/clock.ts';
import { Deadlines } from '../../../src/async/deadline.ts';
import { createRandom } from '../../../src/async/random.ts';
import { CallRecord } from '../../../src/proxy/call-record.ts';
import { ClusterRuntime } from '../../../src/proxy/cluster/cluster-runtime.ts';
import { createProbe } from '../../../src/proxy/cluster/health-probe.ts';
import { sourceEdge } from '../../../src/proxy/edges.ts';
import { InboundRole } from '../../../src/proxy/exchange/roles.ts';
import { ServedConnections } from '../../../src/proxy/exchange/served-connections.ts';
import type { RequestFilter } from '../../../src/proxy/filters/filter.ts';
import { Http2Pool } from '../../../src/proxy/http2/http2-pool.ts';
import { Overload } from '../../../src/proxy/overload.ts';
import { RuleParts } from '../../../src/proxy/route/rule-parts.ts';
import { buildTables, type Tables } from '../../../src/proxy/tables.ts';
import { Taps } from '../../../src/proxy/tap/taps.ts';
import { Tracer } from '../../../src/proxy/tracing/tracer.ts';
import { SocketStream } from '../../../src/proxy/transport/socket-stream.ts';
import type { AccessEntry } from '../../../src/telemetry/access-log.ts';
import { createLog } from '../../../src/telemetry/log.ts';
import { MeshMetrics } from '../../../src/telemetry/mesh-metrics.ts';
import { clusterTo, inboundSnapshot, listen, plainConnector } from '../data-plane-harness.ts';

/** What runs. */
export interface WaitingPlane extends AsyncDisposable {
  readonly port: number;
  readonly entries: AccessEntry[];
  readonly bugs: string[];
  drain(graceMs: number): Promise<void>;
}

/** Serves connections for the app at `appPort`, each request judged by `filter` first. */
export async function startWaiting(appPort: number, filter: RequestFilter): Promise<WaitingPlane> {
  const entries: AccessEntry[] = [];
  const bugs: string[] = [];
  const clock = systemClock;
  const random = createRandom(3);
  const metrics = new MeshMetrics();
  const deadlines = new Deadlines(clock);
  const log = createLog('proxy', line => bugs.push(line));
  const snapshot = inboundSnapshot(80);
  const parts = {
    clock,
    random: random.next,
    probe: createProbe(plainConnector),
    counters: (cluster: { readonly name: string }) => metrics.clusters.of(cluster.name),
    pool: () => ({
      connector: plainConnector,
      log,
      idle: deadlines.of(60_000),
      http2: (open: ConstructorParameters<typeof Http2Pool>[0], options: ConstructorParameters<typeof Http2Pool>[1]) =>
        new Http2Pool(open, options, clock),
    }),
    requests: () => metrics.requests(sourceEdge(snapshot, null, null)),
    connections: () => metrics.connections(sourceEdge(snapshot, null, null)),
  };
  const app = new ClusterRuntime(clusterTo('app', [appPort]), parts);
  const built = buildTables(snapshot, new RuleParts(snapshot, () => null, { clock, random, log }, null), () => app);
  const inbound = new Map([...built.inbound].map(([port, runtime]) => [port, { ...runtime, filters: [filter] }]));
  const tables: Tables = { ...built, inbound };
  const tracer = new Tracer({ clock, random });
  const served = new ServedConnections({
    clock,
    random,
    deadlines,
    metrics,
    log,
    overload: new Overload(clock, log),
    tracer,
    taps: new Taps(clock),
    accessLog: { on: true, write: entry => entries.push(entry) },
    guard(client, act) {
      try {
        act();
      } catch (error) {
        bugs.push(String(error));
        client.abort();
      }
    },
  });
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, socket => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    const stream = new SocketStream(socket);
    const remotePort = socket.remotePort ?? 0;
    const at = { remoteAddress: '127.0.0.1', remotePort, localAddress: '10.0.0.2', localPort: 80, peer: null };
    const role = new InboundRole(
      { stream, initial: Buffer.alloc(0), ...at },
      { identity: 'spiffe://t/ns/default/sa/reviews' },
      parts.requests(),
      {
        tables: () => tables,
        random,
        calls: new CallRecord(systemClock),
        tracer,
      },
    );
    served.serve({ stream, initial: Buffer.alloc(0), ...at }, role);
  });
  const port = await listen(server);
  return {
    port,
    entries,
    bugs,
    drain: graceMs => served.drain(graceMs, Promise.resolve()),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await served.drain(0, Promise.resolve());
      app.close();
      await new Promise(resolve => server.close(resolve));
    },
  };
}

/** A connection whose answer is collected. */
export interface RawClient extends Disposable {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  text(): string;
}

/** Dials the plane and sends `text`. */
export function dial(port: number, text: string): RawClient {
  const socket = connect({ host: '127.0.0.1', port });
  let got = '';
  socket.setEncoding('latin1');
  socket.on('data', part => {
    got += part;
  });
  socket.on('error', () => {});
  const closed = new Promise<void>(resolve => socket.on('close', () => resolve()));
  socket.write(text, 'latin1');
  return { socket, closed, text: () => got, [Symbol.dispose]: () => void socket.destroy() };
}
