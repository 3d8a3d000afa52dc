/** The mesh's own CA: the roots of a trust domain in one private file, and the certificates that they issue. */
import 'reflect-metadata'; // @peculiar/x509 needs it loaded before itself
import { webcrypto } from 'node:crypto';
import { join } from 'node:path';
import { PemConverter } from '@peculiar/x509';
import type { Clock } from '../async/clock.ts';
import { daemonId, parseSpiffeId } from '../identity/spiffe-id.ts';
import { createLeaf, createServerLeaf, generateKeys, readRequest } from './certificate.ts';
import { PkiError } from './pki-error.ts';
import { readPrivateFile, writePrivateFile } from './private-file.ts';
import { Root, readRoots } from './root.ts';

/** Life of an SVID, Istio's: the daemon may be away for about half of it before anybody notices. */
export const defaultTtlMs = 24 * 3_600_000;

/** Life of a gateway's certificate. A daemon that is away for weeks leaves a working gateway; browsers take up to 398 days. */
const serverTtlMs = 90 * 24 * 3_600_000;

/** What the CA answered. */
export interface IssuedSvid {
  /** Leaf first. The root is not part of it. */
  readonly chainPem: string;
  readonly spiffeId: string;
  /** Fingerprint of the root that signed it. */
  readonly root: string;
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

/** How far a change of the root is: `prepared`: the next one is made, and is to be trusted; `activated`: it signs, and the one before is to be forgotten. */
export type RotationPhase = 'stable' | 'prepared' | 'activated';

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
  readonly #file: string;
  readonly #clock: Clock;
  #roots: readonly Root[];

  private constructor(file: string, trustDomain: string, roots: readonly Root[], clock: Clock) {
    this.trustDomain = trustDomain;
    this.#file = file;
    this.#clock = clock;
    this.#roots = roots;
  }

  /**
   * Loads the CA, or makes and stores one. Keys and certificates share one file, so that one rename puts all of a step in place.
   * @throws PkiError `state` or `expired`, naming the file
   */
  static async open(options: AuthorityOptions): Promise<Authority> {
    const { directory, trustDomain, clock } = options;
    const file = join(directory, `${trustDomain}.pem`);
    const stored = await readPrivateFile(file);
    if (stored === null) {
      const root = await Root.create('active', trustDomain, clock.now());
      await writePrivateFile(file, root.secretText);
      return new Authority(file, trustDomain, [root], clock);
    }
    const authority = new Authority(file, trustDomain, await parseStored(stored, file), clock);
    const { expiresAtMs } = authority.active;
    if (expiresAtMs > clock.now()) return authority;
    const end = new Date(expiresAtMs).toISOString();
    throw new PkiError('expired', `the CA in ${file} ended on ${end}; remove the file to get a new one`, file);
  }

  /** All roots that are kept, the active one first. */
  get roots(): readonly Root[] {
    return this.#roots;
  }

  /** The root that signs. */
  get active(): Root {
    return this.#roots.find(root => root.role === 'active') as Root;
  }

  /** Roots that everybody is to trust. */
  get trusted(): readonly Root[] {
    return this.#roots.filter(root => root.role !== 'retired');
  }

  /** PEM of the trusted roots, the active one first: public. */
  get bundlePem(): string {
    return this.trusted.map(root => root.pem).join('');
  }

  /** The root that pods are made with, kept as long as there are pods: with another one they would have to be made anew. */
  get anchor(): Root {
    const kept = (['retired', 'retiring', 'active'] as const).map(role => this.#roots.find(root => root.role === role));
    return kept.find(root => root !== undefined) as Root;
  }

  /** How far a change of the root is. */
  get phase(): RotationPhase {
    if (this.#roots.some(root => root.role === 'next')) return 'prepared';
    return this.#roots.some(root => root.role === 'retiring') ? 'activated' : 'stable';
  }

  /** First step: makes the next root, to be trusted from now on. In another phase nothing happens. @throws PkiError `state`, and nothing has changed */
  async prepare(): Promise<void> {
    if (this.phase !== 'stable') return;
    await this.#keep([...this.#roots, await Root.create('next', this.trustDomain, this.#clock.now())]);
  }

  /** Second step: the next root signs. @throws as `prepare` */
  async activate(): Promise<void> {
    if (this.phase !== 'prepared') return;
    const turned = this.#roots.map(root =>
      root.role === 'next' ? root.as('active') : root.role === 'active' ? root.as('retiring') : root,
    );
    await this.#keep(turned.sort(first => (first.role === 'active' ? -1 : 1)));
  }

  /** Last step: the root before is trusted no more. It stays where pods were made with it. @throws as `prepare` */
  async retire(): Promise<void> {
    if (this.phase !== 'activated') return;
    const { anchor } = this;
    const kept = this.#roots.filter(root => root.role !== 'retiring' || root === anchor);
    await this.#keep(kept.map(root => (root.role === 'retiring' ? root.as('retired') : root)));
  }

  /** There are no pods: nobody needs the roots of before. @throws as `prepare` */
  async forgetRetired(): Promise<void> {
    if (this.#roots.some(root => root.role === 'retired')) await this.#keep(this.trusted);
  }

  /**
   * Signs a CSR for exactly the given identity.
   * @param spiffeId what the control plane knows the sender to be; nothing that the CSR says about names is used
   * @throws PkiError `request`
   */
  async issue(csrPem: string, spiffeId: string, ttlMs: number = defaultTtlMs): Promise<IssuedSvid> {
    return this.#sign(this.active, await readRequest(csrPem), spiffeId, ttlMs);
  }

  /** A fresh key with the identity that sidecars accept on control channels, from one of the roots. */
  async issueDaemon(ttlMs: number = defaultTtlMs, root: Root = this.active): Promise<DaemonSvid> {
    const keys = await generateKeys();
    const issued = await this.#sign(root, keys.publicKey, daemonId(this.trustDomain), ttlMs);
    const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
    return { ...issued, privateKeyPem: PemConverter.encode(pkcs8, 'PRIVATE KEY') };
  }

  /**
   * A fresh key and certificate for a server that clients outside the mesh call by name.
   * @param names DNS names, `*.suffix` among them, and IP addresses; at least one
   */
  async issueServer(names: readonly string[], ttlMs: number = serverTtlMs): Promise<ServerCertificate> {
    const { publicKey, privateKey } = await generateKeys();
    const leaf = await createServerLeaf({ ...this.#with(this.active, ttlMs), publicKey, names });
    return {
      chainPem: `${leaf.toString('pem')}\n`,
      privateKeyPem: PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', privateKey), 'PRIVATE KEY'),
      notBeforeMs: leaf.notBefore.getTime(),
      expiresAtMs: leaf.notAfter.getTime(),
    };
  }

  async #sign(
    root: Root,
    publicKey: Parameters<typeof createLeaf>[0]['publicKey'],
    spiffeId: string,
    ttlMs: number,
  ): Promise<IssuedSvid> {
    const parsed = parseSpiffeId(spiffeId);
    if (parsed === null || parsed.trustDomain !== this.trustDomain || parsed.path === '')
      throw new PkiError('request', `${JSON.stringify(spiffeId)} is not an identity of ${this.trustDomain}`);
    const leaf = await createLeaf({ ...this.#with(root, ttlMs), publicKey, spiffeId });
    return {
      chainPem: `${leaf.toString('pem')}\n`,
      spiffeId,
      root: root.fingerprint,
      serialNumber: leaf.serialNumber,
      notBeforeMs: leaf.notBefore.getTime(),
      expiresAtMs: leaf.notAfter.getTime(),
    };
  }

  #with(root: Root, ttlMs: number): Pick<Parameters<typeof createLeaf>[0], 'root' | 'rootKey' | 'nowMs' | 'ttlMs'> {
    return { root: root.certificate, rootKey: root.key, nowMs: this.#clock.now(), ttlMs };
  }

  /** What is not in the file has not happened. */
  async #keep(roots: readonly Root[]): Promise<void> {
    await writePrivateFile(this.#file, roots.map(root => root.secretText).join(''));
    this.#roots = roots;
  }
}

async function parseStored(text: string, file: string): Promise<readonly Root[]> {
  try {
    return await readRoots(text);
  } catch {
    // The parser's own message could quote what it read, and that holds a key.
    throw new PkiError(
      'state',
      `${file} is damaged; restore it, or remove it to get a new CA (running pods must then be made anew)`,
      file,
    );
  }
}
