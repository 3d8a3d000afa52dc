import type { Fault } from '../snapshot/route-rule.ts';
import { fault as faultShape } from '../snapshot/rule-shapes.ts';
import { SnapshotError } from '../snapshot/shape.ts';
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
  /** `delay 2000–2500 ms, 50 %, first 3`: what it does, for people. */
  readonly effect: string;
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

/** What can be done about faults on the running mesh. */
export interface FaultsApi {
  list(): Promise<FaultsDocument>;
  /** Resolves when the sidecars act on it. @throws MeshError `unknown-service`, `unknown-route`, `http-on-tcp`, `too-many-faults` */
  add(request: FaultRequest): Promise<FaultStatus>;
  /** Resolves when the sidecars act on it, to the faults that stay. @throws MeshError `unknown-fault` */
  remove(ids: readonly string[] | 'all'): Promise<FaultsDocument>;
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

/** Every kind with what need not be said. */
const defaults: Readonly<Record<string, object>> = {
  delay: { jitterMs: 0 },
  abort: { status: 503 },
  reset: {},
  blackhole: {},
  bandwidth: {},
};

function readFault(value: unknown): Fault {
  if (typeof value !== 'object' || value === null) throw bad('`fault` is missing', kinds);
  const given = value as Readonly<Record<string, unknown>>;
  const kind = String(given['kind']);
  if (!Object.hasOwn(defaults, kind)) throw bad(`no fault of kind ${text(given['kind'])}`, kinds);
  if (given['id'] !== undefined) throw bad('`fault.id` is given', 'faults are named when they are added');
  try {
    return faultShape({ percent: 100, ...defaults[kind], ...given }, 'fault');
  } catch (error) {
    if (error instanceof SnapshotError)
      throw bad(`\`${error.path}\`: ${error.problem}`, 'the fields of faults are those of mesh.yaml');
    throw error;
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
