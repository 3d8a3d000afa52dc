/** A data plane in this process with real sockets on loopback: plain TCP stands in for mTLS, whose handshake is the connector's business. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { type Clock, systemClock } from '../../src/async/clock.ts';
import { createRandom } from '../../src/async/random.ts';
import { createDataPlane } from '../../src/proxy/assemble.ts';
import type { Connector, DataPlane, Downstream, PeerIdentity, TcpProxy } from '../../src/proxy/data-plane.ts';
import { SharedReads, SocketStream } from '../../src/proxy/transport/socket-stream.ts';
import type { RouteRule } from '../../src/snapshot/route-rule.ts';
import type { Cluster, Snapshot } from '../../src/snapshot/snapshot.ts';
import { createLog } from '../../src/telemetry/log.ts';

/** Dials endpoints without TLS. */
export const plainConnector: Connector = {
  connect(_cluster, endpoint, onConnected, onFailed) {
    const reads = new SharedReads();
    const socket = connect({
      host: endpoint.address,
      port: endpoint.port,
      noDelay: true,
      allowHalfOpen: true,
      onread: reads.onread,
    });
    const stream = new SocketStream(socket.pause(), reads);
    const failed = (error: Error): void => onFailed('refused', error.message);
    socket.once('error', failed);
    socket.once('connect', () => {
      socket.off('error', failed);
      onConnected(stream);
    });
    return () => {
      socket.off('error', failed);
      socket.destroy();
    };
  },
};

const noTcp: TcpProxy = (downstream, upstream) => {
  downstream.stream.destroy();
  upstream.closed(0, 0);
};

export const emptySnapshot: Snapshot = {
  version: 'test',
  workload: 'reviews-v1-1',
  service: 'reviews',
  serviceVersion: 'v1',
  kind: 'sidecar',
  trustDomain: 'test.local',
  identity: 'spiffe://test.local/ns/default/sa/reviews',
  inbound: [],
  outbound: [],
  gateway: [],
  routeTables: [],
  clusters: [],
  dns: [],
  egress: 'allow-any',
  accessLog: 'off',
};

export function clusterTo(name: string, ports: readonly number[], more: Partial<Cluster> = {}): Cluster {
  return {
    name,
    service: name,
    subset: '',
    port: 80,
    endpoints: ports.map((port, i) => ({ workload: `${name}-${i + 1}`, address: '127.0.0.1', port, tls: 'plain' })),
    balancer: 'round-robin',
    connectTimeoutMs: 1000,
    identities: [],
    idleTimeoutMs: 60_000,
    ...more,
  };
}

export function ruleTo(cluster: string, more: Partial<RouteRule> = {}): RouteRule {
  return {
    name: `to ${cluster}`,
    matches: [],
    action: { kind: 'forward', split: [{ cluster, weight: 1 }] },
    timeoutMs: null,
    retry: null,
    ...more,
  };
}

/** The app's calls: one virtual address for everything. */
export function outboundSnapshot(
  clusters: readonly Cluster[],
  rules: readonly RouteRule[],
  more: Partial<Snapshot> = {},
): Snapshot {
  return {
    ...emptySnapshot,
    clusters,
    outbound: [{ address: '240.240.0.1', port: 80, protocol: 'http', service: 'any', routeTable: 'all', tcp: [] }],
    routeTables: [{ name: 'all', virtualHosts: [{ name: 'all', domains: ['*'], rules }] }],
    ...more,
  };
}

export function inboundSnapshot(port: number, more: Partial<Snapshot['inbound'][number]> = {}): Snapshot {
  return {
    ...emptySnapshot,
    inbound: [
      {
        port,
        protocol: 'http',
        mtls: 'permissive',
        published: false,
        cluster: `inbound|${port}||reviews`,
        access: null,
        ...more,
      },
    ],
  };
}

export interface Harness extends AsyncDisposable {
  readonly plane: DataPlane;
  /** Where clients connect. */
  readonly port: number;
  readonly accessLog: string[];
  readonly bugs: string[];
}

/** A listener whose connections the data plane serves as `kind`. For inbound, `localPort` is the app's port. */
export async function startPlane(
  kind: 'outbound' | 'inbound' | 'gateway',
  snapshot: Snapshot,
  options: {
    readonly localPort?: number;
    readonly peer?: PeerIdentity;
    readonly connector?: Connector;
    readonly tcp?: TcpProxy;
    readonly clock?: Clock;
    /** Another one's, which the snapshot is not applied to: a pod has one for all directions. */
    readonly plane?: DataPlane;
  } = {},
): Promise<Harness> {
  const accessLog: string[] = [];
  const bugs: string[] = [];
  const plane =
    options.plane ??
    createDataPlane({
      connector: options.connector ?? plainConnector,
      clock: options.clock ?? systemClock,
      random: createRandom(7),
      log: createLog('proxy', line => bugs.push(line)),
      tcp: options.tcp ?? noTcp,
      accessLog: line => accessLog.push(line),
    });
  if (options.plane === undefined) plane.apply(snapshot);
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, socket => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    const downstream: Downstream = {
      stream: new SocketStream(socket),
      initial: Buffer.alloc(0),
      remoteAddress: '127.0.0.1',
      remotePort: socket.remotePort ?? 0,
      localAddress: '240.240.0.1',
      localPort: options.localPort ?? 80,
      peer: options.peer ?? null,
    };
    plane[kind](downstream);
  });
  const port = await listen(server);
  return {
    plane,
    port,
    accessLog,
    bugs,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await plane.drain(0);
      for (const socket of sockets) socket.destroy();
      await new Promise(resolve => server.close(resolve));
    },
  };
}

export async function listen(server: Server): Promise<number> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** A port on which nobody listens (any more). */
export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await new Promise(resolve => server.close(resolve));
  return port;
}
