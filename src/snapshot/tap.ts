/** Live requests, for people who watch: what the daemon asks of sidecars, and what they tell. */

/** What is to be told. All conditions have to hold; empty ones ask for nothing. */
export interface TapOrder {
  /** Names the watcher in what is told. */
  readonly id: number;
  /** Whose sidecars tell. Gateways are the source of what they let in. */
  readonly at: 'source' | 'destination' | 'both';
  /** Services; the empty string: any. */
  readonly from: string;
  readonly to: string;
  /** Beginning of the path. */
  readonly path: string;
  readonly method: string;
  /** From and to, both included. Empty: any. */
  readonly statuses: readonly (readonly [number, number])[];
  /** Lower-case names; `null`: the field is there, whatever it says. */
  readonly headers: readonly { readonly name: string; readonly value: string | null }[];
  /** Most bytes that are told of each body; 0: bodies are left alone. */
  readonly bodyBytes: number;
}

/** A sidecar forgets what it was asked when it is not asked again for so long: the daemon may have died. */
export const tapLifeMs = 30_000;
/** Most bytes of a body that are told. */
export const maxTapBodyBytes = 64 * 1024;
/** What one sidecar tells one watcher per second; the rest is counted. */
export const maxTappedPerSecond = 100;
/** Most events in one message. */
export const maxTappedPerMessage = 128;
/** Longest text of others, in characters. */
export const maxTapText = 2_048;
/** Most fields of a head that are told. */
export const maxTapFields = 100;

/** What sidecars tell. `dropped`: what fitted a watcher's order and was not told, since the last message. */
export interface Tapped {
  readonly kind: 'tapped';
  readonly dropped: readonly { readonly id: number; readonly count: number }[];
  readonly events: readonly { readonly ids: readonly number[]; readonly event: TapEvent }[];
}

/** What passed. */
export type TapEvent = TappedExchange | TappedConnection;

/** The two ends, as a sidecar knows them. The empty string: unknown. */
interface TappedEnds {
  readonly side: 'source' | 'destination';
  /** Services. */
  readonly caller: string;
  readonly called: string;
  /** SPIFFE ID of the caller's certificate. */
  readonly principal: string;
  /** `10.0.0.3:51234` */
  readonly remoteAddress: string;
  /** Endpoint that was called last. */
  readonly upstreamAddress: string;
  /** Wall clock, ms since epoch. */
  readonly startMs: number;
  readonly flag: string;
}

/** A request and its answer; secrets in target and heads are masked. */
export interface TappedExchange extends TappedEnds {
  readonly kind: 'exchange';
  readonly durationMs: number;
  readonly protocol: string;
  readonly method: string;
  readonly target: string;
  readonly authority: string;
  /** 0: no answer. */
  readonly status: number;
  /** `null`: no gRPC call. */
  readonly grpcStatus: string | null;
  readonly details: string;
  /** Rule that took it; the empty string: none. */
  readonly rule: string;
  readonly requestId: string;
  /** `null`: it belongs to no trace. */
  readonly traceId: string | null;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly requestHeaders: readonly (readonly [string, string])[];
  /** Of the server's answer; empty where the sidecar answered itself. */
  readonly responseHeaders: readonly (readonly [string, string])[];
  /** `null`: not asked for. */
  readonly requestBody: TappedBody | null;
  readonly responseBody: TappedBody | null;
}

/** The beginning of a body, as it was sent: neither decoded nor masked. */
export interface TappedBody {
  readonly base64: string;
  /** There was more. */
  readonly cut: boolean;
}

/** A raw TCP connection was made, or is over. */
export interface TappedConnection extends TappedEnds {
  readonly kind: 'connection';
  readonly phase: 'opened' | 'closed';
  /** 0 when it opens. */
  readonly durationMs: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
}
