/** What a sidecar sends, checked: a sidecar shares its pod with an app and is not trusted further than its own workload. */
import type { AppState, SvidReport, ToDaemon } from '../snapshot/channel.ts';
import { type EdgeSignal, maxEdgesPerMessage, type Party, type RuleSignal } from '../snapshot/edge-signal.ts';
import {
  type EndpointChange,
  type LostContext,
  maxChangesPerMessage,
  maxSpanText,
  type Overflow,
  type RetriedTry,
  type SpanFacts,
} from '../snapshot/observation.ts';
import { unpacked } from '../snapshot/packed-span.ts';
import {
  few,
  flag,
  ms,
  nullable,
  object,
  oneOf,
  type Shape,
  SnapshotError,
  short,
  tagged,
  text,
  whole,
} from '../snapshot/shape.ts';
import { ControlError } from './control-error.ts';
import { tappedFields } from './tapped-shape.ts';

const appFields = { port: whole(1, 65535), listening: flag };
/** Of a root: SHA-256. */
const fingerprint = text(/^[0-9a-f]{64}$/, 'a fingerprint');
const svid = object<SvidReport>({
  serialNumber: text(/^[0-9a-f]{1,64}$/, 'a serial number'),
  root: fingerprint,
  sinceMs: ms,
  expiresAtMs: ms,
});
const version = text(/^[0-9A-Za-z._-]{1,64}$/, 'a version');

/** What came from a stranger's request: a sidecar cuts it, so a longer one is none of ours. */
const cut = short(maxSpanText);
/** What goes into errors: long ones are cut. */
const reason: Shape<string> = (value, path) => text()(value, path).slice(0, maxSpanText);
/** A request to sign has some 500. */
const maxPem = 16 * 1024;
/** Of one message, where sidecars keep no limit of their own. */
const maxItems = 4_096;
const maxPorts = 65_535;
const traceId = text(/^[0-9a-f]{32}$/, 'a trace id');
const spanId = text(/^[0-9a-f]{16}$/, 'a span id');
const span: { readonly [K in keyof SpanFacts]: Shape<SpanFacts[K]> } = {
  traceId,
  spanId,
  parentId: nullable(spanId),
  side: oneOf('client', 'server'),
  startMs: ms,
  durationMs: ms,
  requestId: cut,
  method: cut,
  target: cut,
  path: cut,
  authority: cut,
  protocol: cut,
  status: whole(0, 999),
  grpcStatus: nullable(cut),
  flag: cut,
  details: cut,
  userAgent: cut,
  bytesReceived: whole(0),
  bytesSent: whole(0),
  rule: cut,
  to: cut,
  peer: cut,
  peerAddress: cut,
  attempts: whole(0),
  retries: few(maxItems, object<RetriedTry>({ atMs: ms, workload: cut, address: cut, outcome: cut })),
  delayMs: ms,
  lost: nullable(object<LostContext>({ open: whole(0), traceId: nullable(traceId), spanId: nullable(spanId) })),
};

const party = object<Party>({ service: cut, version: cut, workload: cut, principal: cut });
const edgeSignal = object<EdgeSignal>({
  reporter: oneOf('source', 'destination'),
  source: party,
  destination: party,
  protocol: oneOf('http', 'grpc', 'tcp'),
  secured: nullable(flag),
  requests: whole(0),
  failures: whole(0),
  clientErrors: whole(0),
  denied: whole(0),
  durations: few(maxItems, whole(0)),
  bytesIn: whole(0),
  bytesOut: whole(0),
  open: whole(0),
  rules: few(maxItems, object<RuleSignal>({ name: cut, hits: whole(0), failures: whole(0) })),
});

const message = tagged<ToDaemon>({
  hello: {
    protocol: whole(0),
    workload: text(),
    version: nullable(version),
    svidExpiresAtMs: nullable(ms),
    apps: few(maxPorts, object<AppState>(appFields)),
  },
  csr: { pem: short(maxPem) },
  identity: { nowMs: ms, svid: nullable(svid), roots: few(maxItems, fingerprint), problem: nullable(reason) },
  ack: { version },
  nack: { version, reason },
  pong: { id: whole(0) },
  reply: { id: whole(0), body: value => value },
  app: { ...appFields },
  scrape: {},
  signals: { edges: few(maxEdgesPerMessage, edgeSignal) },
  spans: { dropped: whole(0), spans: unpacked(span) },
  policies: {
    endpoints: few(
      maxChangesPerMessage,
      object<EndpointChange>({ service: cut, endpoint: cut, health: oneOf('healthy', 'ejected', 'unhealthy') }),
    ),
    overflows: few(maxItems, object<Overflow>({ service: cut, refused: whole(1) })),
  },
  tapped: tappedFields,
});

/** Reads a message. @throws ControlError `protocol` */
export function decodeToDaemon(value: unknown): ToDaemon {
  try {
    return message(value, '');
  } catch (error) {
    if (error instanceof SnapshotError) throw new ControlError('protocol', `message from the sidecar: ${error.message}`);
    throw error;
  }
}
