/** Who may call whom, worked out from what the sidecars are told to enforce: for `mesh access list`. Nothing is sent. */
import { parseSpiffeId } from '../identity/spiffe-id.ts';
import type { AccessCondition, AccessFact, AccessPolicy, AccessRule } from '../snapshot/access-policy.ts';
import type { ListenerProtocol, Snapshot } from '../snapshot/snapshot.ts';

/** `depends`: on what only a request tells (path, method, header, token …), or on an authorizer. */
export type AccessVerdict = 'allowed' | 'denied' | 'depends';

/** What one caller may do at one port. */
export interface AccessCell {
  /** Service or gateway; `null`: whoever comes without an identity. */
  readonly from: string | null;
  readonly to: string;
  readonly port: number;
  readonly verdict: AccessVerdict;
  /** Names of the rules that decide, or may; empty: no rule does. */
  readonly rules: readonly string[];
}

/** Callers and what they may call, sorted. */
export interface AccessMatrix {
  readonly callers: readonly (string | null)[];
  readonly services: readonly string[];
  /** Without the pairs of a caller without identity and a port that takes none. */
  readonly cells: readonly AccessCell[];
}

/** A port that judges callers. */
interface Door {
  readonly service: string;
  readonly port: number;
  readonly protocol: ListenerProtocol;
  readonly access: AccessPolicy | null;
  readonly plaintext: boolean;
}

/** `null`: only a request can tell. */
type Truth = boolean | null;

/** The matrix of a mesh from the snapshots of its workloads: one of each service is enough. */
export function accessMatrix(snapshots: Iterable<Pick<Snapshot, 'service' | 'identity' | 'inbound'>>): AccessMatrix {
  const callers = new Map<string | null, string>();
  const doors = new Map<string, Door>();
  for (const { service, identity, inbound } of snapshots) {
    callers.set(service, identity);
    for (const { port, protocol, access, mtls, published } of inbound)
      doors.set(`${service}:${port}`, { service, port, protocol, access, plaintext: mtls !== 'strict' || published });
  }
  const open = [...doors.values()].sort((a, b) => (a.service === b.service ? a.port - b.port : a.service < b.service ? -1 : 1));
  if (open.some(door => door.plaintext)) callers.set(null, '');
  const cells = open.flatMap(door =>
    [...callers]
      .filter(([from]) => from !== door.service && (from !== null || door.plaintext))
      .map(([from, principal]) => ({ from, to: door.service, port: door.port, ...judge(door, principal) })),
  );
  return { callers: [...callers.keys()].sort(byCaller), services: [...new Set(open.map(door => door.service))], cells };
}

function byCaller(a: string | null, b: string | null): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  return a < b ? -1 : 1;
}

/** In the order in which a sidecar judges, as far as the caller alone decides. */
function judge(door: Door, principal: string): Pick<AccessCell, 'verdict' | 'rules'> {
  const { access } = door;
  if (access === null) return { verdict: 'allowed', rules: [] };
  const enforced = access.rules.filter(rule => rule.dryRun !== true);
  const matching = (action: AccessRule['action']): { sure: string[]; maybe: string[] } => {
    const found = { sure: [] as string[], maybe: [] as string[] };
    for (const rule of enforced) {
      if (rule.action !== action) continue;
      const truth = holds(rule, door, principal);
      if (truth !== false) found[truth === true ? 'sure' : 'maybe'].push(rule.name);
    }
    return found;
  };
  const denies = matching('deny');
  if (denies.sure.length > 0) return { verdict: 'denied', rules: denies.sure };
  const asks = matching('custom');
  const doubts = [...asks.sure, ...asks.maybe, ...denies.maybe];
  const allows = matching('allow');
  const byDefault = access.default === 'allow' && !enforced.some(rule => rule.action === 'allow');
  if (allows.sure.length > 0 || byDefault)
    return { verdict: doubts.length > 0 ? 'depends' : 'allowed', rules: [...doubts, ...allows.sure] };
  return allows.maybe.length > 0 ? { verdict: 'depends', rules: [...doubts, ...allows.maybe] } : { verdict: 'denied', rules: [] };
}

function holds({ action, conditions }: AccessRule, door: Door, principal: string): Truth {
  const truths = conditions.map(condition => truthOf(condition, action, door, principal));
  if (truths.includes(false)) return false;
  return truths.includes(null) ? null : true;
}

/** Facts of the connection that a caller's name does not tell. */
const ofConnection: readonly AccessFact[] = ['ip', 'server-name'];

function truthOf({ on, values, not }: AccessCondition, action: AccessRule['action'], door: Door, principal: string): Truth {
  const fact = factOf(on, door, principal);
  if (fact !== null) return values.some(pattern => matches(pattern, fact)) !== (not === true);
  // Raw TCP has no requests: what asks for one never lets through, and is left out of what refuses (Istio).
  if (door.protocol === 'tcp' && !ofConnection.includes(on)) return action === 'deny';
  return null;
}

function factOf(on: AccessFact, { port }: Door, principal: string): string | null {
  const [, namespace = '', account = ''] = /^\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(parseSpiffeId(principal)?.path ?? '') ?? [];
  switch (on) {
    case 'principal':
      return principal;
    case 'namespace':
      return namespace;
    case 'account':
      return account === '' ? '' : `${namespace}/${account}`;
    case 'trust-domain':
      return parseSpiffeId(principal)?.trustDomain ?? '';
    case 'port':
      return `${port}`;
    default:
      return null;
  }
}

/** As `AccessCondition` says. */
function matches(pattern: string, value: string): boolean {
  if (pattern === '*') return value !== '';
  if (pattern.endsWith('*')) return value.startsWith(pattern.slice(0, -1));
  if (pattern.startsWith('*')) return value.endsWith(pattern.slice(1));
  return pattern === value;
}
