import type { apiVersion } from './types.ts';

/** Which stretch of the past is asked for, and of whom. */
export interface StatsRequest {
  /** RFC 3339, ms since epoch, or an age: `-5m`. @default `window` before `to` */
  readonly from?: string | undefined;
  /** As `from`. @default now */
  readonly to?: string | undefined;
  /** `90s`. @default 1m */
  readonly window?: string | undefined;
  /** Length of the points: `10s`. Absent: totals only. */
  readonly step?: string | undefined;
  /** Only edges from or to one of these; empty: all. */
  readonly services?: readonly string[];
}

/** The same in numbers. */
export interface StatsQuery {
  /** Ms since epoch; the signals of `(fromMs, toMs]` count. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Length of the points, ms; `null`: totals only. */
  readonly stepMs: number | null;
  /** Only edges from or to one of these; empty: all. */
  readonly services: readonly string[];
}

/** Golden signals of some calls. Of raw TCP requests are connections. */
export interface Golden {
  readonly requests: number;
  /** No answer, 5xx or a gRPC status other than 0; of raw TCP: not connected. */
  readonly failures: number;
  /** 4xx. */
  readonly clientErrors: number;
  /** Refused by access rules. */
  readonly denied: number;
  /** Share of the requests that did not fail, 0 to 1; `null`: there were none. */
  readonly successRate: number | null;
  /** Requests per second, over the whole stretch that was asked for. */
  readonly rps: number;
  /** Of the answers' durations, estimated within Istio's histogram buckets; `null`: there were none. */
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly p99Ms: number | null;
  /** From callers. */
  readonly bytesIn: number;
  /** To callers. */
  readonly bytesOut: number;
  /** Connections of callers at the end. */
  readonly open: number;
}

/** Golden signals of one step. */
export interface GoldenPoint extends Golden {
  /** Its end, RFC 3339. */
  readonly at: string;
}

/** `passthrough`, `blackhole`: addresses that the mesh does not know, let through or refused. `unknown`: nobody can tell, such as callers without identity. */
export type EndKind = 'service' | 'gateway' | 'external' | 'passthrough' | 'blackhole' | 'unknown';

/** Who calls, or is called. */
export interface TrafficEnd {
  /** `unknown` where nobody can tell. */
  readonly name: string;
  /** The empty string: it has none, or none was picked. */
  readonly version: string;
  readonly kind: EndKind;
  /** SPIFFE ID; `null`: none is known. */
  readonly principal: string | null;
}

/** One edge: as its caller counted it, where the caller is in the mesh. */
export interface EdgeStats {
  readonly source: TrafficEnd;
  readonly destination: TrafficEnd;
  readonly protocol: 'http' | 'grpc' | 'tcp';
  /** By mutual TLS, as the called side saw it; `null`: the called side is no sidecar, or nothing reached it. */
  readonly secured: boolean | null;
  readonly total: Golden;
  /** With `step`: every step in which something happened. */
  readonly points?: readonly GoldenPoint[];
}

/** All calls to a version of a service. */
export interface ServiceStats {
  readonly name: string;
  readonly version: string;
  readonly kind: EndKind;
  readonly total: Golden;
  readonly points?: readonly GoldenPoint[];
}

/** The answer of `GET /v1/stats`. */
export interface StatsDocument {
  readonly apiVersion: typeof apiVersion;
  readonly kind: 'Stats';
  readonly from: string;
  readonly to: string;
  readonly stepMs: number | null;
  /** Every service of the mesh, idle ones too, and whoever else was called. Sorted by name and version. */
  readonly services: readonly ServiceStats[];
  readonly edges: readonly EdgeStats[];
}

/** One place that a rule sends requests to. */
export interface RouteShare {
  readonly service: string;
  /** The empty string: the rule names none. */
  readonly version: string;
  readonly hits: number;
  /** Of all hits of the rule, 0 to 1; `null`: there were none. */
  readonly share: number | null;
  /** By the weights of the rules in force; `null`: they do not send anything there. */
  readonly intended: number | null;
}

/** What a rule took. */
export interface RouteStats {
  /** Service or gateway whose rule it is. */
  readonly service: string;
  readonly rule: string;
  /** `false`: the rules in force have it no more. */
  readonly inForce: boolean;
  readonly hits: number;
  readonly failures: number;
  readonly destinations: readonly RouteShare[];
}

/** The answer of `GET /v1/routes`. */
export interface RoutesDocument {
  readonly apiVersion: typeof apiVersion;
  readonly kind: 'Routes';
  readonly from: string;
  readonly to: string;
  /** Sorted by service, rules in the order in which they are tried. */
  readonly routes: readonly RouteStats[];
}

/** A service, version, gateway or stranger in the graph. `total`: what it was called with. */
export interface GraphNode extends ServiceStats {
  readonly id: string;
}

/** Calls between two nodes. */
export interface GraphEdge {
  /** Id of a node. */
  readonly source: string;
  readonly destination: string;
  readonly protocol: EdgeStats['protocol'];
  readonly secured: boolean | null;
  readonly total: Golden;
}

/** The answer of `GET /v1/graph`. */
export interface GraphDocument {
  readonly apiVersion: typeof apiVersion;
  readonly kind: 'Graph';
  readonly from: string;
  readonly to: string;
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
}
