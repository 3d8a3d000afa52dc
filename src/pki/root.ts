/** A root of the CA with its key, and the file that the roots of a trust domain lie in. */
import 'reflect-metadata'; // @peculiar/x509 needs it loaded before itself
import { createPrivateKey, X509Certificate as NodeCertificate, webcrypto } from 'node:crypto';
import { PemConverter, X509Certificate } from '@peculiar/x509';
import { fingerprintOf } from '../identity/trust-bundle.ts';
import { createRoot, generateKeys, keyAlgorithm } from './certificate.ts';

/**
 * What a root is for. `active`: signs. `next`: is trusted and will sign. `retiring`: is trusted and signs no more. `retired`: nobody trusts it; its key
 * only shows the daemon to sidecars that were started with it, until they have heard of the others.
 */
export type RootRole = 'active' | 'next' | 'retiring' | 'retired';

/** See the file's head. Never changed: `as` makes another one. */
export class Root {
  readonly role: RootRole;
  readonly certificate: X509Certificate;
  readonly key: webcrypto.CryptoKey;
  /** SHA-256, lower-case hex. */
  readonly fingerprint: string;
  readonly #keyPem: string;

  private constructor(role: RootRole, certificate: X509Certificate, key: webcrypto.CryptoKey, keyPem: string) {
    this.role = role;
    this.certificate = certificate;
    this.key = key;
    this.#keyPem = keyPem;
    this.fingerprint = fingerprintOf(new NodeCertificate(Buffer.from(certificate.rawData)));
  }

  /** A new one. `nowMs`: ms since epoch. */
  static async create(role: RootRole, trustDomain: string, nowMs: number): Promise<Root> {
    const keys = await generateKeys();
    const certificate = await createRoot(keys, trustDomain, nowMs);
    const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
    return new Root(role, certificate, keys.privateKey, PemConverter.encode(pkcs8, 'PRIVATE KEY'));
  }

  /** @throws Error when a part cannot be read or the two do not belong together; its message may quote the key */
  static async read(role: RootRole, certificatePem: string, keyPem: string): Promise<Root> {
    const certificate = new X509Certificate(certificatePem);
    const pkcs8 = PemConverter.decodeFirst(keyPem);
    const key = await webcrypto.subtle.importKey('pkcs8', pkcs8, keyAlgorithm, false, ['sign']);
    const pair = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' });
    if (!new NodeCertificate(Buffer.from(certificate.rawData)).checkPrivateKey(pair)) throw new Error('not a pair');
    return new Root(role, certificate, key, keyPem);
  }

  /** Ms since epoch. */
  get notBeforeMs(): number {
    return this.certificate.notBefore.getTime();
  }

  /** Ms since epoch. */
  get expiresAtMs(): number {
    return this.certificate.notAfter.getTime();
  }

  /** The certificate: public. */
  get pem(): string {
    return `${this.certificate.toString('pem')}\n`;
  }

  /** The same root with another purpose. */
  as(role: RootRole): Root {
    return new Root(role, this.certificate, this.key, this.#keyPem);
  }

  /** As the file has it: secret. */
  get secretText(): string {
    return `${this.role}\n${this.pem}${this.#keyPem}\n`;
  }
}

/** One root: its role, which the first files did not say, its certificate and its key. */
const entry =
  /(?:(active|next|retiring|retired)\n)?(-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----)\s+(-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----)\s*/y;

/** @throws Error for anything that `secretText` of a proper set of roots is not; its message may quote a key */
export async function readRoots(text: string): Promise<readonly Root[]> {
  const found: Root[] = [];
  entry.lastIndex = 0;
  let at = 0;
  for (let match = entry.exec(text); match !== null; match = entry.exec(text)) {
    found.push(await Root.read((match[1] ?? 'active') as RootRole, match[2] ?? '', match[3] ?? ''));
    at = entry.lastIndex;
  }
  const count = (role: RootRole): number => found.filter(root => root.role === role).length;
  const once = (['next', 'retiring', 'retired'] as const).every(role => count(role) <= 1);
  if (at < text.length || count('active') !== 1 || !once || count('next') + count('retiring') > 1) throw new Error('not roots');
  return found;
}
