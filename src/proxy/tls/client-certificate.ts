import { createHash, type X509Certificate } from 'node:crypto';
import { type LeafFacts, readLeaf, SvidError } from '../../identity/leaf-certificate.ts';
import type { TrustBundle } from '../../identity/trust-bundle.ts';
import type { PeerIdentity } from '../data-plane.ts';

/** Who a client at the edge is. */
export interface EdgeClient {
  /** `null`: its certificate has no SPIFFE ID. */
  readonly peer: PeerIdentity | null;
  /** Fingerprint of the mesh's root that its certificate comes from; `null`: of somebody else's CA. */
  readonly root: string | null;
  /** The certificate as an element of `x-forwarded-client-cert`, latin1. */
  readonly element: string;
}

/** What client certificates at the edge are judged by. */
export interface ClientTrust {
  /** The mesh's own roots; `null`: somebody else's CA, which may name nobody of the mesh. */
  readonly meshRoots: TrustBundle | null;
  /** Of the mesh. */
  readonly trustDomain: string;
  /** Ms since epoch. */
  readonly nowMs: number;
}

/**
 * Reads a client's certificate whose chain TLS has verified.
 * @throws SvidError for one that is not let in
 */
export function readClient(certificate: X509Certificate, { meshRoots, trustDomain, nowMs }: ClientTrust): EdgeClient {
  // A resumed session was verified when it began; it must outlive neither the certificate nor the trust in its root.
  if (nowMs >= Date.parse(certificate.validTo)) throw new SvidError('client certificate: it has expired');
  const leaf = meshRoots === null ? leafOrNull(certificate) : readLeaf(certificate.raw);
  let root: string | null = null;
  if (meshRoots !== null) {
    if (leaf?.trustDomain !== trustDomain)
      throw new SvidError(`client certificate: of trust domain ${leaf?.trustDomain}, expected ${trustDomain}`);
    root = meshRoots.rootOf(certificate, leaf.certificateHash);
    if (root === null) throw new SvidError('client certificate: its root is not trusted');
  } else if (leaf?.trustDomain === trustDomain)
    throw new SvidError('client certificate: an identity of the mesh that its CA did not give');
  const hash = leaf?.certificateHash ?? createHash('sha256').update(certificate.raw).digest('hex');
  const uri = leaf === null ? '' : `;URI=${leaf.spiffeId}`;
  return {
    peer: leaf === null ? null : { spiffeId: leaf.spiffeId, certificateHash: hash },
    root,
    element: `Hash=${hash};Subject="${subjectOf(certificate)}"${uri}`,
  };
}

function leafOrNull(certificate: X509Certificate): LeafFacts | null {
  try {
    return readLeaf(certificate.raw);
  } catch {
    return null;
  }
}

/** The subject as RFC 2253 writes it, most particular part first, safe between quotes in a field. */
function subjectOf({ subject }: X509Certificate): string {
  const parts = (subject ?? '').split('\n').reverse().join(',');
  // What is escaped stays so; a quote or backslash that is not would end the text.
  const escaped = parts.replaceAll(/\\[\s\S]|["\\]/g, found => (found.length === 2 ? found : `\\${found}`));
  return Buffer.from(escaped)
    .toString('latin1')
    .replaceAll(/[\0-\x1f\x7f]/g, '');
}
