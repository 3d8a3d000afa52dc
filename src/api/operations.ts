/**
 * Every operation of the admin API: what it takes and what it answers. The one place where they stand: the compiler checks the server
 * (routes.ts) against it, and schema/openapi.json is made of it, sentences included.
 */
import type { ExplainRequest } from '../snapshot/explanation.ts';
import type { ScrapeTargets } from '../snapshot/scrape-targets.ts';
import type { AccessCheckDocument, AccessMatrixDocument, SeenCallsDocument } from './access.ts';
import type { CaDocument, PersonCertificate, PersonRequest, RotationStep } from './ca.ts';
import type { DashboardDocument } from './dashboard.ts';
import type { FaultRequest, FaultStatus, FaultsDocument } from './fault.ts';
import type { GraphDocument, RoutesDocument, StatsDocument, StatsRequest } from './stats.ts';
import type { TapLine, TapRequest } from './tap.ts';
import type { BrokenPropagationDocument, TraceDocument, TraceFilter, TraceSummary, TracesDocument } from './trace.ts';
import type {
  apiVersion,
  ConfigDocument,
  EventsFrom,
  ExplanationDocument,
  MeshEvent,
  PlanDocument,
  ProxyQuery,
  ReloadResult,
  StatusDocument,
} from './types.ts';

/** `METHOD /path` → what the operation is. `answer` is one JSON document, `stream` one a line or event, `text` is text. */
export interface Operations {
  /** Answered at once, also while the daemon is still being put together. */
  'GET /v1/ping': { readonly id: 'ping'; readonly answer: Readonly<Record<string, never>> };
  /** This document. */
  'GET /v1/openapi.json': { readonly id: 'openapi'; readonly answer: Readonly<Record<string, unknown>> };
  /** What runs, and how it is. */
  'GET /v1/status': { readonly id: 'status'; readonly answer: StatusDocument };
  /** What would be done now; empty when desired equals observed. */
  'GET /v1/plan': { readonly id: 'plan'; readonly answer: PlanDocument };
  /** The configuration in force, resolved. */
  'GET /v1/config': { readonly id: 'config'; readonly answer: ConfigDocument };
  /** What happened, and then what happens. */
  'GET /v1/events': {
    readonly id: 'events';
    readonly query: EventsQuery;
    readonly header: {
      /** As `after`, which it overrides: a browser that comes back sends it. */ readonly 'Last-Event-ID'?: number;
    };
    readonly stream: MeshEvent;
  };
  /** A sidecar's own answer: its configuration, its metrics as text, or its state. The form may change with every version. */
  'GET /v1/proxy': {
    readonly id: 'query';
    readonly query: { readonly workload: string /** @default config */; readonly what?: ProxyQuery };
    readonly answer: unknown;
    readonly errors: 'unknown-workload' | 'unknown-query';
  };
  /** Reads the files again now. */
  'POST /v1/reload': { readonly id: 'reload'; readonly answer: ReloadResult };
  /** Ends the daemon; containers are stopped first when asked for. */
  'POST /v1/stop': { readonly id: 'stop'; readonly body: { readonly containers?: boolean }; readonly answer: StoppedDocument };
  /** Removes all that the project made, then ends the daemon. It goes on when the reader is gone. */
  'POST /v1/down': { readonly id: 'down'; readonly body: { readonly volumes?: boolean }; readonly stream: DownLine };
  /** What the sidecar of a service or gateway, or a workload, would do with a request. */
  'POST /v1/explain': {
    readonly id: 'explain';
    readonly body: ExplainBody;
    readonly answer: ExplanationDocument;
    readonly errors: 'bad-request' | 'unknown-workload' | 'no-config';
  };
  /** Who may call whom by the rules in force. */
  'GET /v1/access': { readonly id: 'accessMatrix'; readonly answer: AccessMatrixDocument };
  /** All calls seen since the watch began, again every second for so long, and once more at the end. The first question begins the watch. */
  'GET /v1/access/calls': {
    readonly id: 'seenCalls';
    readonly query: { /** 0: one answer. */ readonly forMs?: number };
    readonly stream: SeenCallsDocument;
  };
  /** Whether a request would be let in where it leads. */
  'POST /v1/access/check': {
    readonly id: 'checkAccess';
    readonly body: ExplainBody;
    readonly answer: AccessCheckDocument;
    readonly errors: 'bad-request' | 'unknown-workload' | 'no-config';
  };
  /** Golden signals of services and edges. Seconds are kept for 15 minutes, minutes for 24 hours. */
  'GET /v1/stats': {
    readonly id: 'stats';
    readonly query: StatsParameters;
    readonly answer: StatsDocument;
    readonly errors: 'bad-stats-query';
  };
  /** The same every second; the next one is made when this one was taken. */
  'GET /v1/stats/live': {
    readonly id: 'watchStats';
    readonly query: StatsParameters;
    readonly stream: StatsDocument;
    readonly errors: 'bad-stats-query';
  };
  /** Who calls whom, as nodes and edges. */
  'GET /v1/graph': {
    readonly id: 'graph';
    readonly query: StatsParameters;
    readonly answer: GraphDocument;
    readonly errors: 'bad-stats-query';
  };
  /** What each rule took. */
  'GET /v1/routes': {
    readonly id: 'routes';
    readonly query: StatsParameters;
    readonly answer: RoutesDocument;
    readonly errors: 'bad-stats-query';
  };
  /** The last traces, the newest first. */
  'GET /v1/traces': {
    readonly id: 'traces';
    readonly query: TraceFilter;
    readonly answer: TracesDocument;
    readonly errors: 'bad-filter';
  };
  /** Traces from now on, each when nothing was heard of it for a second. */
  'GET /v1/traces/live': {
    readonly id: 'watchTraces';
    readonly query: Omit<TraceFilter, 'limit'>;
    readonly stream: TraceSummary;
    readonly errors: 'bad-filter';
  };
  /** Services that call on without the trace context that they were given. */
  'GET /v1/traces/broken': { readonly id: 'brokenPropagation'; readonly answer: BrokenPropagationDocument };
  /** One trace, by its id, the beginning of that, or a request id. */
  'GET /v1/traces/{id}': {
    readonly id: 'trace';
    readonly path: { readonly id: string };
    readonly answer: TraceDocument;
    readonly errors: 'unknown-trace' | 'ambiguous-trace';
  };
  /** Live requests. */
  'GET /v1/tap': {
    readonly id: 'tap';
    readonly query: TapParameters;
    readonly stream: TapLine;
    readonly errors: 'bad-tap' | 'unknown-service' | 'too-many-taps';
  };
  /** A link to the dashboard; opens the API on loopback where it is not open. */
  'POST /v1/dashboard': {
    readonly id: 'openDashboard';
    readonly body: {
      /** 0: any free one. Absent or `null`: the usual one. Counts only where the API is not open on loopback. */
      readonly port?: number | null;
    };
    readonly answer: DashboardDocument;
    readonly errors: 'port-taken' | 'no-dashboard';
  };
  /** Roots, and who has which certificate. */
  'GET /v1/ca': { readonly id: 'ca'; readonly answer: CaDocument };
  /** Changes the root, or joins a change under way; ends with it. */
  'POST /v1/ca/rotate': { readonly id: 'rotateCa'; readonly stream: RotationStep; readonly errors: 'pki' };
  /** A certificate for a person or a test. */
  'POST /v1/ca/issue': {
    readonly id: 'issuePerson';
    readonly body: PersonRequest;
    readonly answer: PersonCertificate;
    readonly errors: 'bad-person';
  };
  /** Faults put on the running mesh. */
  'GET /v1/faults': { readonly id: 'faults'; readonly answer: FaultsDocument };
  /** Puts one there; answered when the sidecars act on it. */
  'POST /v1/faults': {
    readonly id: 'addFault';
    readonly body: FaultBody;
    readonly answer: FaultStatus;
    readonly errors: 'bad-fault' | 'unknown-service' | 'unknown-route' | 'http-on-tcp' | 'too-many-faults';
  };
  /** Takes some away; answered when the sidecars act on it, with those that stay. */
  'POST /v1/faults/remove': {
    readonly id: 'removeFaults';
    readonly body: { readonly ids: readonly string[] | 'all' };
    readonly answer: FaultsDocument;
    readonly errors: 'bad-fault' | 'unknown-fault';
  };
  /** Sidecars for Prometheus' HTTP service discovery, in its words. */
  'GET /v1/prometheus/targets': { readonly id: 'prometheusTargets'; readonly answer: readonly ScrapeTargets[] };
  /** Text exposition: the daemon's own metrics, then those of all sidecars. */
  'GET /metrics': { readonly id: 'metrics'; readonly text: string; readonly errors: 'too-many-scrapes' };
}

/** Only over TCP: how a browser shows who it is. */
export interface WebOperations {
  /** Logs a browser in: sets a cookie that no script can read, and answers the proof to send with it. */
  'POST /v1/session': {
    readonly id: 'login';
    readonly body: { readonly token: string } | { readonly code: string };
    readonly answer: SessionDocument;
    readonly errors: 'unauthorized';
  };
  /** Logs it out. */
  'DELETE /v1/session': { readonly id: 'logout'; readonly answer: { readonly kind: 'SessionEnded' } };
  /** A code that opens one session within a minute: for a link that a terminal shows. */
  'POST /v1/login-code': {
    readonly id: 'loginCode';
    readonly answer: { readonly kind: 'LoginCode'; readonly code: string };
  };
}

/** Which events. */
export interface EventsQuery {
  /** Only those with a higher number; `run`: only those since the daemon began. @default 0 */
  readonly after?: EventsFrom;
  /** `false`: ends with what has happened. @default true */
  readonly follow?: boolean;
}

/** A stretch of time, and of whom. */
export type StatsParameters = Omit<StatsRequest, 'services'> & {
  /** Only edges from or to this; may be there several times. */
  readonly service?: readonly string[];
};

/** Which live requests. */
export type TapParameters = Partial<Omit<TapRequest, 'statuses' | 'headers'>> & {
  /** `404`, `5xx`, `400-499`; may be there several times. */
  readonly status?: readonly string[];
  /** `name: value`, or a name that has to be there; may be there several times. */
  readonly header?: readonly string[];
};

/** Who calls, and what. */
export type ExplainBody = Omit<ExplainRequest, 'headers'> &
  Partial<Pick<ExplainRequest, 'headers'>> & {
    /** Service, gateway or workload. */
    readonly from: string;
  };

/** A fault to put on calls to a service. */
export type FaultBody = Pick<FaultRequest, 'service' | 'fault'> & Partial<Pick<FaultRequest, 'route' | 'forMs'>>;

/** A line of `POST /v1/down`; `end`: all is removed. */
export type DownLine = { readonly kind: 'line'; readonly text: string } | { readonly kind: 'end' };

/** The answer of `POST /v1/stop`. */
export interface StoppedDocument {
  readonly apiVersion: typeof apiVersion;
  readonly kind: 'Stopped';
}

/** The answer of `POST /v1/session`. */
export interface SessionDocument {
  readonly kind: 'Session';
  /** To be sent as `x-mesh-proof`, with the cookie. */
  readonly proof: string;
  readonly maxAgeSeconds: number;
}
