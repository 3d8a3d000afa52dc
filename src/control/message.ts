/** What a sidecar sends, checked: a sidecar shares its pod with an app and is not trusted further than its own workload. */
import type { AppState, ToDaemon } from '../snapshot/channel.ts';
import { list, nullable, object, oneOf, type Shape, SnapshotError, text, whole } from '../snapshot/shape.ts';
import { ControlError } from './control-error.ts';

const appFields = { port: whole(1, 65535), listening: flag };
const version = text(/^[0-9A-Za-z._-]{1,64}$/, 'a version');

type Kind = ToDaemon['kind'];
const shapes: { readonly [K in Kind]: Shape<Extract<ToDaemon, { kind: K }>> } = {
  hello: object<Extract<ToDaemon, { kind: 'hello' }>>({
    kind: oneOf('hello'),
    protocol: whole(0),
    workload: text(),
    version: nullable(version),
    svidExpiresAtMs: nullable(whole(0)),
    apps: list(object<AppState>(appFields)),
  }),
  csr: object<Extract<ToDaemon, { kind: 'csr' }>>({ kind: oneOf('csr'), pem: text() }),
  ack: object<Extract<ToDaemon, { kind: 'ack' }>>({ kind: oneOf('ack'), version }),
  nack: object<Extract<ToDaemon, { kind: 'nack' }>>({ kind: oneOf('nack'), version, reason: text() }),
  pong: object<Extract<ToDaemon, { kind: 'pong' }>>({ kind: oneOf('pong'), id: whole(0) }),
  reply: object<Extract<ToDaemon, { kind: 'reply' }>>({ kind: oneOf('reply'), id: whole(0), body: value => value }),
  app: object<Extract<ToDaemon, { kind: 'app' }>>({ kind: oneOf('app'), ...appFields }),
};
const kind = oneOf(...(Object.keys(shapes) as Kind[]));

/** @throws ControlError `protocol` */
export function decodeToDaemon(value: unknown): ToDaemon {
  try {
    const named = typeof value === 'object' && value !== null && 'kind' in value ? value.kind : undefined;
    return shapes[kind(named, 'kind')](value, '');
  } catch (error) {
    if (error instanceof SnapshotError) throw new ControlError('protocol', `message from the sidecar: ${error.message}`);
    throw error;
  }
}

function flag(value: unknown, path: string): boolean {
  if (typeof value !== 'boolean') throw new SnapshotError(path, 'expected true or false');
  return value;
}
