/** Who may call whom, worked out from what the sidecars are told to enforce: for `mesh access list`. Nothing is sent. */
import { type CallerVerdict, judgeCaller } from '../access/caller-verdict.ts';
import type { AccessPolicy } from '../snapshot/access-policy.ts';
import type { ListenerProtocol, Snapshot } from '../snapshot/snapshot.ts';

/** What one caller may do at one port. */
export interface AccessCell extends CallerVerdict {
  /** Service or gateway; `null`: whoever comes without an identity. */
  readonly from: string | null;
  readonly to: string;
  readonly port: number;
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

/** The matrix of a mesh from the snapshots of its workloads: one of each service is enough. */
export function accessMatrix(snapshots: Iterable<Pick<Snapshot, 'service' | 'identity' | 'inbound'>>): AccessMatrix {
  const callers = new Map<string | null, string | null>();
  const doors = new Map<string, Door>();
  for (const { service, identity, inbound } of snapshots) {
    callers.set(service, identity);
    for (const { port, protocol, access, mtls, published } of inbound)
      doors.set(`${service}:${port}`, { service, port, protocol, access, plaintext: mtls !== 'strict' || published });
  }
  const open = [...doors.values()].sort((a, b) => (a.service === b.service ? a.port - b.port : a.service < b.service ? -1 : 1));
  if (open.some(door => door.plaintext)) callers.set(null, null);
  const cells = open.flatMap(door =>
    [...callers]
      .filter(([from]) => from !== door.service && (from !== null || door.plaintext))
      .map(([from, principal]) => ({ from, to: door.service, port: door.port, ...judgeDoor(door, principal) })),
  );
  return { callers: [...callers.keys()].sort(byCaller), services: [...new Set(open.map(door => door.service))], cells };
}

function byCaller(a: string | null, b: string | null): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  return a < b ? -1 : 1;
}

function judgeDoor({ access, port, protocol }: Door, principal: string | null): CallerVerdict {
  return judgeCaller(access, { principal, port, raw: protocol === 'tcp' });
}
