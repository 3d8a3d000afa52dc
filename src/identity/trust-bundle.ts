import { createHash, X509Certificate } from 'node:crypto';
import { SvidError } from './leaf-certificate.ts';

const certificate = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

const maxKnown = 512;

/** SHA-256 of a certificate, lower-case hex: by this name roots are known everywhere. */
export function fingerprintOf(of: X509Certificate): string {
  return createHash('sha256').update(of.raw).digest('hex');
}

/** The roots that somebody trusts. */
export class TrustBundle {
  readonly pem: string;
  /** Of the roots, sorted. */
  readonly fingerprints: readonly string[];
  readonly #roots: ReadonlyMap<string, X509Certificate>;
  /** Peers show the same certificate with every connection. By its fingerprint. */
  readonly #known = new Map<string, string | null>();

  /** @throws SvidError for what is not PEM of one or more certificates */
  constructor(pem: string) {
    this.pem = pem;
    this.#roots = rootsIn(pem);
    this.fingerprints = [...this.#roots.keys()].sort();
  }

  /** Fingerprint of the root that has signed a certificate; `null`: none of these. The mesh's roots sign leaves only, so there is nothing between. `fingerprint`: of `leaf`. */
  rootOf(leaf: X509Certificate, fingerprint: string = fingerprintOf(leaf)): string | null {
    const known = this.#known.get(fingerprint);
    if (known !== undefined) return known;
    const signer = [...this.#roots].find(([, root]) => leaf.checkIssued(root) && leaf.verify(root.publicKey));
    if (this.#known.size >= maxKnown) this.#known.clear();
    this.#known.set(fingerprint, signer?.[0] ?? null);
    return signer?.[0] ?? null;
  }
}

function rootsIn(pem: string): ReadonlyMap<string, X509Certificate> {
  const found = pem.match(certificate) ?? [];
  try {
    const roots = found.map(one => new X509Certificate(one));
    if (roots.length > 0) return new Map(roots.map(root => [fingerprintOf(root), root]));
  } catch {
    // The same answer as below.
  }
  throw new SvidError('trust bundle is not PEM');
}
