import type { Clock } from '../async/clock.ts';
import { Deadlines } from '../async/deadline.ts';
import type { RandomSource } from '../async/random.ts';
import type { ClusterReport } from '../snapshot/channel.ts';
import type { ExplainRequest, Explanation } from '../snapshot/explanation.ts';
import type { JudgedCall, Judgement } from '../snapshot/judgement.ts';
import type { Observation, Observed } from '../snapshot/observation.ts';
import type { ObservedCalls } from '../snapshot/observed-call.ts';
import type { Cluster, Endpoint, ListenerProtocol, Snapshot } from '../snapshot/snapshot.ts';
import type { TapOrder, Tapped } from '../snapshot/tap.ts';
import { poolText } from '../telemetry/cluster-metrics.ts';
import { gaugeText, labels } from '../telemetry/exposition.ts';
import type { Log } from '../telemetry/log.ts';
import { type EdgeConnections, MeshMetrics } from '../telemetry/mesh-metrics.ts';
import { AdmittedConnections } from './access/admitted-connections.ts';
import { AccessLogWriter } from './access-log-writer.ts';
import { CallRecord } from './call-record.ts';
import { appCluster, appKey } from './cluster/app-cluster.ts';
import { type ClusterParts, ClusterRuntime } from './cluster/cluster-runtime.ts';
import { createProbe } from './cluster/health-probe.ts';
import type { Connector, DataPlane, Downstream, PeerIdentity, TcpProxy, TcpUpstream } from './data-plane.ts';
import { calledService, destinationEdge, sourceEdge } from './edges.ts';
import { Egress } from './egress.ts';
import { EgressRole } from './exchange/egress-role.ts';
import { GatewayRole, InboundRole, OutboundRole, type RoleParts } from './exchange/roles.ts';
import { ServedConnections } from './exchange/served-connections.ts';
import { explain } from './explain.ts';
import { Http2Pool } from './http2/http2-pool.ts';
import { judge } from './judge.ts';
import { readServerName, tellTls } from './listener/peek.ts';
import { sniff } from './listener/sniff.ts';
import { PolicyWatch } from './observe/policy-watch.ts';
import { SignalReporter } from './observe/signal-reporter.ts';
import { Signals } from './observe/signals.ts';
import { Overload } from './overload.ts';
import { egressCluster } from './route/egress-tables.ts';
import { RuleParts } from './route/rule-parts.ts';
import type { Split } from './route/split.ts';
import { buildTables, outboundKey, type Tables } from './tables.ts';
import { Taps } from './tap/taps.ts';
import type { EarlyUpstream } from './tcp/early-upstream.ts';
import type { TcpFaults } from './tcp/tcp-faults.ts';
import { createTcpUpstream, type TcpParts } from './tcp/tcp-upstream.ts';
import { Tracer } from './tracing/tracer.ts';

/** What a data plane is made of. */
export interface DataPlaneDeps {
  readonly connector: Connector;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly log: Log;
  readonly tcp: TcpProxy;
  /** Gets whole access log lines without newline; must not block (see `LineWriter`). */
  readonly accessLog: (line: string) => void;
  /** @default one of its own */
  readonly overload?: Overload;
  /** Where the app listens. @default '127.0.0.1' */
  readonly appAddress?: string;
}

/** Makes the data plane of one sidecar. It serves nothing until a snapshot is applied. */
export function createDataPlane(deps: DataPlaneDeps): DataPlane {
  return new RunningDataPlane(deps);
}

class RunningDataPlane implements DataPlane {
  readonly #deps: DataPlaneDeps;
  readonly #metrics = new MeshMetrics();
  readonly #deadlines: Deadlines;
  readonly #overload: Overload;
  readonly #accessLog: AccessLogWriter;
  readonly #taps: Taps;
  readonly #roles: RoleParts;
  readonly #tracer: Tracer;
  readonly #served: ServedConnections;
  readonly #signals: SignalReporter;
  readonly #policies: PolicyWatch;
  #clusters: ReadonlyMap<string, ClusterRuntime> = new Map();
  #tables: Tables | null = null;
  readonly #egress: Egress;
  readonly #admitted: AdmittedConnections;
  #rules: RuleParts | null = null;

  constructor(deps: DataPlaneDeps) {
    this.#deps = deps;
    this.#deadlines = new Deadlines(deps.clock);
    this.#accessLog = new AccessLogWriter(deps.accessLog);
    this.#taps = new Taps(deps.clock);
    this.#overload = deps.overload ?? new Overload(deps.clock, deps.log);
    this.#tracer = new Tracer(deps);
    this.#roles = { tables: () => this.#tables, random: deps.random, calls: new CallRecord(deps.clock), tracer: this.#tracer };
    this.#served = new ServedConnections({
      clock: deps.clock,
      // Back-off of retries; ids stay unguessable with a seed too.
      random: { next: () => this.#draw('retry'), uuid: deps.random.uuid, hex: deps.random.hex },
      deadlines: this.#deadlines,
      metrics: this.#metrics,
      log: deps.log,
      overload: this.#overload,
      tracer: this.#tracer,
      taps: this.#taps,
      accessLog: this.#accessLog,
      guard: (client, act) => this.#guard(client, act),
    });
    this.#signals = new SignalReporter(deps.clock, new Signals(this.#metrics, () => this.#served.openByEdge));
    this.#policies = new PolicyWatch(deps.clock, () => this.#clusters.values());
    this.#egress = this.#makeEgress();
    this.#admitted = new AdmittedConnections(deps.log);
  }

  /** What the app calls outside of what the mesh knows. */
  #makeEgress(): Egress {
    const cluster = (name: string): ClusterRuntime | null => this.#clusters.get(name) ?? null;
    return new Egress({
      clock: this.#deps.clock,
      cluster,
      makeCluster: found =>
        new ClusterRuntime(found, {
          ...this.#clusterParts(this.#tables?.snapshot as Snapshot),
          random: () => this.#draw(found.name),
        }),
      serve: (d, original) =>
        this.#guard({ abort: () => refuse(d) }, () => {
          const unrouted = this.#metrics.requests(sourceEdge(this.#tables?.snapshot as Snapshot, null, null));
          const others = (): ClusterRuntime | null => cluster(this.#tables?.egress.fallback.name ?? '');
          this.#served.serve(d, new EgressRole(d, unrouted, this.#roles, original, others));
        }),
      tcp: this.#deps.tcp,
      upstream: (d, to) => this.#tcp(d, to, this.#tables?.snapshot as Snapshot),
      split: split => this.#choose(split),
    });
  }

  get snapshot(): Snapshot | null {
    return this.#tables?.snapshot ?? null;
  }

  apply(snapshot: Snapshot): void {
    const wanted = new Map<string, Cluster>();
    for (const cluster of [...snapshot.clusters, egressCluster(snapshot.egress)]) wanted.set(cluster.name, cluster);
    for (const listener of snapshot.inbound)
      wanted.set(appKey(listener), appCluster(snapshot, listener, this.#deps.appAddress ?? '127.0.0.1'));
    const parts = this.#clusterParts(snapshot);
    const rules = new RuleParts(snapshot, name => clusters.get(name) ?? null, this.#deps, this.#rules);
    let applied = false;
    // Balancers outlive a swap, and with it a seed: they ask anew for each draw.
    const draw = (purpose: string): number => ((applied ? this.#rules : rules) ?? rules).draws(purpose)();
    const clusters = new Map(
      [...wanted].map(([key, cluster]) => [
        key,
        this.#clusters.get(key) ?? new ClusterRuntime(cluster, { ...parts, random: () => draw(key) }),
      ]),
    );
    const tables = buildTables(snapshot, rules, listener => clusters.get(appKey(listener)) as ClusterRuntime);
    // Nothing below can fail: from here on everything is new at once.
    for (const [key, cluster] of wanted) this.#clusters.get(key)?.update(cluster);
    for (const [key, cluster] of this.#clusters) if (!clusters.has(key)) cluster.close();
    this.#clusters = clusters;
    this.#tables = tables;
    this.#rules = rules;
    this.#tracer.apply(snapshot.tracing);
    this.#accessLog.apply(snapshot);
    applied = true;
    this.#rules.decisions.keep(rulesOf(snapshot));
    this.#served.drainUnlisted();
    this.#served.cutRefused();
    this.#admitted.judgeAnew(port => (tables.inbound.get(port) ?? tables.gateway.get(port))?.access ?? null);
  }

  outbound(downstream: Downstream): void {
    const key = outboundKey(downstream.localAddress, downstream.localPort);
    const runtime = this.#tables?.outbound.get(key);
    if (this.#tables === null) {
      refuse(downstream);
      return;
    }
    if (runtime === undefined) {
      this.#egress.accept(downstream, this.#tables.egress);
      return;
    }
    const { snapshot } = this.#tables;
    const http = (d: Downstream): void => {
      const unrouted = this.#metrics.requests(sourceEdge(snapshot, calledService(runtime.listener.service), null));
      this.#served.serve(d, new OutboundRole(d, key, unrouted, this.#roles));
    };
    const { tlsPassthrough } = runtime;
    if (tlsPassthrough !== null) {
      const raw = (d: Downstream): void => this.#deps.tcp(d, this.#tcp(d, this.#choose(tlsPassthrough), snapshot));
      tellTls(downstream, this.#deps.clock, { tls: raw, other: http });
      return;
    }
    this.#byProtocol(downstream, runtime.listener.protocol, http, () =>
      this.#tcp(downstream, this.#choose(runtime.tcp), snapshot, runtime.tcpFaults?.() ?? null),
    );
  }

  /** By a split of the tables. */
  #choose(split: Split): ClusterRuntime | null {
    return split(() => this.#draw('tcp'));
  }

  gateway(downstream: Downstream): void {
    const runtime = this.#tables?.gateway.get(downstream.localPort);
    if (this.#tables === null || runtime === undefined) {
      refuse(downstream);
      return;
    }
    const { snapshot } = this.#tables;
    const http = (d: Downstream): void => {
      this.#served.serve(d, new GatewayRole(d, this.#metrics.requests(sourceEdge(snapshot, null, null)), this.#roles));
    };
    const { sni } = runtime;
    if (sni !== null) {
      readServerName(downstream, this.#deps.clock, (d, serverName) => {
        const split = sni.find(serverName);
        if (split === null) {
          this.#deps.log.info('refused a connection', { reason: 'no_route_for_server_name', port: d.localPort, serverName });
          d.stream.reset();
          return;
        }
        const to = this.#admitted.admit(d, runtime.access, () => this.#tcp(d, this.#choose(split), snapshot));
        if (to === null) refuse(d);
        else this.#deps.tcp(d, to);
      });
      return;
    }
    this.#byProtocol(downstream, runtime.listener.protocol, http, () =>
      this.#admitted.admit(downstream, runtime.access, () =>
        this.#tcp(downstream, this.#choose(runtime.tcp), snapshot, runtime.tcpFaults?.() ?? null),
      ),
    );
  }

  inbound(downstream: Downstream, early: EarlyUpstream | null = null): void {
    const runtime = this.#tables?.inbound.get(downstream.localPort);
    if (this.#tables === null || runtime === undefined) {
      early?.drop();
      refuse(downstream);
      return;
    }
    const { snapshot, peers } = this.#tables;
    const edge = destinationEdge(snapshot, peers, downstream);
    const http = (d: Downstream): void => {
      early?.drop();
      this.#served.serve(d, new InboundRole(d, snapshot, this.#metrics.requests(edge), this.#roles));
    };
    const serverFirst = early !== null && downstream.initial.length === 0;
    const protocol = serverFirst || downstream.opaque === true ? 'tcp' : runtime.listener.protocol;
    const upstream = (): TcpUpstream | null => early ?? this.app(downstream);
    this.#byProtocol(downstream, protocol, http, upstream, allowed => {
      const { peer, localPort } = downstream;
      if (!allowed) this.#metrics.connections(edge).denied++;
      this.#roles.calls.connection(peer?.spiffeId ?? null, localPort, allowed);
    });
  }

  app(downstream: Downstream): TcpUpstream | null {
    const runtime = this.#tables?.inbound.get(downstream.localPort);
    if (this.#tables === null || runtime === undefined) return null;
    const { snapshot, peers } = this.#tables;
    return this.#admitted.admit(downstream, runtime.access, () => {
      const connections = this.#metrics.connections(destinationEdge(snapshot, peers, downstream));
      return createTcpUpstream(downstream, runtime.cluster, () => connections, this.#tcpParts());
    });
  }

  forsake(peer: PeerIdentity): void {
    this.#served.drainPeer(peer);
  }

  async drain(graceMs: number, quiet: Promise<void> = Promise.resolve()): Promise<void> {
    await this.#served.drain(graceMs, quiet);
    for (const cluster of this.#clusters.values()) cluster.close();
    this.#egress.close();
  }

  clusters(): readonly ClusterReport[] {
    return [...this.#clusters.values()].map(cluster => cluster.report);
  }

  judge(call: JudgedCall): Judgement | null {
    return this.#tables === null ? null : judge(this.#tables, call, this.#deps.clock.now());
  }

  calls(): ObservedCalls {
    return this.#roles.calls.read(this.#admitted.open);
  }

  observe(observation: Observation, tell: (message: Observed) => boolean): void {
    this.#tracer.observe(observation, tell);
    this.#signals.use(observation.signals ? edges => tell({ kind: 'signals', edges }) : null);
    this.#policies.use(observation.signals ? tell : null);
  }

  tap(orders: readonly TapOrder[], tell: (message: Tapped) => boolean): void {
    this.#taps.use(orders, tell);
  }

  explain(request: ExplainRequest): Explanation | null {
    return this.#tables === null ? null : explain(this.#tables, request, this.#deps.clock.now());
  }

  metrics(): string {
    const access = (this.#rules?.decisions.text() ?? '') + (this.#rules?.authorizers.metrics() ?? '');
    const limits = (this.#rules?.rateLimits.text() ?? '') + (this.#rules?.tokens.text() ?? '');
    const { snapshot } = this;
    const open = this.#metrics.openText(this.#served.open, snapshot?.kind === 'gateway' ? 'gateway' : 'outbound');
    const version = snapshot === null ? [] : [[labels({ version: snapshot.version }), 1] as const];
    const config = gaugeText('mesh_config_info', 'Version of the configuration in force.', version);
    return this.#metrics.text() + open + poolText(this.clusters()) + config + access + limits + this.#overload.metrics();
  }

  /** `upstream`: where raw TCP goes; `null` where the caller is not let through. `seen`: it was raw TCP. */
  #byProtocol(
    downstream: Downstream,
    protocol: ListenerProtocol | 'tls',
    http: (d: Downstream) => void,
    upstream: () => TcpUpstream | null,
    seen: (allowed: boolean) => void = () => {},
  ): void {
    const tcp = (d: Downstream, early: TcpUpstream | null): void => {
      const to = early ?? upstream();
      seen(to !== null);
      if (to !== null) this.#deps.tcp(d, to);
      else refuse(d);
    };
    if (protocol === 'http') http(downstream);
    else if (protocol !== 'auto') tcp(downstream, null);
    else {
      const guarded = { abort: () => refuse(downstream) };
      sniff(downstream, this.#deps.clock, upstream, {
        http: d => this.#guard(guarded, () => http(d)),
        tcp: (d, early) => this.#guard(guarded, () => tcp(d, early)),
      });
    }
  }

  #tcp(downstream: Downstream, cluster: ClusterRuntime | null, snapshot: Snapshot, faults: TcpFaults | null = null): TcpUpstream {
    const counters = (endpoint: Endpoint | null): EdgeConnections =>
      this.#metrics.connections(sourceEdge(snapshot, cluster?.cluster ?? null, endpoint));
    return createTcpUpstream(downstream, cluster, counters, this.#tcpParts(), faults);
  }

  #tcpParts(): TcpParts {
    return { connector: this.#deps.connector, clock: this.#deps.clock, taps: this.#taps, accessLog: this.#accessLog };
  }

  #clusterParts(snapshot: Snapshot): Omit<ClusterParts, 'random'> {
    const { connector, clock, log } = this.#deps;
    return {
      clock,
      probe: createProbe(connector),
      counters: cluster => this.#metrics.clusters.of(cluster.name),
      pool: cluster => ({
        connector,
        log,
        idle: this.#deadlines.of(cluster.idleTimeoutMs),
        http2: (connect, options) => new Http2Pool(connect, options, clock),
      }),
      requests: (cluster, endpoint) => this.#metrics.requests(sourceEdge(snapshot, cluster, endpoint)),
    };
  }

  #draw(purpose: string): number {
    return (this.#rules?.draws(purpose) ?? this.#deps.random.next)();
  }

  #guard(client: { abort(): void }, act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#deps.log.error('an exchange failed with a bug', { error, at: error instanceof Error ? (error.stack ?? '') : '' });
      client.abort();
    }
  }
}

function refuse(downstream: Downstream): void {
  downstream.stream.destroy();
}

/** Names of all access rules. */
function rulesOf({ inbound, gateway }: Snapshot): ReadonlySet<string> {
  return new Set([...inbound, ...gateway].flatMap(({ access }) => access?.rules.map(({ name }) => name) ?? []));
}
