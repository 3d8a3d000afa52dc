/** Traces as the API tells them. */

/** One hop of a request as one of its two sidecars saw it, in the attributes of OpenTelemetry's conventions for HTTP. */
export interface SpanDocument {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /** 16 lower-case hex digits. */
  readonly spanId: string;
  readonly parentId: string | null;
  /** `client`: at the caller's sidecar, or at a gateway; `server`: at that of the app. */
  readonly kind: 'client' | 'server';
  readonly name: string;
  /** Ms since epoch. */
  readonly startMs: number;
  readonly durationMs: number;
  readonly service: string;
  readonly workload: string;
  /** Version of the service, or the empty string. */
  readonly version: string;
  /** Service that was called; at the server's side the caller's SPIFFE ID. The empty string: unknown. */
  readonly peer: string;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly events: readonly SpanEvent[];
  readonly error: boolean;
}

/** Something that happened within a span: a try that another one followed. */
export interface SpanEvent {
  readonly atMs: number;
  readonly name: string;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
}

/** A trace on one line. */
export interface TraceSummary {
  readonly traceId: string;
  readonly requestId: string;
  readonly startMs: number;
  /** From the first span's start to the last one's end. */
  readonly durationMs: number;
  /** Where it begins. */
  readonly service: string;
  /** `GET /productpage` */
  readonly name: string;
  /** What the first caller got; 0: no answer. */
  readonly status: number;
  /** All that took part: where it begins, then in order of their first span. */
  readonly services: readonly string[];
  readonly spans: number;
  /** Spans that failed. */
  readonly errors: number;
  /** It begins in the middle of another one, as far as can be told. */
  readonly broken: boolean;
}

/** The answer of `mesh traces --json`: the newest first. */
export interface TracesDocument {
  readonly apiVersion: 1;
  readonly kind: 'Traces';
  readonly traces: readonly TraceSummary[];
  /** Traces that are kept in all. */
  readonly kept: number;
  /** Spans that were lost on their way since the daemon began. */
  readonly dropped: number;
}

/** The answer of `mesh trace --json`. */
export interface TraceDocument extends TraceSummary {
  readonly apiVersion: 1;
  readonly kind: 'Trace';
  /** In order of their start; what a tree needs is in `parentId`. */
  readonly hops: readonly SpanDocument[];
  /** What a reader should know: where the trace is torn. */
  readonly notes: readonly string[];
}

/** A service that was seen to call on without the trace context that it was given. */
export interface BrokenPropagation {
  readonly service: string;
  readonly to: string;
  /** `does`: several times, while it served nothing else; `may`: it served other requests too, or calls so by itself as well. */
  readonly verdict: 'does' | 'may';
  /** Calls without context while it served one request. */
  readonly alone: number;
  /** … while it served several. */
  readonly among: number;
  /** … while it served none: such calls belong to nobody. */
  readonly idle: number;
  /** Calls with context. */
  readonly kept: number;
  /** The last such call. */
  readonly evidence: {
    readonly atMs: number;
    readonly workload: string;
    /** `GET /ratings/1` */
    readonly call: string;
    /** The trace that the call began. */
    readonly callTraceId: string;
    /** The trace that it should be part of; `null`: which one cannot be told. */
    readonly traceId: string | null;
  };
}

/** The answer of `mesh traces --broken --json`. */
export interface BrokenPropagationDocument {
  readonly apiVersion: 1;
  readonly kind: 'BrokenPropagation';
  readonly services: readonly BrokenPropagation[];
}

/** Which traces are asked for. */
export interface TraceFilter {
  /** One that takes part. */
  readonly service?: string;
  /** `500`, `5xx`, or `error` for every trace with a span that failed. */
  readonly status?: string;
  readonly minMs?: number;
  /** Only those that begin in the middle of another one. */
  readonly broken?: boolean;
  /** @default 20 */
  readonly limit?: number;
}
