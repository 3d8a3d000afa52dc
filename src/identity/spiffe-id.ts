/** SPIFFE IDs as this mesh writes them. @see https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md */

/** `spiffe://<trust domain>/ns/<namespace>/sa/<account>` */
export function serviceId(trustDomain: string, namespace: string, account: string): string {
  return `spiffe://${trustDomain}/ns/${namespace}/sa/${account}`;
}

/** Namespace and account of an id that `serviceId` made; `null` for another one. */
export function accountOf(spiffeId: string): { readonly namespace: string; readonly account: string } | null {
  const [, namespace, account] = /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(spiffeId) ?? [];
  return namespace === undefined || account === undefined ? null : { namespace, account };
}

/** Identity of the daemon on control channels. No service can have it: the path differs from every service's. */
export function daemonId(trustDomain: string): string {
  return `spiffe://${trustDomain}/mesh/daemon`;
}

/** Identity of somebody outside of the mesh who has a certificate of it. No service can have it either. */
export function personId(trustDomain: string, name: string): string {
  return `spiffe://${trustDomain}/person/${name}`;
}

/** A SPIFFE ID taken apart. */
export interface SpiffeId {
  readonly trustDomain: string;
  /** With its leading slash; empty for the id of the trust domain itself. */
  readonly path: string;
}

/** SPIFFE-ID section 2.3: implementations must handle ids of up to 2048 bytes; longer ones are refused. */
const maxIdBytes = 2048;
/** Section 2.1: a trust domain has at most 255 of these characters, lower case only. */
const trustDomainShape = /^[a-z0-9._-]{1,255}$/;
/** Section 2.2: segments hold these characters only; percent-encoding is forbidden. */
const segmentShape = /^[A-Za-z0-9._-]+$/;

/**
 * Takes an id apart by the standard's own rules. Nothing is repaired: no upper-case scheme or domain, no port, userinfo, query, fragment,
 * percent-encoding, trailing slash, empty or dot segment.
 * @returns `null` for anything that is not an id
 */
export function parseSpiffeId(text: string): SpiffeId | null {
  if (!text.startsWith('spiffe://') || text.length > maxIdBytes) return null;
  const rest = text.slice('spiffe://'.length);
  const slash = rest.indexOf('/');
  const trustDomain = slash < 0 ? rest : rest.slice(0, slash);
  const path = slash < 0 ? '' : rest.slice(slash);
  if (!trustDomainShape.test(trustDomain)) return null;
  if (path === '') return { trustDomain, path };
  const segments = path.slice(1).split('/');
  const valid = segments.every(segment => segmentShape.test(segment) && segment !== '.' && segment !== '..');
  return valid ? { trustDomain, path } : null;
}
