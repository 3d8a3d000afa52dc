import { foldedByte } from './chars.ts';

/** Fields that the proxy itself understands; every other one is forwarded as it lies. Values are bit numbers, see `bit`. */
export const field = {
  other: 0,
  host: 1,
  contentLength: 2,
  transferEncoding: 3,
  connection: 4,
  keepAlive: 5,
  proxyConnection: 6,
  te: 7,
  upgrade: 8,
  expect: 9,
  trailer: 10,
  http2Settings: 11,
  requestId: 12,
  clientCert: 13,
  forwardedFor: 14,
  forwardedProto: 15,
  attemptCount: 16,
  serviceTime: 17,
  userAgent: 18,
  authorization: 19,
  cookie: 20,
  proxyAuthenticate: 21,
  originalPath: 22,
  meshReason: 23,
  contentType: 24,
  expectedTimeout: 25,
  /** Another one of Envoy's own: `x-envoy-…`. */
  envoy: 26,
  traceparent: 27,
  /** `b3` and the `x-b3-…` fields: they stand for each other. */
  b3: 28,
  /** Named by `Connection`: meant for this hop only. */
  nominated: 30,
  /** Not a known name, but one that CGI-like servers take for a known one (`X_Forwarded_Client_Cert`). */
  lookalike: 31,
} as const;

const names: Readonly<Record<string, number>> = {
  host: field.host,
  'content-length': field.contentLength,
  'transfer-encoding': field.transferEncoding,
  connection: field.connection,
  'keep-alive': field.keepAlive,
  'proxy-connection': field.proxyConnection,
  te: field.te,
  upgrade: field.upgrade,
  expect: field.expect,
  trailer: field.trailer,
  'http2-settings': field.http2Settings,
  'x-request-id': field.requestId,
  'x-forwarded-client-cert': field.clientCert,
  'x-forwarded-for': field.forwardedFor,
  'x-forwarded-proto': field.forwardedProto,
  'x-envoy-attempt-count': field.attemptCount,
  'x-envoy-upstream-service-time': field.serviceTime,
  'user-agent': field.userAgent,
  authorization: field.authorization,
  cookie: field.cookie,
  'proxy-authenticate': field.proxyAuthenticate,
  'x-envoy-original-path': field.originalPath,
  'x-mesh-reason': field.meshReason,
  'content-type': field.contentType,
  'x-envoy-expected-rq-timeout-ms': field.expectedTimeout,
  traceparent: field.traceparent,
  b3: field.b3,
  'x-b3-traceid': field.b3,
  'x-b3-spanid': field.b3,
  'x-b3-parentspanid': field.b3,
  'x-b3-sampled': field.b3,
  'x-b3-flags': field.b3,
};

/** Mask of one field, for sets of fields as a 32-bit integer. */
export function bit(id: number): number {
  return 1 << id;
}

/** Fields of one connection, never forwarded. @see RFC 9110 §7.6.1 */
export const hopByHop: number =
  bit(field.connection) |
  bit(field.keepAlive) |
  bit(field.proxyConnection) |
  bit(field.te) |
  bit(field.upgrade) |
  bit(field.transferEncoding) |
  bit(field.http2Settings) |
  bit(field.nominated);

interface Candidate {
  readonly id: number;
  readonly name: Uint8Array;
}
/** Longest known name plus one. */
const lengths = 32;
const candidates: (readonly Candidate[] | undefined)[] = new Array(lengths * 32).fill(undefined);
for (const [name, id] of Object.entries(names)) {
  const bytes = Buffer.from(name, 'latin1');
  const key = keyOf(bytes.length, bytes[0] ?? 0);
  candidates[key] = [...(candidates[key] ?? []), { id, name: bytes }];
}

function keyOf(length: number, first: number): number {
  return length * 32 + (first & 31);
}

/** Which known field the bytes name, in any case: `field.other` for none, `field.lookalike` for nearly one. */
export function knownField(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  const some = length >= lengths ? undefined : candidates[keyOf(length, bytes[start] ?? 0)];
  if (some !== undefined)
    for (const candidate of some) {
      const found = compare(candidate, bytes, start, length);
      if (found !== field.other) return found;
    }
  return isEnvoys(bytes, start, length) ? field.envoy : field.other;
}

const envoyPrefix = Buffer.from('x-envoy-', 'latin1');

function isEnvoys(bytes: Uint8Array, start: number, length: number): boolean {
  if (length <= envoyPrefix.length) return false;
  for (let i = 0; i < envoyPrefix.length; i++) if (foldedByte[bytes[start + i] ?? 0] !== envoyPrefix[i]) return false;
  return true;
}

function compare(candidate: Candidate, bytes: Uint8Array, start: number, length: number): number {
  let exact = true;
  for (let i = 0; i < length; i++) {
    const byte = bytes[start + i] ?? 0;
    if (foldedByte[byte] !== candidate.name[i]) return field.other;
    if (byte === 95 || byte === 46) exact = false;
  }
  return exact ? candidate.id : field.lookalike;
}
