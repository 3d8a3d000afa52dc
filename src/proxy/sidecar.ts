/** The one place where a sidecar is put together: each line says what it adds. Everything of the machine comes in through `SidecarOptions`. */
import type { Clock } from '../async/clock.ts';
import { Deadlines } from '../async/deadline.ts';
import type { RandomSource } from '../async/random.ts';
import { ports as istioPorts } from '../snapshot/ports.ts';
import type { Log } from '../telemetry/log.ts';
import { processMetrics } from '../telemetry/process-metrics.ts';
import { appMetrics } from './app-metrics.ts';
import { AppProbe, type ListeningPorts } from './app-probe.ts';
import { createDataPlane } from './assemble.ts';
import { ControlServer } from './control/control-server.ts';
import { DaemonScrape } from './control/daemon-scrape.ts';
import { Orders } from './control/orders.ts';
import { Renewal } from './control/renewal.ts';
import { DnsTable } from './dns/answer.ts';
import { DnsForwarder, type Nameserver } from './dns/forward.ts';
import { ResolvedEndpoints } from './dns/resolved-endpoints.ts';
import { DnsServers } from './dns/server.ts';
import type { OriginalDestination } from './interception/original-destination.ts';
import { type Binding, bind } from './listener/bind.ts';
import { DescriptorLimit } from './listener/descriptor-limit.ts';
import { GatewayListeners } from './listener/gateway.ts';
import { InboundAcceptor } from './listener/inbound.ts';
import { OutboundAcceptor } from './listener/outbound.ts';
import { createRefusal } from './listener/refusal.ts';
import { Overload } from './overload.ts';
import { ReadyServer } from './ready-server.ts';
import { mayScrape, targetsFor } from './scraping.ts';
import { SidecarStats } from './sidecar-stats.ts';
import { StatsServer } from './stats-server.ts';
import { TcpSessions } from './tcp/tcp-proxy.ts';
import { TlsAcceptor } from './tls/acceptor.ts';
import { CertificateStore } from './tls/certificate-store.ts';
import { createConnector } from './tls/connector.ts';
import { meshProtocols } from './tls/mesh-protocols.ts';
import { WorkloadIdentity } from './tls/workload-identity.ts';
import { TunnelAcceptor } from './transport/tunnel/tunnel-acceptor.ts';
import { TunnelConnector } from './transport/tunnel/tunnel-connector.ts';

/** The sidecar's ports by purpose. */
export type SidecarPorts = { readonly [K in keyof typeof istioPorts]: number };

/** Everything that a sidecar takes from outside; tests run two of them in one process on loopback. */
export interface SidecarOptions {
  readonly workload: string;
  readonly service: string;
  readonly kind: 'sidecar' | 'gateway';
  readonly trustDomain: string;
  /** SPIFFE ID that it asks for; a certificate for another one is refused. */
  readonly spiffeId: string;
  /** PEM of the roots that a daemon's certificate must come from. */
  readonly trustBundlePem: string;
  readonly hosts: {
    /** Redirected connections arrive on loopback; nobody else may reach these. */
    readonly outbound: readonly string[];
    readonly inbound: readonly string[];
    readonly gateway: readonly string[];
    readonly ready: string;
    /** Metrics, for `hostAddress` and the scrapers of the snapshot. Absent: nowhere. */
    readonly stats?: string;
    /** Questions are redirected to loopback, of the family that the nameserver has. */
    readonly dns: readonly string[];
    readonly control: string;
  };
  /** 0: any free port. @default Istio's numbers */
  readonly ports?: Partial<SidecarPorts>;
  /** Where questions for names outside the mesh go. */
  readonly nameservers: readonly Nameserver[];
  /** Domains of resolv.conf's search list. */
  readonly search: readonly string[];
  readonly originalDestination: OriginalDestination;
  /** The host as this pod sees it; it may call published ports without mTLS. `null`: nobody is. */
  readonly hostAddress: string | null;
  readonly listeningPorts: ListeningPorts;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly log: Log;
  /** Lines for stdout: the control key and the access log. Must not block. */
  readonly print: (line: string) => void;
  /** The daemon ordered it and it is done: the process should end with 0. */
  readonly onDrained: () => void;
  /** Where the app listens. @default '127.0.0.1' */
  readonly appAddress?: string;
  /** How connections to other sidecars travel: many on one, or each on its own. Peers are accepted either way they come. @default 'tunnel' */
  readonly hop?: 'tunnel' | 'pooled';
}

/** A running sidecar. */
export interface Sidecar {
  readonly ports: SidecarPorts;
  /** A first snapshot runs and the sidecar is not draining. */
  readonly ready: boolean;
  /** Accepts nothing new, lets connections finish for at most `graceMs`, closes everything. */
  drain(graceMs: number): Promise<void>;
}

/** Where everything listens in a real pod: redirected traffic and questions on loopback, peers and the daemon from outside. */
export const podHosts: SidecarOptions['hosts'] = {
  outbound: ['127.0.0.1', '::1'],
  inbound: ['0.0.0.0', '::'],
  gateway: ['0.0.0.0', '::'],
  ready: '127.0.0.1',
  stats: '0.0.0.0',
  dns: ['127.0.0.1', '::1'],
  control: '0.0.0.0',
};

/**
 * Starts a sidecar. It refuses everything until its first snapshot.
 * @throws the system's error when one of its own ports cannot be had
 */
export async function startSidecar(options: SidecarOptions): Promise<Sidecar> {
  const { clock, random, log, hosts, originalDestination } = options;
  const wanted: SidecarPorts = { ...istioPorts, ...options.ports };
  const stats = new SidecarStats();
  const identity = new WorkloadIdentity(clock);
  const sessions = new TcpSessions();
  const deadlines = new Deadlines(clock);
  const dialer = createConnector(identity, clock);
  const tunnels = new TunnelConnector(dialer, deadlines);
  const peerTunnels = new TunnelAcceptor(deadlines, problem => log.info('a tunnel broke', { problem }));
  // What another certificate or other roots would refuse does not ride on connections from before.
  identity.onReplaced(() => tunnels.renew());
  // What is more than this sidecar can do is turned away, by all who take work.
  const overload = new Overload(clock, log);
  const dataPlane = createDataPlane({
    connector: options.hop === 'pooled' ? dialer : tunnels,
    clock,
    random,
    log,
    tcp: sessions.proxy,
    accessLog: options.print,
    overload,
    ...(options.appAddress === undefined ? {} : { appAddress: options.appAddress }),
  });

  // Intercepted connections, out and in.
  const descriptors = new DescriptorLimit();
  const shared = { clock, dataPlane, originalDestination, tcpProxy: sessions.proxy, stats, descriptors };
  const outbound = new OutboundAcceptor({ ...shared, refuse: createRefusal('outbound', stats, log, clock) });
  const peers = new TlsAcceptor(identity, clock, meshProtocols);
  // Of a root that is trusted no more, or from the time before this sidecar's own certificate was of another one.
  peers.onForsaken(peer => dataPlane.forsake(peer));
  const inbound = new InboundAcceptor(
    {
      ...shared,
      overload,
      refuse: createRefusal('inbound', stats, log, clock),
      closeRefused: isRefused => sessions.closeRefused(isRefused),
    },
    peers,
    peerTunnels,
    options.hostAddress,
  );
  // The edge: its certificates come from the daemon and stay in memory.
  const certificates = new CertificateStore();
  const gateways = new GatewayListeners({
    dataPlane,
    hosts: hosts.gateway,
    certificates,
    identity,
    clock,
    refuse: createRefusal('gateway', stats, log, clock),
    overload,
    descriptors,
  });

  // Names.
  const nameservers = new DnsForwarder(options.nameservers, clock);
  const dns = new DnsServers(new DnsTable([], options.search), nameservers, stats);
  // Servers outside the mesh that are known by name.
  const endpoints = new ResolvedEndpoints(nameservers, clock, log, snapshot => dataPlane.apply(snapshot));

  // The daemon: it sends rules and certificates and hears of the app.
  const probe = new AppProbe(clock, options.listeningPorts, state => control.send({ kind: 'app', ...state }));
  const renewal = new Renewal({
    spiffeId: options.spiffeId,
    identity,
    clock,
    random: random.next,
    request: pem => {
      control.send({ kind: 'csr', pem });
      return control.connected;
    },
    onRoots: bundlePem => control.trust(bundlePem),
    onLate: (part, expiresAtMs) => {
      const expires = new Date(expiresAtMs).toISOString();
      if (part < 1) {
        log.warn('the certificate is not being renewed', { lifeOver: `${part * 100} %`, expires });
        return;
      }
      log.error('svid_expired: nobody is called or let in until the daemon is back', { expires });
      // Nor on connections from before.
      tunnels.renew();
      peers.expired();
    },
  });
  const metrics = (): string => dataPlane.metrics() + stats.metrics(identity.svid?.expiresAtMs ?? null) + processMetrics();
  const daemonScrape = new DaemonScrape(clock, () => {
    control.send({ kind: 'scrape' });
    return control.connected;
  });
  const orders = new Orders({
    workload: options.workload,
    trustDomain: options.trustDomain,
    log,
    identity,
    renewal,
    probe,
    dataPlane,
    gateways,
    certificates,
    endpoints,
    metrics,
    daemonScrape,
    send: message => control.send(message),
    tell: message => control.tell(message),
    // The data plane has taken it: what follows cannot fail, and happens within one turn.
    onApplied: snapshot => {
      inbound.apply(snapshot);
      outbound.apply(snapshot);
      dns.use(new DnsTable(snapshot.dns, options.search));
      probe.watch(snapshot.inbound.map(listener => listener.port));
    },
    connections: () => sessions.count,
    onDrain: graceMs => void drain(graceMs).then(options.onDrained),
  });
  const control = new ControlServer({
    workload: options.workload,
    trustDomain: options.trustDomain,
    trustBundlePem: options.trustBundlePem,
    clock,
    log,
    print: options.print,
    onConnected: () => orders.greet(),
    onLost: () => orders.forsaken(),
    onMessage: message => orders.take(message),
  });

  // Prometheus, on the host or in a pod that the daemon names.
  const scrapes = new StatsServer({
    admits: address => address === options.hostAddress || mayScrape(dataPlane.snapshot, address),
    metrics: async () => {
      const app = dataPlane.snapshot?.appMetrics;
      return metrics() + (app === undefined ? '' : await appMetrics(options.appAddress ?? '127.0.0.1', app, clock));
    },
    targets: () => targetsFor(dataPlane.snapshot),
    daemon: () => (dataPlane.snapshot?.scrapes === true ? daemonScrape.read() : null),
  });

  // Last: everything is ready to be called.
  let draining = false;
  const readiness = new ReadyServer(() => dataPlane.snapshot !== null && !draining);
  const intercepts = options.kind === 'sidecar';
  const bindings: Binding[] = [];
  const open = async (at: readonly string[], port: number, accept: Parameters<typeof bind>[2]): Promise<number> => {
    const binding = await bind(at, port, accept);
    bindings.push(binding);
    return binding.port;
  };
  const stopAccepting = (): void => {
    for (const binding of bindings) binding.close();
    gateways.close();
  };
  const stop = (): void => {
    renewal.stop();
    probe.stop();
    endpoints.close();
    if (intercepts) dns.close();
    readiness.close();
    scrapes.close();
    control.close();
  };
  const openPorts = async (): Promise<SidecarPorts> => ({
    outbound: intercepts ? await open(hosts.outbound, wanted.outbound, socket => outbound.accept(socket)) : 0,
    inbound: intercepts ? await open(hosts.inbound, wanted.inbound, socket => inbound.accept(socket)) : 0,
    dns: intercepts ? await dns.listen(hosts.dns, wanted.dns) : 0,
    ready: await readiness.listen(hosts.ready, wanted.ready),
    stats: hosts.stats === undefined ? 0 : await scrapes.listen(hosts.stats, wanted.stats),
    control: await control.listen(hosts.control, wanted.control),
  });
  const ports = await openPorts().catch((error: unknown) => {
    stopAccepting();
    stop();
    throw error;
  });

  let drained: Promise<void> | null = null;
  const drain = (graceMs: number): Promise<void> => {
    drained ??= finish(graceMs);
    return drained;
  };
  const finish = async (graceMs: number): Promise<void> => {
    draining = true;
    stopAccepting();
    peerTunnels.drain();
    const grace = new Promise<void>(resolve => clock.after(graceMs, resolve));
    // Peers may open streams until they have heard of it.
    await Promise.all([dataPlane.drain(graceMs, peerTunnels.whenNone()), Promise.race([sessions.whenIdle(), grace])]);
    sessions.closeAll();
    peerTunnels.destroy();
    tunnels.destroy();
    stop();
  };
  return {
    ports,
    get ready() {
      return dataPlane.snapshot !== null && !draining;
    },
    drain,
  };
}
