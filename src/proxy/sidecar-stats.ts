import { counterText, gaugeText, labels } from '../telemetry/exposition.ts';

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
  | 'tls_handshake'
  | 'certificate_missing'
  | 'client_certificate'
  | 'overload'
  | 'descriptors';

/** Counters of what happens before an exchange exists. The data plane counts everything after. */
export class SidecarStats {
  readonly #refused = new Map<string, number>();
  readonly #passthrough = new Map<string, number>();
  readonly #dns = new Map<string, number>();

  refused(listener: 'inbound' | 'outbound' | 'gateway', reason: RefusalReason): void {
    add(this.#refused, labels({ listener, reason }));
  }

  passthrough(cluster: 'PassthroughCluster' | 'InboundPassthroughCluster'): void {
    add(this.#passthrough, labels({ cluster }));
  }

  dns(result: 'mesh' | 'empty' | 'forwarded' | 'failed'): void {
    add(this.#dns, labels({ result }));
  }

  /** Prometheus text exposition. */
  metrics(svidExpiresAtMs: number | null): string {
    return [
      counterText('mesh_connections_refused_total', 'Connections that the sidecar turned away, by reason.', this.#refused),
      counterText(
        'mesh_passthrough_connections_total',
        'Connections to addresses that the mesh does not know.',
        this.#passthrough,
      ),
      counterText('mesh_dns_queries_total', 'Questions of the app for names.', this.#dns),
      gaugeText(
        'mesh_svid_expiry_seconds',
        'End of the certificate in use, seconds since the epoch.',
        svidExpiresAtMs === null ? [] : [['', svidExpiresAtMs / 1000]],
      ),
    ].join('');
  }
}

function add(to: Map<string, number>, labels: string): void {
  to.set(labels, (to.get(labels) ?? 0) + 1);
}
