import type { ObservedWorkload } from '../../control/control-plane.ts';
import { accountOf } from '../../identity/spiffe-id.ts';
import type { EdgeSignal, Party } from '../../snapshot/edge-signal.ts';
import { bucketCount, countRule, type EdgeName, type EdgeRow, emptyRow, maxEdges, overflowEdge } from './edge-row.ts';
import type { Moment } from './segment.ts';

/**
 * Sums up what the sidecars tell of one second. A call between two sidecars is told by both: the caller's counts (it knows what failed on the way, and the
 * rule), and the called side says whether it was secured, whom it refused, and how many connections are open.
 */
export class SignalRecorder {
  #rows = new Map<string, { readonly name: EdgeName; readonly row: EdgeRow }>();
  /** Open connections by workload and edge: told when they change. */
  readonly #open = new Map<string, Map<string, { readonly name: EdgeName; readonly open: number }>>();

  /** Takes what a sidecar tells. It is believed of its own workload only. */
  take(from: ObservedWorkload, signals: readonly EdgeSignal[]): void {
    for (const signal of signals) {
      const own = { service: from.service, version: from.version };
      const outgoing = signal.reporter === 'source';
      const isMember = accountOf(signal.source.principal) !== null;
      const name: EdgeName = {
        source: outgoing ? { ...signal.source, ...own } : isMember ? signal.source : stranger(signal.source),
        destination: outgoing ? signal.destination : { ...signal.destination, ...own },
        protocol: signal.protocol,
      };
      const counts = outgoing || !isMember;
      this.#add(name, signal, counts);
      if (signal.protocol === 'tcp' ? counts : !outgoing) this.#note(from.name, name, signal.open);
    }
  }

  /** What was told since the last time. `connected`: workloads whose sidecars still tell. */
  end(atMs: number, lengthMs: number, connected: (workload: string) => boolean): Moment {
    for (const [workload, edges] of this.#open) {
      if (!connected(workload)) this.#open.delete(workload);
      else for (const { name, open } of edges.values()) this.#row(name).open += open;
    }
    const rows = new Map([...this.#rows.values()].map(({ name, row }) => [name, row]));
    this.#rows = new Map();
    return { atMs, lengthMs, rows };
  }

  #add(name: EdgeName, signal: EdgeSignal, counts: boolean): void {
    const row = this.#row(name);
    row.denied += signal.denied;
    row.secured = signal.secured ?? row.secured;
    if (!counts) return;
    row.requests += signal.requests;
    row.failures += signal.failures;
    row.clientErrors += signal.clientErrors;
    row.bytesIn += signal.bytesIn;
    row.bytesOut += signal.bytesOut;
    for (let i = 0; i < bucketCount; i++) row.durations[i] = (row.durations[i] ?? 0) + (signal.durations[i] ?? 0);
    for (const rule of signal.rules) countRule(row, rule.name, rule.hits, rule.failures);
  }

  #note(workload: string, name: EdgeName, open: number): void {
    const edges = this.#open.get(workload) ?? new Map();
    this.#open.set(workload, edges);
    if (open === 0) edges.delete(keyOf(name));
    else if (edges.size < maxEdges) edges.set(keyOf(name), { name, open });
  }

  #row(name: EdgeName): EdgeRow {
    const key = keyOf(name);
    const known = this.#rows.get(key);
    if (known !== undefined) return known.row;
    return this.#rows.size < maxEdges ? this.#keep(key, name) : (this.#rows.get('')?.row ?? this.#keep('', overflowEdge));
  }

  #keep(key: string, name: EdgeName): EdgeRow {
    const row = emptyRow();
    this.#rows.set(key, { name, row });
    return row;
  }
}

/** A caller that does not tell itself: the called one's word alone makes it no service of the mesh. */
function stranger(source: Party): Party {
  return { ...source, service: source.principal.slice(source.principal.lastIndexOf('/') + 1), version: '' };
}

/** Workload and identities follow from service and version; who is unknown to one side must still be the same edge. */
export function keyOf({ source, destination, protocol }: EdgeName): string {
  return JSON.stringify([source.service, source.version, destination.service, destination.version, protocol]);
}
