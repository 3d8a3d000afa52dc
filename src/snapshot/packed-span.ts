/** Spans as they travel: of each only what differs from the one before it. Most of a span is what the last one said too; whole they would be twice as long. */
import type { ToDaemon } from './channel.ts';
import { maxSpansPerMessage, type SpanFacts } from './observation.ts';
import { type Shape, SnapshotError } from './shape.ts';

/** Another one in every span: not compared, and always sent. */
const own = ['traceId', 'spanId', 'parentId', 'startMs', 'durationMs', 'requestId'] as const;
/** `true` for each, so that the compiler misses none. Each has a bit, in this order, that says whether it is sent. */
const common: { readonly [K in Exclude<keyof SpanFacts, (typeof own)[number]>]: true } = {
  side: true,
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
const commonNames = Object.keys(common) as readonly (keyof typeof common)[];
/** At most 31 fields have a bit. */
const all = 2 ** commonNames.length - 1;

/** A message as it is sent: a span is a list of bits and values. The first span has all of them. */
export function packed(message: ToDaemon): unknown {
  if (message.kind !== 'spans') return message;
  let before: readonly unknown[] = [];
  const spans = message.spans.map(span => {
    const now = commonOf(span);
    const list = ownOf(span);
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

/** In the order of `own`, behind room for the bits. Written out, as below: reading one field after the other by its name takes five times as long. */
function ownOf(s: SpanFacts): unknown[] {
  return [0, s.traceId, s.spanId, s.parentId, s.startMs, s.durationMs, s.requestId];
}

/** In the order of `common`. */
function commonOf(s: SpanFacts): readonly unknown[] {
  return [
    s.side,
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

/** Reads packed spans; `shapes` check the values. */
export function unpacked(shapes: { readonly [K in keyof SpanFacts]: Shape<SpanFacts[K]> }): Shape<readonly SpanFacts[]> {
  return (value, path) => {
    if (!Array.isArray(value) || value.length > maxSpansPerMessage)
      throw new SnapshotError(path, `expected a list of at most ${maxSpansPerMessage}`);
    let before: SpanFacts | null = null;
    return value.map((list: unknown) => {
      const [bits, ...values] = Array.isArray(list) ? (list as readonly unknown[]) : [];
      if (!Number.isInteger(bits) || (bits as number) < 0 || (bits as number) > all || (before === null && bits !== all))
        throw new SnapshotError(path, 'expected lists that begin with which values they have');
      const span: Record<string, unknown> = { ...before };
      let next = 0;
      const read = (name: keyof SpanFacts): void => {
        span[name] = shapes[name](values[next++], `${path}.${name}`);
      };
      for (const name of own) read(name);
      for (let i = 0; i < commonNames.length; i++)
        if (((bits as number) & (1 << i)) !== 0) read(commonNames[i] as keyof SpanFacts);
      if (next !== values.length) throw new SnapshotError(path, `expected ${next} values, found ${values.length}`);
      before = span as unknown as SpanFacts;
      return before;
    });
  };
}
