/**
 * Control channel messages. Transport: TLS 1.3 on port 15012 of the pod; the sidecar is the TLS server, the daemon dials.
 * Frames: 4 bytes big-endian length, then that many bytes of UTF-8 JSON (one message). Frames over `maxFrameBytes` end the channel.
 *
 * How the two know each other without a secret in env, inspect, layers or logs:
 * - the sidecar makes a fresh P-256 key and self-signed certificate at start and prints `controlKeyLine` with the SHA-256 of its
 *   SubjectPublicKeyInfo on stdout (again at most every 5 s when somebody connects). Only that container can write its own log, so the daemon, which
 *   reads the log through the engine, knows the key it must see in the handshake;
 * - the daemon presents an SVID `spiffe://<trust domain>/mesh/daemon`, signed by the mesh CA, whose root (public) certificate
 *   the sidecar got in its environment (`MESH_TRUST_BUNDLE`, base64 of PEM). Once the daemon has told it of other roots, only they count.
 *   No other identity is accepted.
 */

import type { ExplainRequest } from './explanation.ts';
import type { JudgedCall } from './judgement.ts';
import type { Observation, Observed } from './observation.ts';
import type { Snapshot } from './snapshot.ts';
import type { TapOrder, Tapped } from './tap.ts';

/** Raised when a message changes its meaning; both ends refuse another one. */
export const protocolVersion = 1;
/** A larger frame means a broken or hostile peer; 32 MiB holds a snapshot for some ten thousand endpoints. */
export const maxFrameBytes = 32 * 1024 * 1024;
/** Followed by 64 lower-case hex digits: the SHA-256 of the control key's SubjectPublicKeyInfo in DER. */
export const controlKeyPrefix = 'mesh-control-key sha256:';
/** Environment variables of a sidecar container, all public facts. */
export const sidecarEnv = {
  workload: 'MESH_WORKLOAD',
  service: 'MESH_SERVICE',
  kind: 'MESH_KIND',
  trustDomain: 'MESH_TRUST_DOMAIN',
  /** SPIFFE ID that the sidecar asks for, and takes no other. */
  identity: 'MESH_IDENTITY',
  trustBundle: 'MESH_TRUST_BUNDLE',
} as const;

/** What the daemon sends. */
export type ToSidecar =
  | { readonly kind: 'hello'; readonly protocol: number; readonly daemonVersion: string }
  | { readonly kind: 'snapshot'; readonly snapshot: Snapshot }
  /** Answer to `csr`. `chainPem`: leaf first. `bundlePem`: all trusted roots. */
  | { readonly kind: 'svid'; readonly chainPem: string; readonly bundlePem: string }
  /** These roots are trusted from now on, and no others. Answered with `identity`. */
  | { readonly kind: 'roots'; readonly bundlePem: string }
  /** Ask for another SVID now: the root or its life has changed. */
  | { readonly kind: 'renew' }
  | Certificate
  | { readonly kind: 'ping'; readonly id: number }
  | { readonly kind: 'query'; readonly id: number; readonly what: QueryKind }
  /** Answered with `reply`, whose body is an `Explanation`. */
  | { readonly kind: 'explain'; readonly id: number; readonly request: ExplainRequest }
  /** Answered with `reply`, whose body is a `Judgement`. */
  | { readonly kind: 'judge'; readonly id: number; readonly call: JudgedCall }
  /** Tell this of the traffic from now on, and nothing else. Sent after every hello, and on change. */
  | { readonly kind: 'observe'; readonly observation: Observation }
  /** Tell these watchers of live requests, instead of those before; said again while they watch. */
  | { readonly kind: 'tap'; readonly orders: readonly TapOrder[] }
  /** Look at the app's ports now and say `app` for every one of them, changed or not: the daemon no longer trusts what it knew. */
  | { readonly kind: 'probe' }
  /** Answer to `scrape`: text exposition. */
  | { readonly kind: 'daemon-metrics'; readonly text: string }
  /** Stop accepting, finish in-flight exchanges, then exit 0. */
  | { readonly kind: 'drain'; readonly graceMs: number };

/** `config`: the running snapshot; `stats`: counters as text exposition; `exposition`: the same as `PackedFamily[]`; `state`: certificates, listeners, pools; `calls`: who called what (`ObservedCalls`), which is noted from the first question on. */
export type QueryKind = 'config' | 'stats' | 'exposition' | 'state' | 'calls';

/** A gateway's certificate with its private key, held in memory only. Sent before the first snapshot that names it, again on every hello, and when it changes. */
export interface Certificate {
  readonly kind: 'certificate';
  /** As in `GatewayTls.certificates`. */
  readonly name: string;
  /** Leaf first. */
  readonly chainPem: string;
  readonly keyPem: string;
}

/** What `state` says of a cluster: how its endpoints stand with this sidecar, and what is under way. */
export interface ClusterReport {
  readonly name: string;
  readonly requests: number;
  readonly connections: number;
  /** Requests that wait for a connection. */
  readonly pending: number;
  readonly retries: number;
  readonly endpoints: readonly EndpointReport[];
}

/** One endpoint as a sidecar sees it. */
export interface EndpointReport {
  readonly workload: string;
  /** `10.0.0.7:9080` */
  readonly address: string;
  /** Exchanges and connections in progress. */
  readonly active: number;
  /** `ejected`: by outlier detection, `unhealthy`: by health checks; neither gets traffic unless too many are so. */
  readonly health: 'healthy' | 'ejected' | 'unhealthy';
}

/** What a sidecar sends. */
export type ToDaemon =
  | {
      readonly kind: 'hello';
      readonly protocol: number;
      readonly workload: string;
      /** Version of the running snapshot, `null` before the first one. The daemon skips a push of an equal version. */
      readonly version: string | null;
      /** Expiry of the SVID in use, ms since epoch; `null` before the first one. */
      readonly svidExpiresAtMs: number | null;
      readonly apps: readonly AppState[];
    }
  | { readonly kind: 'csr'; readonly pem: string }
  /** After every hello, and after every change. */
  | ({ readonly kind: 'identity' } & IdentityReport)
  | { readonly kind: 'ack'; readonly version: string }
  | { readonly kind: 'nack'; readonly version: string; readonly reason: string }
  | { readonly kind: 'pong'; readonly id: number }
  | { readonly kind: 'reply'; readonly id: number; readonly body: unknown }
  /** A port of the app began or stopped to accept connections (probed on loopback until it does). */
  | ({ readonly kind: 'app' } & AppState)
  /** The app, a scraper, wants the daemon's own metrics. Answered with `daemon-metrics`; nobody else is. */
  | { readonly kind: 'scrape' }
  | Observed
  | Tapped;

/** What a sidecar says of its identity. */
export interface IdentityReport {
  /** Its wall clock, ms since epoch. */
  readonly nowMs: number;
  /** The one in use. */
  readonly svid: SvidReport | null;
  /** Fingerprints of the roots that it trusts, sorted; empty before the first SVID. */
  readonly roots: readonly string[];
  /** Why it refused what it was sent last; `null`: it did not. */
  readonly problem: string | null;
}

/** An SVID in use. */
export interface SvidReport {
  /** Lower-case hex. */
  readonly serialNumber: string;
  /** Fingerprint of the root that it comes from. */
  readonly root: string;
  /** When the sidecar took it, ms since epoch. */
  readonly sinceMs: number;
  /** Ms since epoch. */
  readonly expiresAtMs: number;
}

/** Whether the app accepts connections on a port. */
export interface AppState {
  readonly port: number;
  readonly listening: boolean;
}
