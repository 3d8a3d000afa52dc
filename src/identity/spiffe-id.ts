/** SPIFFE IDs as this mesh writes them. @see https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md */

/** `spiffe://<trust domain>/ns/default/sa/<service>` */
export function serviceId(trustDomain: string, service: string): string {
  return `spiffe://${trustDomain}/ns/default/sa/${service}`;
}

/** Identity of the daemon on control channels. No service can have it: the path differs from every service's. */
export function daemonId(trustDomain: string): string {
  return `spiffe://${trustDomain}/mesh/daemon`;
}
