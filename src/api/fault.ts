import type { Fault } from '../snapshot/snapshot.ts';
import { MeshError } from './mesh-error.ts';
import type { apiVersion } from './types.ts';

/** A fault to put on calls to a service. */
export interface FaultRequest {
  readonly service: string;
  /** Name of a rule; `null`: all calls. */
  readonly route: string | null;
  readonly fault: Fault;
  /** How long, in ms; `null`: until it is removed or the mesh goes down. */
  readonly forMs: number | null;
}

/** A fault in force. */
export interface FaultStatus extends FaultRequest {
  /** `delay-1` */
  readonly id: string;
  readonly addedAt: string;
  readonly expiresAt: string | null;
  /** At the time of the answer. */
  readonly remainingMs: number | null;
}

/** The answer of `mesh fault list --json`. */
export interface FaultsDocument {
  readonly apiVersion: typeof apiVersion;
  readonly kind: 'Faults';
  readonly faults: readonly FaultStatus[];
}

/** Node's timers take no more. */
const maxMs = 2 ** 31 - 1;

/** Reads the body of a request. @throws MeshError `bad-fault` that names the field */
export function readFaultRequest(body: Readonly<Record<string, unknown>>): FaultRequest {
  const { service, route = null, forMs = null } = body;
  if (typeof service !== 'string' || service === '') throw bad('`service` is missing', 'name the service that is called');
  if (route !== null && typeof route !== 'string') throw bad('`route` is not a name', 'the name of a rule, or nothing');
  return { service, route, fault: readFault(body['fault']), forMs: forMs === null ? null : whole('forMs', forMs, 1, maxMs) };
}

function readFault(value: unknown): Fault {
  if (typeof value !== 'object' || value === null) throw bad('`fault` is missing', kinds);
  const given = value as Readonly<Record<string, unknown>>;
  const percent = given['percent'] ?? 100;
  if (typeof percent !== 'number' || !(percent >= 0 && percent <= 100))
    throw bad(`\`percent\` is ${text(percent)}`, 'a number from 0 to 100');
  const scope = { percent, ...(given['first'] === undefined ? {} : { first: whole('first', given['first'], 1) }) };
  switch (given['kind']) {
    case 'delay': {
      const jitterMs = whole('jitterMs', given['jitterMs'] ?? 0, 0, maxMs);
      return { ...scope, kind: 'delay', ms: whole('ms', given['ms'], 0, maxMs), jitterMs };
    }
    case 'abort': {
      const status = whole('status', given['status'] ?? 503, 200, 599);
      if (given['grpcStatus'] === undefined) return { ...scope, kind: 'abort', status };
      return { ...scope, kind: 'abort', status, grpcStatus: whole('grpcStatus', given['grpcStatus'], 0, 16) };
    }
    case 'reset':
      return { ...scope, kind: 'reset' };
    case 'blackhole':
      return { ...scope, kind: 'blackhole' };
    case 'bandwidth':
      return { ...scope, kind: 'bandwidth', bytesPerSecond: whole('bytesPerSecond', given['bytesPerSecond'], 1) };
    default:
      throw bad(`no fault of kind ${text(given['kind'])}`, kinds);
  }
}

const kinds = 'one of delay, abort, reset, blackhole, bandwidth';

function whole(name: string, value: unknown, min: number, max: number = Number.MAX_SAFE_INTEGER): number {
  if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max) return value as number;
  throw bad(`\`${name}\` is ${text(value)}`, `a whole number from ${min} to ${max}`);
}

function bad(problem: string, hint: string): MeshError {
  return new MeshError('bad-fault', problem, hint);
}

function text(value: unknown): string {
  return value === undefined ? 'missing' : JSON.stringify(value).slice(0, 60);
}

/** `delay 2000–2500 ms, 50 %, first 3`: one fault for people. */
export function faultText(fault: Fault): string {
  const parts = [effect(fault)];
  if (fault.percent < 100) parts.push(`${fault.percent} %`);
  if (fault.first !== undefined) parts.push(`first ${fault.first}`);
  return parts.join(', ');
}

function effect(fault: Fault): string {
  switch (fault.kind) {
    case 'delay':
      return `delay ${fault.jitterMs === 0 ? fault.ms : `${fault.ms}–${fault.ms + fault.jitterMs}`} ms`;
    case 'abort':
      return fault.grpcStatus === undefined ? `abort ${fault.status}` : `abort grpc ${fault.grpcStatus}`;
    case 'bandwidth':
      return `bandwidth ${fault.bytesPerSecond} B/s`;
    default:
      return fault.kind;
  }
}
