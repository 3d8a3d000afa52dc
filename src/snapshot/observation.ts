/** What sidecars tell of the traffic that passes them, and the daemon's wish to be told. */

import type { EdgeSignal } from './edge-signal.ts';

/** What the daemon wants to be told. Replaces what it wanted before; a sidecar whose channel is gone tells nothing. */
export interface Observation {
  /** Golden signals of the edges on which something happened, every second, and what policies did. */
  readonly signals: boolean;
  /** Finished spans of sampled requests. */
  readonly spans: boolean;
}

/** Nobody looks. */
export const nothingObserved: Observation = { signals: false, spans: false };

/** What a sidecar tells: pushed while the daemon asks, dropped and counted where the channel is slow. */
export type Observed =
  | { readonly kind: 'signals'; readonly edges: readonly EdgeSignal[] }
  /** `dropped`: spans that were lost since the last message. */
  | { readonly kind: 'spans'; readonly dropped: number; readonly spans: readonly SpanFacts[] }
  | PolicyReport;

/** What the policies of clusters did since the last message. Told with the signals. */
export interface PolicyReport {
  readonly kind: 'policies';
  readonly endpoints: readonly EndpointChange[];
  readonly overflows: readonly Overflow[];
}

/** An endpoint gets no more traffic from this sidecar, or gets it again. */
export interface EndpointChange {
  /** That it belongs to. */
  readonly service: string;
  /** Workload, or the address of one outside the mesh. */
  readonly endpoint: string;
  /** `ejected`: by outlier detection, `unhealthy`: by health checks. */
  readonly health: 'healthy' | 'ejected' | 'unhealthy';
}

/** Requests and raw TCP connections that a circuit breaker refused. */
export interface Overflow {
  readonly service: string;
  readonly refused: number;
}

/** Most changes of endpoints in one message. */
export const maxChangesPerMessage = 100;

/** Most spans in one message. */
export const maxSpansPerMessage = 128;
/** Longest text in a span, in characters. */
export const maxSpanText = 2_048;

/**
 * One finished exchange of a sampled request. `client`: at the caller's sidecar or at a gateway; `server`: at the sidecar of the app. Facts only: the daemon
 * makes attributes of them. Texts are cut to `maxSpanText`.
 */
export interface SpanFacts {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /** 16 lower-case hex digits. */
  readonly spanId: string;
  readonly parentId: string | null;
  readonly side: 'client' | 'server';
  /** Wall clock, ms since epoch. */
  readonly startMs: number;
  readonly durationMs: number;
  readonly requestId: string;
  readonly method: string;
  /** As sent, secrets in the query masked. */
  readonly target: string;
  /** The path with `{*}` for what looks like an id. */
  readonly path: string;
  readonly authority: string;
  /** `HTTP/1.1`, `HTTP/2`. */
  readonly protocol: string;
  /** 0: no answer. */
  readonly status: number;
  /** `null`: no gRPC call; the empty string: no status came. */
  readonly grpcStatus: string | null;
  /** Response flag; `-`: none. */
  readonly flag: string;
  /** Response code details. */
  readonly details: string;
  readonly userAgent: string;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** Rule that took the request; the empty string: none. */
  readonly rule: string;
  /** Service that was called; the empty string: unknown. */
  readonly to: string;
  /** Workload that was called last; at the server's side the caller's SPIFFE ID. The empty string: unknown. */
  readonly peer: string;
  /** `10.0.0.7:9080`; the empty string: none. */
  readonly peerAddress: string;
  /** Tries in all; 0: it was not sent. */
  readonly attempts: number;
  /** Tries that another one followed. */
  readonly retries: readonly RetriedTry[];
  /** Wait that a rule put before the request, ms. */
  readonly delayMs: number;
  /** On requests of an app that came without trace context while the app served others that had one. */
  readonly lost: LostContext | null;
}

/** A try that failed and was followed by another one. */
export interface RetriedTry {
  /** Wall clock, ms since epoch: when it was over. */
  readonly atMs: number;
  readonly workload: string;
  /** `10.0.0.7:9080` */
  readonly address: string;
  /** Status of the answer, or the name of the failure. */
  readonly outcome: string;
}

/** Where a request may belong that came without trace context. */
export interface LostContext {
  /** Requests that the app was serving at that moment. 0: it was called by nobody, so nothing was lost. */
  readonly open: number;
  /** The one of them, or the oldest. `null` where `open` is 0 or none of them is sampled. */
  readonly traceId: string | null;
  readonly spanId: string | null;
}
