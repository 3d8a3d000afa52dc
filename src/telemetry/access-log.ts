/** Access log lines in Istio's format. @see https://istio.io/latest/docs/tasks/observability/logs/access-log/ */
import type { AccessField } from '../text/access-filter.ts';
import { escapeCharacter, jsonText, unsafeCharacters } from '../text/escape.ts';
import { maskTarget } from './mask.ts';
import type { ResponseFlag } from './response-flag.ts';

/** The facts of one finished exchange or connection. The empty string is "not known" and is written as `-`. */
export interface AccessEntry {
  /** Milliseconds since the epoch. */
  readonly startMs: number;
  readonly method: string;
  readonly path: string;
  readonly protocol: string;
  /** 0 where no answer was sent. */
  readonly status: number;
  readonly flag: ResponseFlag;
  readonly details: string;
  readonly transportFailure: string;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly durationMs: number;
  readonly upstreamServiceTime: string;
  readonly forwardedFor: string;
  readonly userAgent: string;
  readonly requestId: string;
  readonly authority: string;
  readonly upstreamHost: string;
  readonly upstreamCluster: string;
  readonly upstreamLocalAddress: string;
  readonly downstreamLocalAddress: string;
  readonly downstreamRemoteAddress: string;
  readonly serverName: string;
  readonly routeName: string;
  /** SPIFFE ID of the client's certificate. JSON only: Istio's text has no place for it. */
  readonly peer: string;
  /** Service that called. JSON only, as the next one. */
  readonly caller: string;
  /** Service that was called. */
  readonly called: string;
}

/** Reads what a filter of the access log asks. */
export function accessValue(e: AccessEntry, field: AccessField): string | number {
  switch (field) {
    case 'status':
      return e.status;
    case 'duration':
      return e.durationMs;
    case 'received':
      return e.bytesReceived;
    case 'sent':
      return e.bytesSent;
    case 'method':
      return e.method;
    case 'path':
      return e.path;
    case 'host':
      return e.authority;
    case 'protocol':
      return e.protocol;
    case 'caller':
      return e.caller;
    case 'called':
      return e.called;
    case 'route':
      return e.routeName;
    case 'flag':
      return e.flag === '-' ? '' : e.flag;
    case 'details':
      return e.details;
    case 'agent':
      return e.userAgent;
    case 'id':
      return e.requestId;
  }
}

/** One line of Istio's default text format, without the newline. */
export function accessText(e: AccessEntry): string {
  const text = isPlain(e) ? orDash : escapedOrDash;
  return (
    `[${time(e.startMs)}] "${text(e.method)} ${text(maskTarget(e.path))} ${text(e.protocol)}" ${e.status} ${e.flag} ${text(e.details)} - ` +
    `"${text(e.transportFailure)}" ${e.bytesReceived} ${e.bytesSent} ${Math.round(e.durationMs)} ${text(e.upstreamServiceTime)} ` +
    `"${text(e.forwardedFor)}" "${text(e.userAgent)}" "${text(e.requestId)}" "${text(e.authority)}" "${text(e.upstreamHost)}" ` +
    `${text(e.upstreamCluster)} ${text(e.upstreamLocalAddress)} ${text(e.downstreamLocalAddress)} ${text(e.downstreamRemoteAddress)} ` +
    `${text(e.serverName)} ${text(e.routeName)}`
  );
}

const orDash = (value: string): string => (value === '' ? '-' : value);

/** The same facts as one JSON object with Istio's keys. */
export function accessJson(e: AccessEntry): string {
  return isPlain(e) ? plainJson(e) : escapedJson(e);
}

/** Whether there is nothing that JSON, quotes or a terminal would not take as it is. So it is with nearly all lines: one look at all of it saves one at each. */
function isPlain(e: AccessEntry): boolean {
  const foreign =
    e.method + e.path + e.protocol + e.details + e.transportFailure + e.upstreamServiceTime + e.forwardedFor + e.userAgent;
  return plain.test(foreign + e.requestId + e.authority + e.upstreamCluster + e.serverName + e.routeName);
}

/** Visible ASCII but for quotes and backslashes. */
const plain = /^[ !#-[\]-~]*$/;
const foreign = new RegExp(`["\\\\${unsafeCharacters}]`, 'g');

/** Nothing has to be escaped, as in nearly all lines: put together without JSON.stringify, which is dearer. */
function plainJson(e: AccessEntry): string {
  return (
    `{"start_time":"${time(e.startMs)}","method":${quoted(e.method)},"path":${quoted(maskTarget(e.path))},"protocol":${quoted(e.protocol)},` +
    `"response_code":${e.status},"response_flags":"${e.flag}","response_code_details":${quoted(e.details)},` +
    `"connection_termination_details":null,"upstream_transport_failure_reason":${quoted(e.transportFailure)},` +
    `"bytes_received":${e.bytesReceived},"bytes_sent":${e.bytesSent},"duration":${Math.round(e.durationMs)},` +
    `"upstream_service_time":${quoted(e.upstreamServiceTime)},"x_forwarded_for":${quoted(e.forwardedFor)},` +
    `"user_agent":${quoted(e.userAgent)},"request_id":${quoted(e.requestId)},"authority":${quoted(e.authority)},` +
    `"upstream_host":${quoted(e.upstreamHost)},"upstream_cluster":${quoted(e.upstreamCluster)},` +
    `"upstream_local_address":${quoted(e.upstreamLocalAddress)},"downstream_local_address":${quoted(e.downstreamLocalAddress)},` +
    `"downstream_remote_address":${quoted(e.downstreamRemoteAddress)},"requested_server_name":${quoted(e.serverName)},` +
    `"route_name":${quoted(e.routeName)},"downstream_peer_uri_san":${quoted(e.peer)},` +
    `"source_service":${quoted(e.caller)},"destination_service":${quoted(e.called)}}`
  );
}

const quoted = (value: string): string => (value === '' ? 'null' : `"${value}"`);

let secondMs = Number.NaN;
/** Up to the milliseconds. */
let secondText = '';

/** ISO 8601 in UTC. Many lines begin within one second. */
function time(ms: number): string {
  const begun = Math.floor(ms / 1000) * 1000;
  if (begun !== secondMs) {
    secondMs = begun;
    secondText = new Date(begun).toISOString().slice(0, -4);
  }
  const millis = Math.floor(ms) - begun;
  return `${secondText}${millis < 10 ? '00' : millis < 100 ? '0' : ''}${millis}Z`;
}

function escapedJson(e: AccessEntry): string {
  return jsonText({
    start_time: time(e.startMs),
    method: known(e.method),
    path: known(maskTarget(e.path)),
    protocol: known(e.protocol),
    response_code: e.status,
    response_flags: e.flag,
    response_code_details: known(e.details),
    connection_termination_details: null,
    upstream_transport_failure_reason: known(e.transportFailure),
    bytes_received: e.bytesReceived,
    bytes_sent: e.bytesSent,
    duration: Math.round(e.durationMs),
    upstream_service_time: known(e.upstreamServiceTime),
    x_forwarded_for: known(e.forwardedFor),
    user_agent: known(e.userAgent),
    request_id: known(e.requestId),
    authority: known(e.authority),
    upstream_host: known(e.upstreamHost),
    upstream_cluster: known(e.upstreamCluster),
    upstream_local_address: known(e.upstreamLocalAddress),
    downstream_local_address: known(e.downstreamLocalAddress),
    downstream_remote_address: known(e.downstreamRemoteAddress),
    requested_server_name: known(e.serverName),
    route_name: known(e.routeName),
    downstream_peer_uri_san: known(e.peer),
    source_service: known(e.caller),
    destination_service: known(e.called),
  });
}

const known = (value: string): string | null => (value === '' ? null : value);

/** What a client sends ends in a terminal: what steers it, quotes and backslashes are written as escapes. */
function escapedOrDash(value: string): string {
  return value === '' ? '-' : value.replace(foreign, escapeCharacter);
}
