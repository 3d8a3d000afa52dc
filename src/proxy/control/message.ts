/** What a daemon sends, checked. The snapshot inside stays unknown: `decodeSnapshot` judges it, and a bad one is nacked, not hung up on. */

import type { ToSidecar } from '../../snapshot/channel.ts';
import type { ExplainRequest } from '../../snapshot/explanation.ts';
import type { JudgedCall } from '../../snapshot/judgement.ts';
import type { Observation } from '../../snapshot/observation.ts';
import { flag, list, nullable, object, oneOf, type Shape, SnapshotError, tagged, text, whole } from '../../snapshot/shape.ts';
import { maxTapBodyBytes, type TapOrder } from '../../snapshot/tap.ts';

/** `ToSidecar` with its snapshot not looked at yet. */
export type DaemonMessage = Exclude<ToSidecar, { kind: 'snapshot' }> | { readonly kind: 'snapshot'; readonly snapshot: unknown };

/** Longer than an hour is no grace but a stuck process. */
const maxGraceMs = 3_600_000;

const pair: Shape<readonly [string, string]> = (value, path) => {
  const [name, rest, ...more] = list(text())(value, path);
  if (name === undefined || rest === undefined || more.length > 0) throw new SnapshotError(path, 'expected a name and a value');
  return [name, rest];
};

const range: Shape<readonly [number, number]> = (value, path) => {
  const [least, most, ...more] = list(whole(0, 999))(value, path);
  if (least === undefined || most === undefined || more.length > 0) throw new SnapshotError(path, 'expected two numbers');
  return [least, most];
};

const tapOrder = object<TapOrder>({
  id: whole(0),
  at: oneOf('source', 'destination', 'both'),
  from: text(),
  to: text(),
  path: text(),
  method: text(),
  statuses: list(range),
  headers: list(object<TapOrder['headers'][number]>({ name: text(), value: nullable(text()) })),
  bodyBytes: whole(0, maxTapBodyBytes),
});

const message = tagged<DaemonMessage>({
  hello: { protocol: whole(0), daemonVersion: text() },
  snapshot: { snapshot: value => value },
  svid: { chainPem: text(), bundlePem: text() },
  roots: { bundlePem: text() },
  renew: {},
  certificate: { name: text(), chainPem: text(), keyPem: text() },
  ping: { id: whole(0) },
  query: { id: whole(0), what: oneOf('config', 'stats', 'exposition', 'state', 'calls') },
  explain: {
    id: whole(0),
    request: object<ExplainRequest>({ method: text(), url: text(), headers: list(pair) }),
  },
  judge: {
    id: whole(0),
    call: object<JudgedCall>({
      principal: nullable(text()),
      port: whole(1, 65535),
      method: text(),
      authority: text(),
      path: text(),
      headers: list(pair),
    }),
  },
  observe: { observation: object<Observation>({ signals: flag, spans: flag }) },
  tap: { orders: list(tapOrder) },
  probe: {},
  'daemon-metrics': { text: text() },
  drain: { graceMs: whole(0, maxGraceMs) },
});

/** Reads a message. @throws SnapshotError for anything that is no message */
export function decodeDaemonMessage(value: unknown): DaemonMessage {
  return message(value, '');
}
