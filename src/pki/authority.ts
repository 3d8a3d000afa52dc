/** The mesh's own CA: one root per trust domain in one private file, and the SVIDs that it issues. */
import 'reflect-metadata'; // @peculiar/x509 needs it loaded before itself
import { createPrivateKey, X509Certificate as NodeCertificate, webcrypto } from 'node:crypto';
import { join } from 'node:path';
import { PemConverter, X509Certificate } from '@peculiar/x509';
import type { Clock } from '../async/clock.ts';
import { daemonId, parseSpiffeId } from '../identity/spiffe-id.ts';
import { createLeaf, createRoot, createServerLeaf, generateKeys, keyAlgorithm, readRequest } from './certificate.ts';
import { PkiError } from './pki-error.ts';
import { readPrivateFile, writePrivateFile } from './private-file.ts';

/** Life of an SVID, Istio's: the daemon may be away for about half of it before anybody notices. */
export const defaultTtlMs = 24 * 3_600_000;

/** Life of a gateway's certificate. A daemon that is away for weeks leaves a working gateway; browsers take up to 398 days. */
const serverTtlMs = 90 * 24 * 3_600_000;

/** What the CA answered. */
export interface IssuedSvid {
  /** Leaf first. The root is not part of it. */
  readonly chainPem: string;
  readonly spiffeId: string;
  /** Lower-case hex. */
  readonly serialNumber: string;
  /** Ms since epoch. */
  readonly notBeforeMs: number;
  readonly expiresAtMs: number;
}

/** The daemon's own SVID with its key: memory only, shaped for `tls.connect`. */
export interface DaemonSvid extends IssuedSvid {
  readonly privateKeyPem: string;
}

/** A server's certificate with its key: memory and control channel only. */
export interface ServerCertificate {
  /** Leaf first. The root is not part of it. */
  readonly chainPem: string;
  readonly privateKeyPem: string;
  /** Ms since epoch. */
  readonly notBeforeMs: number;
  readonly expiresAtMs: number;
}

/** Where the CA lives and for whom. */
export interface AuthorityOptions {
  /** `<project>/.mesh/pki`; made when missing. */
  readonly directory: string;
  readonly trustDomain: string;
  readonly clock: Clock;
}

/** Signs for one trust domain. */
export class Authority {
  readonly trustDomain: string;
  /** PEM of the root: public. */
  readonly bundlePem: string;
  readonly #root: X509Certificate;
  readonly #key: webcrypto.CryptoKey;
  readonly #clock: Clock;

  private constructor(trustDomain: string, root: X509Certificate, key: webcrypto.CryptoKey, clock: Clock) {
    this.trustDomain = trustDomain;
    this.bundlePem = `${root.toString('pem')}\n`;
    this.#root = root;
    this.#key = key;
    this.#clock = clock;
  }

  /**
   * Loads the CA, or makes and stores one. Key and certificate share one file, so that one rename puts both in place.
   * @throws PkiError `state` or `expired`, naming the file
   */
  static async open(options: AuthorityOptions): Promise<Authority> {
    const { directory, trustDomain, clock } = options;
    const file = join(directory, `${trustDomain}.pem`);
    const stored = await readPrivateFile(file);
    if (stored === null) {
      const keys = await generateKeys();
      const root = await createRoot(keys, trustDomain, clock.now());
      const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
      await writePrivateFile(file, `${root.toString('pem')}\n${PemConverter.encode(pkcs8, 'PRIVATE KEY')}\n`);
      return new Authority(trustDomain, root, keys.privateKey, clock);
    }
    const { root, key } = await parseStored(stored, file);
    if (root.notAfter.getTime() <= clock.now())
      throw new PkiError(
        'expired',
        `the CA in ${file} ended on ${root.notAfter.toISOString()}; remove the file to get a new one`,
        file,
      );
    return new Authority(trustDomain, root, key, clock);
  }

  /**
   * Signs a CSR for exactly the given identity.
   * @param spiffeId what the control plane knows the sender to be; nothing that the CSR says about names is used
   * @throws PkiError `request`
   */
  async issue(csrPem: string, spiffeId: string, ttlMs: number = defaultTtlMs): Promise<IssuedSvid> {
    return this.#sign(await readRequest(csrPem), spiffeId, ttlMs);
  }

  /** A fresh key with the identity that sidecars accept on control channels. */
  async issueDaemon(ttlMs: number = defaultTtlMs): Promise<DaemonSvid> {
    const keys = await generateKeys();
    const issued = await this.#sign(keys.publicKey, daemonId(this.trustDomain), ttlMs);
    const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
    return { ...issued, privateKeyPem: PemConverter.encode(pkcs8, 'PRIVATE KEY') };
  }

  /**
   * A fresh key and certificate for a server that clients outside the mesh call by name.
   * @param names DNS names, `*.suffix` among them, and IP addresses; at least one
   */
  async issueServer(names: readonly string[], ttlMs: number = serverTtlMs): Promise<ServerCertificate> {
    const { publicKey, privateKey } = await generateKeys();
    const nowMs = this.#clock.now();
    const leaf = await createServerLeaf({ root: this.#root, rootKey: this.#key, publicKey, names, nowMs, ttlMs });
    return {
      chainPem: `${leaf.toString('pem')}\n`,
      privateKeyPem: PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', privateKey), 'PRIVATE KEY'),
      notBeforeMs: leaf.notBefore.getTime(),
      expiresAtMs: leaf.notAfter.getTime(),
    };
  }

  async #sign(publicKey: Parameters<typeof createLeaf>[0]['publicKey'], spiffeId: string, ttlMs: number): Promise<IssuedSvid> {
    const parsed = parseSpiffeId(spiffeId);
    if (parsed === null || parsed.trustDomain !== this.trustDomain || parsed.path === '')
      throw new PkiError('request', `${JSON.stringify(spiffeId)} is not an identity of ${this.trustDomain}`);
    const nowMs = this.#clock.now();
    const leaf = await createLeaf({ root: this.#root, rootKey: this.#key, publicKey, spiffeId, nowMs, ttlMs });
    return {
      chainPem: `${leaf.toString('pem')}\n`,
      spiffeId,
      serialNumber: leaf.serialNumber,
      notBeforeMs: leaf.notBefore.getTime(),
      expiresAtMs: leaf.notAfter.getTime(),
    };
  }
}

async function parseStored(text: string, file: string): Promise<{ root: X509Certificate; key: webcrypto.CryptoKey }> {
  try {
    const [certificate, pkcs8, ...more] = PemConverter.decodeWithHeaders(text);
    if (certificate?.type !== 'CERTIFICATE' || pkcs8?.type !== 'PRIVATE KEY' || more.length > 0)
      throw new Error('parts are missing');
    const root = new X509Certificate(certificate.rawData);
    const key = await webcrypto.subtle.importKey('pkcs8', pkcs8.rawData, keyAlgorithm, false, ['sign']);
    const pair = createPrivateKey({ key: Buffer.from(pkcs8.rawData), format: 'der', type: 'pkcs8' });
    const belongs = new NodeCertificate(Buffer.from(root.rawData)).checkPrivateKey(pair);
    if (!belongs) throw new Error('key and certificate do not belong together');
    return { root, key };
  } catch {
    // The parser's own message could quote what it read, and that holds a key.
    throw new PkiError(
      'state',
      `${file} is damaged; restore it, or remove it to get a new CA (running pods must then be made anew)`,
      file,
    );
  }
}
