import type { GatewayListener, InboundListener, OutboundListener, Peer, Snapshot } from '../snapshot/snapshot.ts';
import type { AccessJudge } from './access/access-judge.ts';
import type { ClusterRuntime } from './cluster/cluster-runtime.ts';
import type { RequestFilter } from './filters/filter.ts';
import { gatewayFilters, gatewayJudge, inboundFilters, inboundJudge } from './filters/order.ts';
import { buildEgress, type EgressTables } from './route/egress-tables.ts';
import { RouteTableRuntime } from './route/route-table.ts';
import type { RuleParts } from './route/rule-parts.ts';
import { compileSplit, type Split } from './route/split.ts';
import { compileTcpFaults, type DrawTcpFaults } from './tcp/tcp-faults.ts';
import { ServerNames } from './tls/server-names.ts';

/** An inbound port as it runs. */
export interface InboundRuntime {
  readonly listener: InboundListener;
  /** The app. */
  readonly cluster: ClusterRuntime;
  /** For HTTP, in order. */
  readonly filters: readonly RequestFilter[];
  /** Who may call. */
  readonly access: AccessJudge | null;
}

/** How requests of a port are routed. */
export interface Routing {
  /** What they pass before a rule is looked for. */
  readonly filters: readonly RequestFilter[];
  /** `null` where the snapshot has no such table; every request is then 404 NR. */
  readonly table: RouteTableRuntime | null;
}

/** A port whose requests are routed, as it runs. */
export interface RoutedRuntime<L extends OutboundListener | GatewayListener> extends Routing {
  readonly listener: L;
  /** At a gateway: who may call. */
  readonly access: AccessJudge | null;
  readonly tcp: Split;
  /** What hits raw TCP connections on purpose. */
  readonly tcpFaults: DrawTcpFaults | null;
  /** Where TLS goes as it is, on a port that is spoken HTTP to otherwise. */
  readonly tlsPassthrough: Split | null;
  /** Where TLS goes by its server name. */
  readonly sni: ServerNames<Split> | null;
}

/** All that one snapshot says, ready to be looked up. Swapped as a whole. */
export interface Tables {
  readonly snapshot: Snapshot;
  /** By `outboundKey`. */
  readonly outbound: ReadonlyMap<string, RoutedRuntime<OutboundListener>>;
  readonly inbound: ReadonlyMap<number, InboundRuntime>;
  readonly gateway: ReadonlyMap<number, RoutedRuntime<GatewayListener>>;
  /** For addresses that no outbound listener has. */
  readonly egress: EgressTables;
  /** Pods by address. */
  readonly peers: ReadonlyMap<string, Peer>;
}

/** How outbound listeners are found by what the app dialled. */
export function outboundKey(address: string, port: number): string {
  return `${address}:${port}`;
}

/** Builds the tables. `app` gives the running clusters of inbound ports. @throws SyntaxError for a bad regular expression */
export function buildTables(snapshot: Snapshot, parts: RuleParts, app: (listener: InboundListener) => ClusterRuntime): Tables {
  const tables = new Map(snapshot.routeTables.map(table => [table.name, new RouteTableRuntime(table, parts)]));
  const routed = <L extends OutboundListener | GatewayListener>(
    listener: L,
    filters: readonly RequestFilter[],
    access: AccessJudge | null,
  ): RoutedRuntime<L> => ({
    listener,
    filters,
    access,
    table: tables.get(listener.routeTable) ?? null,
    tcp: compileSplit(listener.tcp, parts.cluster),
    tcpFaults:
      listener.tcpFaults === undefined
        ? null
        : compileTcpFaults(
            listener.tcpFaults,
            `tcp ${'service' in listener ? listener.service : listener.name} ${listener.port}`,
            parts,
          ),
    tlsPassthrough:
      'tlsPassthrough' in listener && listener.tlsPassthrough !== undefined
        ? compileSplit(listener.tlsPassthrough, parts.cluster)
        : null,
    sni:
      'sni' in listener && listener.sni !== undefined
        ? new ServerNames(
            listener.sni.flatMap(({ hosts, split }) => hosts.map(host => [host, compileSplit(split, parts.cluster)] as const)),
          )
        : null,
  });
  return {
    snapshot,
    outbound: new Map(
      snapshot.outbound.map(listener => [outboundKey(listener.address, listener.port), routed(listener, [], null)]),
    ),
    inbound: new Map(
      snapshot.inbound.map(listener => {
        const access = inboundJudge(listener, parts);
        return [listener.port, { listener, access, cluster: app(listener), filters: inboundFilters(listener, parts, access) }];
      }),
    ),
    gateway: new Map(
      snapshot.gateway.map(listener => {
        const access = gatewayJudge(listener, parts);
        return [listener.port, routed(listener, gatewayFilters(listener, parts, access), access)];
      }),
    ),
    egress: buildEgress(snapshot, parts),
    peers: new Map((snapshot.peers ?? []).map(peer => [peer.address, peer])),
  };
}
