import type { ResponseFlag } from '../../telemetry/response-flag.ts';

/** Everything that keeps an exchange from simply passing through. */
export type Failure =
  | 'bad-request'
  | 'method-not-allowed'
  | 'request-timeout'
  | 'expectation-failed'
  | 'head-too-large'
  | 'version-unsupported'
  | 'access-denied'
  | 'bad-path'
  | 'no-route'
  | 'no-cluster'
  | 'no-healthy-upstream'
  | 'connect-failed'
  | 'connect-timeout'
  | 'overflow'
  | 'overload'
  | 'upstream-closed'
  | 'upstream-reset'
  | 'upstream-refused'
  | 'upstream-protocol'
  | 'upstream-head-too-large'
  | 'timeout'
  | 'per-try-timeout'
  | 'idle-timeout'
  | 'stopping'
  | 'internal';

/** The answer that the client gets and what the log says. */
export interface LocalReply {
  readonly status: number;
  readonly reason: string;
  readonly body: string;
  readonly flag: ResponseFlag;
  /** Envoy's response code details. */
  readonly details: string;
  /** The connection cannot be read any further. */
  readonly close: boolean;
  /** Whole lines for its head (`location: …`). */
  readonly lines?: string;
  /** @default text/plain */
  readonly contentType?: string;
  /** Status for a gRPC client where it is another one than the HTTP status stands for. */
  readonly grpcStatus?: number;
  /** What `x-mesh-reason` tells the client; the empty string: nothing. @default details */
  readonly told?: string;
}

const reset = 'upstream connect error or disconnect/reset before headers. reset reason:';

/** The one table from failure to answer. Statuses, bodies and details are Envoy's, so that what users know holds here. */
export const localReplies: Readonly<Record<Failure, LocalReply>> = {
  'bad-request': reply(400, 'Bad Request', 'Bad Request', 'DPE', 'http1.codec_error', true),
  'method-not-allowed': reply(405, 'Method Not Allowed', '', 'DPE', 'method_not_allowed', true),
  'request-timeout': reply(408, 'Request Timeout', 'request timeout', 'SI', 'request_header_timeout', true),
  'expectation-failed': reply(417, 'Expectation Failed', '', 'DPE', 'expectation_failed', true),
  'head-too-large': reply(431, 'Request Header Fields Too Large', '', 'DPE', 'http1.headers_too_large', true),
  'version-unsupported': reply(505, 'HTTP Version Not Supported', '', 'DPE', 'http1.version_not_supported', true),
  // The log names the rule, the client is not told of any.
  'access-denied': {
    ...reply(403, 'Forbidden', 'RBAC: access denied', '-', 'rbac_access_denied_matched_policy[none]'),
    told: 'rbac_access_denied',
  },
  'bad-path': reply(400, 'Bad Request', '', '-', 'path_normalization_failed'),
  'no-route': reply(404, 'Not Found', '', 'NR', 'route_not_found'),
  'no-cluster': reply(503, 'Service Unavailable', '', 'NC', 'cluster_not_found'),
  'no-healthy-upstream': reply(503, 'Service Unavailable', 'no healthy upstream', 'UH', 'no_healthy_upstream'),
  'connect-failed': upstream(503, `${reset} remote connection failure`, 'UF', 'remote_connection_failure'),
  'connect-timeout': upstream(503, `${reset} connection timeout`, 'UF', 'connection_timeout'),
  overflow: { ...upstream(503, `${reset} overflow`, 'UO', 'overflow'), lines: 'x-envoy-overloaded: true\r\n' },
  overload: { ...reply(503, 'Service Unavailable', 'overloaded', 'UO', 'overload'), lines: 'x-envoy-overloaded: true\r\n' },
  'upstream-closed': upstream(503, `${reset} connection termination`, 'UC', 'connection_termination'),
  'upstream-reset': upstream(503, `${reset} connection termination`, 'UC', 'connection_termination'),
  'upstream-refused': upstream(503, `${reset} remote refused stream reset`, 'UC', 'remote_refused_stream_reset'),
  'upstream-protocol': upstream(502, `${reset} protocol error`, 'UPE', 'protocol_error'),
  'upstream-head-too-large': upstream(502, `${reset} protocol error`, 'UPE', 'upstream_header_too_large'),
  timeout: reply(504, 'Gateway Timeout', 'upstream request timeout', 'UT', 'upstream_response_timeout'),
  'per-try-timeout': reply(504, 'Gateway Timeout', 'upstream request timeout', 'UT', 'upstream_per_try_timeout'),
  'idle-timeout': reply(504, 'Gateway Timeout', 'stream timeout', 'SI', 'stream_idle_timeout'),
  stopping: reply(503, 'Service Unavailable', 'the sidecar stops', 'UC', 'drain_time_over'),
  internal: reply(500, 'Internal Server Error', '', '-', 'internal_error', true),
};

function reply(status: number, reason: string, body: string, flag: ResponseFlag, details: string, close = false): LocalReply {
  return { status, reason, body, flag, details, close };
}

function upstream(status: 502 | 503, body: string, flag: ResponseFlag, cause: string): LocalReply {
  const reason = status === 502 ? 'Bad Gateway' : 'Service Unavailable';
  return reply(status, reason, body, flag, `upstream_reset_before_response_started{${cause}}`);
}

/** The failure for a negative result of reading a request. */
export function refusal(result: number): Failure {
  switch (result) {
    case -405:
      return 'method-not-allowed';
    case -417:
      return 'expectation-failed';
    case -431:
      return 'head-too-large';
    case -505:
      return 'version-unsupported';
    default:
      return 'bad-request';
  }
}

/** The line that tells the client why it was not its server that answered. */
export function reasonLine({ told, details }: LocalReply): string {
  const reason = told ?? details;
  return reason === '' ? '' : `x-mesh-reason: ${reason}\r\n`;
}

/** The whole answer as HTTP/1 text (latin1). `bodiless`: to a HEAD request. `extra`: whole lines. */
export function replyText(answer: LocalReply, bodiless: boolean, extra: string): string {
  const { status, reason, contentType, lines = '' } = answer;
  const empty = status === 204 || status === 304;
  const body = empty ? '' : latin1(answer.body);
  const type = body === '' && contentType === undefined ? '' : `Content-Type: ${contentType ?? 'text/plain'}\r\n`;
  const length = empty ? '' : `Content-Length: ${body.length}\r\n`;
  return `HTTP/1.1 ${status} ${reason}\r\n${length}${type}${reasonLine(answer)}${lines}${extra}\r\n${bodiless ? '' : body}`;
}

/** The UTF-8 bytes of a text as latin1, which is what is written. */
function latin1(text: string): string {
  return Buffer.byteLength(text) === text.length ? text : Buffer.from(text).toString('latin1');
}
