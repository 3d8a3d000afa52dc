import { escapeLine } from '../../../text/escape.ts';
import { healthOfStatus } from '../../view/health.ts';
import type { Health } from '../../view/parts.tsx';
import type { Entry } from './tap-list.ts';

type Line = Entry['line'];

/** Who called, as far as it is known. */
export function callerOf({ caller, principal, remoteAddress }: Line): string {
  return escapeLine(caller || principal || remoteAddress || 'unknown');
}

/** Who was called, as far as it is known. */
export function calledOf({ called, upstreamAddress }: Line): string {
  return escapeLine(called || upstreamAddress || 'unknown');
}

/** `GET /reviews/1`, `TCP opened` */
export function requestOf(line: Line): string {
  return line.kind === 'connection' ? `TCP ${line.phase}` : escapeLine(`${line.method} ${line.target}`);
}

/** `200`, `200 grpc 5`, `no answer`; of a connection the empty string. */
export function statusOf(line: Line): string {
  if (line.kind === 'connection') return '';
  const { status, grpcStatus } = line;
  const code = status === 0 ? 'no answer' : String(status);
  return grpcStatus === null ? code : `${code} grpc ${grpcStatus === '' ? '–' : escapeLine(grpcStatus)}`;
}

/** How well it went. */
export function healthOf(line: Line): Health {
  if (line.kind === 'connection') return line.flag === '-' ? 'idle' : 'bad';
  const { status, grpcStatus } = line;
  return grpcStatus !== null && grpcStatus !== '0' ? 'bad' : healthOfStatus(status);
}
