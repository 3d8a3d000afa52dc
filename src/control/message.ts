/** What a sidecar sends, checked: a sidecar shares its pod with an app and is not trusted further than its own workload. */
import type { AppState, SvidReport, ToDaemon } from '../snapshot/channel.ts';
import { flag, list, nullable, object, SnapshotError, tagged, text, whole } from '../snapshot/shape.ts';
import { ControlError } from './control-error.ts';

const appFields = { port: whole(1, 65535), listening: flag };
/** Of a root: SHA-256. */
const fingerprint = text(/^[0-9a-f]{64}$/, 'a fingerprint');
const svid = object<SvidReport>({
  serialNumber: text(/^[0-9a-f]{1,64}$/, 'a serial number'),
  root: fingerprint,
  sinceMs: whole(0),
  expiresAtMs: whole(0),
});
const version = text(/^[0-9A-Za-z._-]{1,64}$/, 'a version');

const message = tagged<ToDaemon>({
  hello: {
    protocol: whole(0),
    workload: text(),
    version: nullable(version),
    svidExpiresAtMs: nullable(whole(0)),
    apps: list(object<AppState>(appFields)),
  },
  csr: { pem: text() },
  identity: { nowMs: whole(0), svid: nullable(svid), roots: list(fingerprint), problem: nullable(text()) },
  ack: { version },
  nack: { version, reason: text() },
  pong: { id: whole(0) },
  reply: { id: whole(0), body: value => value },
  app: { ...appFields },
});

/** Reads a message. @throws ControlError `protocol` */
export function decodeToDaemon(value: unknown): ToDaemon {
  try {
    return message(value, '');
  } catch (error) {
    if (error instanceof SnapshotError) throw new ControlError('protocol', `message from the sidecar: ${error.message}`);
    throw error;
  }
}
