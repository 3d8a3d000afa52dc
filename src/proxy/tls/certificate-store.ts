import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContextOptions } from 'node:tls';

/** A certificate for the edge, as it is held. */
export interface HeldCertificate {
  /** As in `GatewayTls.certificates`. */
  readonly name: string;
  readonly chainPem: string;
  readonly keyPem: string;
  /** DNS names that it is for, lower case. */
  readonly names: readonly string[];
  /** Ms since epoch. */
  readonly expiresAtMs: number;
}

/** The certificates of a gateway, as the daemon sent them. In memory only: who sees this process dies with it. */
export class CertificateStore {
  readonly #held = new Map<string, HeldCertificate>();
  readonly #listeners = new Set<() => void>();

  /** What may be told of them: no keys. */
  get states(): readonly Pick<HeldCertificate, 'name' | 'names' | 'expiresAtMs'>[] {
    return [...this.#held.values()].map(({ name, names, expiresAtMs }) => ({ name, names, expiresAtMs }));
  }

  get(name: string): HeldCertificate | null {
    return this.#held.get(name) ?? null;
  }

  /**
   * Puts a certificate in the place of the one of that name; new handshakes use it.
   * @throws Error when the two do not fit (the one before stays); its message holds no key material
   */
  replace(name: string, chainPem: string, keyPem: string): HeldCertificate {
    const leaf = leafOf(chainPem);
    if (!fits(leaf, chainPem, keyPem)) throw new Error('key and certificate do not belong together');
    const names = [...(leaf.subjectAltName ?? '').matchAll(/DNS:([^,"\s]+)/g)].map(match => (match[1] ?? '').toLowerCase());
    const held = { name, chainPem, keyPem, names, expiresAtMs: Date.parse(leaf.validTo) };
    this.#held.set(name, held);
    for (const listener of this.#listeners) listener();
    return held;
  }

  /** Calls `listener` whenever a certificate is new; the returned function ends that. */
  onReplaced(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** What handshakes with a certificate work with. `clientRoots`: PEM of the roots that clients have certificates of; `null`: they are not asked. */
export function contextOptions(
  { chainPem, keyPem }: HeldCertificate,
  minVersion: '1.2' | '1.3',
  clientRoots: string | null,
): SecureContextOptions {
  const ca = clientRoots === null ? {} : { ca: clientRoots };
  return { cert: chainPem, key: keyPem, minVersion: `TLSv${minVersion}`, ...ca };
}

function leafOf(chainPem: string): X509Certificate {
  try {
    return new X509Certificate(chainPem);
  } catch {
    throw new Error('the certificate cannot be read');
  }
}

/** OpenSSL's own errors could quote what it read. */
function fits(leaf: X509Certificate, chainPem: string, keyPem: string): boolean {
  try {
    createSecureContext({ cert: chainPem, key: keyPem });
    return leaf.checkPrivateKey(createPrivateKey(keyPem));
  } catch {
    return false;
  }
}
