/** Which services take plaintext, and which get it. Pure. */
import type { EdgeStats } from '../../../api/stats.ts';
import type { ConfigDocument } from '../../../api/types.ts';
import { nobody } from './access-grid.ts';

/** One service. */
export interface ServiceEncryption {
  readonly service: string;
  /** `strict` refuses plaintext, `permissive` takes both, `disabled` sends it too. */
  readonly mode: 'strict' | 'permissive' | 'disabled';
  /** Ports with a mode of their own: `9090 permissive`. */
  readonly ports: string;
  readonly secured: number;
  readonly plaintext: number;
}

/** Calls that came in plaintext. */
export interface PlaintextEdge {
  readonly from: string;
  readonly to: string;
  readonly protocol: EdgeStats['protocol'];
  readonly calls: number;
  /** Of them, by access rules. */
  readonly refused: number;
}

/** Modes and calls of every service, those with plaintext first. */
export function encryptionOf({ config }: ConfigDocument, edges: readonly EdgeStats[]): readonly ServiceEncryption[] {
  return config.services
    .map(({ name, mtls, mtlsPorts = [] }) => {
      const sum = (secured: boolean): number =>
        edges
          .filter(edge => edge.destination.name === name && edge.secured === secured)
          .reduce((all, { total }) => all + total.requests, 0);
      const ports = mtlsPorts.map(({ port, mode }) => `${port} ${mode}`).join(', ');
      return { service: name, mode: mtls, ports, secured: sum(true), plaintext: sum(false) };
    })
    .sort((a, b) => b.plaintext - a.plaintext || (a.service < b.service ? -1 : 1));
}

/** Who calls whom without mutual TLS, of all versions together. */
export function plaintextEdges(edges: readonly EdgeStats[]): readonly PlaintextEdge[] {
  const sums = new Map<string, PlaintextEdge>();
  for (const { source, destination, protocol, secured, total } of edges) {
    if (secured !== false || total.requests === 0) continue;
    const key = JSON.stringify([source.name, destination.name, protocol]);
    const { calls = 0, refused = 0 } = sums.get(key) ?? {};
    sums.set(key, {
      from: source.kind === 'unknown' ? nobody : source.name,
      to: destination.name,
      protocol,
      calls: calls + total.requests,
      refused: refused + total.denied,
    });
  }
  return [...sums.values()].sort((a, b) => b.calls - a.calls);
}
