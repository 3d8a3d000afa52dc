/** Spans as they travel: of each only what differs from the one before it. Most of a span is what the last one said too; whole they would be three times as long. */
import type { ToDaemon } from './channel.ts';
import type { SpanFacts } from './observation.ts';
import { type Shape, SnapshotError } from './shape.ts';

/** `true` for each, so that the compiler misses none. The order is that of the bits and of the values. */
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
/** At most 31 fields have a bit. */
const all = 2 ** names.length - 1;

/** In the order of `fields`. Written out: reading one field after the other by its name takes five times as long. */
function valuesOf(s: SpanFacts): readonly unknown[] {
  return [
    s.traceId,
    s.spanId,
    s.parentId,
    s.side,
    s.startMs,
    s.durationMs,
    s.requestId,
    s.method,
    s.target,
    s.path,
    s.authority,
    s.protocol,
    s.status,
    s.grpcStatus,
    s.flag,
    s.details,
    s.userAgent,
    s.bytesReceived,
    s.bytesSent,
    s.rule,
    s.to,
    s.peer,
    s.peerAddress,
    s.attempts,
    s.retries,
    s.delayMs,
    s.lost,
  ];
}

/** A message as it is sent: a span is a list, a bit for each value that follows and the values. The first span has all of them. */
export function packed(message: ToDaemon): unknown {
  if (message.kind !== 'spans') return message;
  let before: readonly unknown[] = [];
  const spans = message.spans.map(span => {
    const now = valuesOf(span);
    const list: unknown[] = [0];
    let bits = 0;
    for (let i = 0; i < now.length; i++) {
      if (now[i] === before[i]) continue;
      bits |= 1 << i;
      list.push(now[i]);
    }
    list[0] = bits;
    before = now;
    return list;
  });
  return { ...message, spans };
}

/** Reads packed spans; `shapes` check the values. */
export function unpacked(shapes: { readonly [K in keyof SpanFacts]: Shape<SpanFacts[K]> }): Shape<readonly SpanFacts[]> {
  return (value, path) => {
    if (!Array.isArray(value)) throw new SnapshotError(path, 'expected a list');
    let before: SpanFacts | null = null;
    return value.map((list: unknown) => {
      const [bits, ...values] = Array.isArray(list) ? (list as readonly unknown[]) : [];
      if (!Number.isInteger(bits) || (bits as number) < 0 || (bits as number) > all || (before === null && bits !== all))
        throw new SnapshotError(path, 'expected lists that begin with which values they have');
      const span: Record<string, unknown> = { ...before };
      let next = 0;
      for (let i = 0; i < names.length; i++) {
        if (((bits as number) & (1 << i)) === 0) continue;
        const name = names[i] as keyof SpanFacts;
        span[name] = shapes[name](values[next++], `${path}.${name}`);
      }
      if (next !== values.length) throw new SnapshotError(path, `expected ${next} values, found ${values.length}`);
      before = span as unknown as SpanFacts;
      return before;
    });
  };
}
