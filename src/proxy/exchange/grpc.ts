import { field } from '../http1/known-field.ts';
import type { RequestHead } from '../http1/request-head.ts';
import type { LocalReply } from './failure.ts';

/** gRPC's status codes that the proxy itself gives or looks at. @see https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
export const grpcStatus = {
  cancelled: 1,
  unknown: 2,
  deadlineExceeded: 4,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** Whether a request is gRPC (not gRPC-Web). */
export function isGrpc(head: RequestHead): boolean {
  if (!head.fields.has(field.contentType)) return false;
  const type = head.value(field.contentType);
  return type.startsWith('application/grpc') && (type.length === 16 || type[16] === '+' || type[16] === ';');
}

const units: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 0.001, n: 0.000_001 };

/** The client's own deadline in ms, `null` where it has none that can be read. */
export function grpcTimeoutMs(head: RequestHead): number | null {
  const parts = /^(\d{1,8})([HMSmun])$/.exec(head.named('grpc-timeout') ?? '');
  const unit = units[parts?.[2] ?? ''];
  return unit === undefined ? null : Math.ceil(Number(parts?.[1]) * unit);
}

/** The gRPC status that an HTTP status stands for. @see Envoy's Grpc::Utility::httpToGrpcStatus */
function grpcStatusOf(status: number): number {
  switch (status) {
    case 400:
      return grpcStatus.internal;
    case 401:
      return grpcStatus.unauthenticated;
    case 403:
      return grpcStatus.permissionDenied;
    case 404:
      return grpcStatus.unimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return grpcStatus.unavailable;
    default:
      return grpcStatus.unknown;
  }
}

/** The status that lines of a head or trailer section tell; the empty string where they tell none that gRPC knows. */
export function grpcStatusIn(lines: string): string {
  return /(?:^|\n)grpc-status:[ \t]*(1[0-6]|\d)[ \t]*\r/i.exec(lines)?.[1] ?? '';
}

/** The HTTP status that an endpoint's gRPC status counts as, for outlier detection. @see Envoy's Grpc::Utility::grpcToHttpStatus */
export function httpStatusOf(status: string): number {
  switch (status) {
    case '0':
      return 200;
    case '1':
      return 499;
    case '3':
    case '9':
    case '11':
      return 400;
    case '4':
      return 504;
    case '5':
      return 404;
    case '6':
    case '10':
      return 409;
    case '7':
      return 403;
    case '8':
      return 429;
    case '12':
      return 501;
    case '14':
      return 503;
    case '16':
      return 401;
    default:
      return 500;
  }
}

/** A local answer as a gRPC client understands it: status and message in the head, no body. */
export function grpcReply(answer: LocalReply): LocalReply {
  const { status, body, details, lines = '', flag, close, grpcStatus: own } = answer;
  const message = encodeURIComponent(body.replaceAll(/[^\x20-\x7e]/g, '?')).replaceAll('%20', ' ');
  return {
    status: 200,
    reason: 'OK',
    body: '',
    flag,
    details,
    close,
    contentType: 'application/grpc',
    lines: `${lines}grpc-status: ${own ?? grpcStatusOf(status)}\r\n${message === '' ? '' : `grpc-message: ${message}\r\n`}`,
    ...(answer.told === undefined ? {} : { told: answer.told }),
  };
}
