/** Spans as they travel: values in a fixed order. With their names they would be nearly twice as long. */
import type { ToDaemon } from './channel.ts';
import type { SpanFacts } from './observation.ts';
import { type Shape, SnapshotError } from './shape.ts';

/** `true` for each, so that the compiler misses none. The order is that of the values. */
const fields: { readonly [K in keyof SpanFacts]: true } = {
  traceId: true,
  spanId: true,
  parentId: true,
  side: true,
  startMs: true,
  durationMs: true,
  requestId: true,
  method: true,
  target: true,
  path: true,
  authority: true,
  protocol: true,
  status: true,
  grpcStatus: true,
  flag: true,
  details: true,
  userAgent: true,
  bytesReceived: true,
  bytesSent: true,
  rule: true,
  to: true,
  peer: true,
  peerAddress: true,
  attempts: true,
  retries: true,
  delayMs: true,
  lost: true,
};
const names = Object.keys(fields) as readonly (keyof SpanFacts)[];

/** A message as it is sent. */
export function packed(message: ToDaemon): unknown {
  return message.kind === 'spans' ? { ...message, spans: message.spans.map(span => names.map(name => span[name])) } : message;
}

/** Reads a packed span; `span` checks what comes out. */
export function unpacked(span: Shape<SpanFacts>): Shape<SpanFacts> {
  return (value, path) => {
    if (!Array.isArray(value) || value.length !== names.length)
      throw new SnapshotError(path, `expected a list of ${names.length} values`);
    return span(Object.fromEntries(names.map((name, index) => [name, value[index]])), path);
  };
}
