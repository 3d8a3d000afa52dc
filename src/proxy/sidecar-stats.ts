/** Why the sidecar itself turned a connection away; one word each, as a metrics label. */
export type RefusalReason =
  | 'direct_call'
  | 'no_config'
  | 'unknown_port'
  | 'unknown_destination'
  | 'plaintext'
  | 'svid_missing'
  | 'svid_expired'
  | 'peer_identity'
  | 'tls_handshake';

/** Counters of what happens before an exchange exists. The data plane counts everything after. */
export class SidecarStats {
  readonly #refused = new Map<string, number>();
  readonly #passthrough = new Map<string, number>();
  readonly #dns = new Map<string, number>();

  refused(listener: 'inbound' | 'outbound' | 'gateway', reason: RefusalReason): void {
    add(this.#refused, `listener="${listener}",reason="${reason}"`);
  }

  passthrough(cluster: 'PassthroughCluster' | 'InboundPassthroughCluster'): void {
    add(this.#passthrough, `cluster="${cluster}"`);
  }

  dns(result: 'mesh' | 'empty' | 'forwarded' | 'failed'): void {
    add(this.#dns, `result="${result}"`);
  }

  /** Prometheus text exposition. */
  metrics(svidExpiresAtMs: number | null): string {
    return [
      family('mesh_connections_refused_total', 'counter', this.#refused),
      family('mesh_passthrough_connections_total', 'counter', this.#passthrough),
      family('mesh_dns_queries_total', 'counter', this.#dns),
      family('mesh_svid_expiry_seconds', 'gauge', new Map(svidExpiresAtMs === null ? [] : [['', svidExpiresAtMs / 1000]])),
    ].join('');
  }
}

function add(to: Map<string, number>, labels: string): void {
  to.set(labels, (to.get(labels) ?? 0) + 1);
}

function family(name: string, type: string, values: ReadonlyMap<string, number>): string {
  const lines = [...values].map(([labels, value]) => `${name}${labels === '' ? '' : `{${labels}}`} ${value}\n`);
  return lines.length === 0 ? '' : `# TYPE ${name} ${type}\n${lines.join('')}`;
}
