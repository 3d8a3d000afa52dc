/** The sidecar's own ports, Istio's numbers. Inside a pod these are never intercepted. */
export const ports = {
  outbound: 15001,
  inbound: 15006,
  /** Control channel: TLS, dialled by the daemon through a port published on 127.0.0.1. */
  control: 15012,
  /** Metrics, for the host and the mesh's scrapers alone. */
  stats: 15020,
  ready: 15021,
  dns: 15053,
} as const;

/** Uid of the sidecar process; traffic of this uid is not intercepted. An app must not run as it. */
export const sidecarUid = 1337;

/** Mesh names resolve into this network (class E, never routed): 240.240.0.0/16, as Istio's auto-allocation. */
export const virtualNetwork = '240.240';
