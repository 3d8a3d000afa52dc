import type { Socket } from 'node:net';
import { type Clock, systemClock } from '../../src/async/clock.ts';
import { createRandom } from '../../src/async/random.ts';
import { serviceId } from '../../src/identity/spiffe-id.ts';
import type { Nameserver } from '../../src/proxy/dns/forward.ts';
import type { Destination } from '../../src/proxy/interception/original-destination.ts';
import { type Sidecar, type SidecarPorts, startSidecar } from '../../src/proxy/sidecar.ts';
import type { Cluster, InboundListener, OutboundListener, Snapshot } from '../../src/snapshot/snapshot.ts';
import { createLog } from '../../src/telemetry/log.ts';
import type { TestCa } from '../support/test-ca.ts';

/** A sidecar in this process, with what it said. */
export interface StartedSidecar {
  readonly sidecar: Sidecar;
  /** Lines on its stdout and its log. */
  readonly lines: string[];
  readonly service: string;
}

const loopback = ['127.0.0.1'];

/** Starts one on free ports. `destination` plays the kernel: where a connection to a port of the sidecar was going. */
export async function startOnLoopback(
  service: string,
  ca: Pick<TestCa, 'bundlePem'>,
  destination: (socket: Socket, sidecar: Sidecar | null) => Destination | null,
  options: {
    readonly hostAddress?: string;
    readonly clock?: Clock;
    readonly kind?: 'sidecar' | 'gateway';
    readonly onDrained?: () => void;
    readonly hop?: 'tunnel' | 'pooled';
    readonly nameservers?: readonly Nameserver[];
    /** @default all free ones */
    readonly ports?: Partial<SidecarPorts>;
    /** @default 127.0.0.1 */
    readonly appAddress?: string;
    /** Ports that the app is said to listen on. @default none */
    readonly listening?: readonly number[];
  } = {},
): Promise<StartedSidecar> {
  const lines: string[] = [];
  let sidecar: Sidecar | null = null;
  sidecar = await startSidecar({
    workload: `${service}-1`,
    service,
    kind: options.kind ?? 'sidecar',
    trustDomain: 'bookshop.local',
    spiffeId: serviceId('bookshop.local', 'default', service),
    trustBundlePem: ca.bundlePem,
    hosts: {
      outbound: loopback,
      inbound: loopback,
      gateway: loopback,
      ready: '127.0.0.1',
      stats: '127.0.0.1',
      dns: loopback,
      control: '127.0.0.1',
    },
    ports: { outbound: 0, inbound: 0, control: 0, ready: 0, stats: 0, dns: 0, ...options.ports },
    nameservers: options.nameservers ?? [],
    search: [],
    hostAddress: options.hostAddress ?? null,
    originalDestination: socket => destination(socket, sidecar),
    listeningPorts: async () => new Set(options.listening),
    clock: options.clock ?? systemClock,
    random: createRandom(1),
    log: createLog('sidecar', line => lines.push(line)),
    print: line => lines.push(line),
    onDrained: options.onDrained ?? (() => {}),
    ...(options.hop === undefined ? {} : { hop: options.hop }),
    ...(options.appAddress === undefined ? {} : { appAddress: options.appAddress }),
  });
  return { sidecar, lines, service };
}

/** A snapshot with nothing in it but what is given. */
export function snapshotOf(service: string, parts: Partial<Snapshot> & { readonly version: string }): Snapshot {
  return {
    workload: `${service}-1`,
    service,
    serviceVersion: '',
    kind: 'sidecar',
    trustDomain: 'bookshop.local',
    identity: serviceId('bookshop.local', 'default', service),
    inbound: [],
    outbound: [],
    gateway: [],
    routeTables: [],
    clusters: [],
    dns: [],
    egress: 'registry-only',
    accessLog: 'off',
    ...parts,
  };
}

/** The server's side: one port of its app. */
export function inboundOf(port: number, service: string, parts: Partial<InboundListener> = {}): InboundListener {
  return {
    port,
    protocol: 'tcp',
    mtls: 'strict',
    published: false,
    cluster: `inbound|${port}||${service}`,
    access: null,
    ...parts,
  };
}

/** The client's side: one virtual address that leads to `inboundPort` of another sidecar. */
export function towards(
  service: string,
  protocol: 'http' | 'tcp',
  inboundPort: number,
  identities: readonly string[] = [serviceId('bookshop.local', 'default', service)],
): Pick<Snapshot, 'outbound' | 'clusters' | 'routeTables'> {
  const name = `outbound|9080||${service}`;
  const split = [{ cluster: name, weight: 1 }];
  const listener: OutboundListener = { address: '240.240.0.1', port: 9080, protocol, service, routeTable: '9080', tcp: split };
  const cluster: Cluster = {
    name,
    service,
    subset: '',
    port: 9080,
    endpoints: [{ workload: `${service}-1`, address: '127.0.0.1', port: inboundPort, tls: 'mtls' }],
    balancer: 'round-robin',
    connectTimeoutMs: 5000,
    identities,
    idleTimeoutMs: 60_000,
  };
  const rule = { name: 'all', matches: [], action: { kind: 'forward' as const, split }, timeoutMs: null, retry: null };
  return {
    outbound: [listener],
    clusters: [cluster],
    routeTables: [{ name: '9080', virtualHosts: [{ name: service, domains: ['*'], rules: [rule] }] }],
  };
}
