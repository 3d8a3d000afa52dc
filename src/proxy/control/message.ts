/** What a daemon sends, checked. The snapshot inside stays unknown: `decodeSnapshot` judges it, and a bad one is nacked, not hung up on. */
import type { QueryKind } from '../../snapshot/channel.ts';
import { object, oneOf, type Shape, text, whole } from '../../snapshot/shape.ts';

/** `ToSidecar` with its snapshot not looked at yet. */
export type DaemonMessage =
  | { readonly kind: 'hello'; readonly protocol: number; readonly daemonVersion: string }
  | { readonly kind: 'snapshot'; readonly snapshot: unknown }
  | { readonly kind: 'svid'; readonly chainPem: string; readonly bundlePem: string }
  | { readonly kind: 'ping'; readonly id: number }
  | { readonly kind: 'query'; readonly id: number; readonly what: QueryKind }
  | { readonly kind: 'drain'; readonly graceMs: number };

/** Longer than an hour is no grace but a stuck process. */
const maxGraceMs = 3_600_000;

const shapes: { readonly [K in DaemonMessage['kind']]: Shape<Extract<DaemonMessage, { kind: K }>> } = {
  hello: object<Extract<DaemonMessage, { kind: 'hello' }>>({ kind: oneOf('hello'), protocol: whole(0), daemonVersion: text() }),
  snapshot: object<Extract<DaemonMessage, { kind: 'snapshot' }>>({ kind: oneOf('snapshot'), snapshot: value => value }),
  svid: object<Extract<DaemonMessage, { kind: 'svid' }>>({ kind: oneOf('svid'), chainPem: text(), bundlePem: text() }),
  ping: object<Extract<DaemonMessage, { kind: 'ping' }>>({ kind: oneOf('ping'), id: whole(0) }),
  query: object<Extract<DaemonMessage, { kind: 'query' }>>({
    kind: oneOf('query'),
    id: whole(0),
    what: oneOf('config', 'stats', 'state'),
  }),
  drain: object<Extract<DaemonMessage, { kind: 'drain' }>>({ kind: oneOf('drain'), graceMs: whole(0, maxGraceMs) }),
};
const kind = oneOf(...(Object.keys(shapes) as DaemonMessage['kind'][]));

/** @throws SnapshotError for anything that is no message */
export function decodeDaemonMessage(value: unknown): DaemonMessage {
  const named = typeof value === 'object' && value !== null && 'kind' in value ? value.kind : undefined;
  return shapes[kind(named, 'kind')](value, '');
}
