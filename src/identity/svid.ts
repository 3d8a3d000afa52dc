import { type KeyObject, X509Certificate } from 'node:crypto';
import { readLeaf, SvidError } from './leaf-certificate.ts';

/** A workload's identity document with its private key, in memory only. */
export interface Svid {
  readonly spiffeId: string;
  readonly trustDomain: string;
  readonly privateKey: KeyObject;
  /** Leaf first. */
  readonly chainPem: string;
  /** Roots that this workload trusts. */
  readonly bundlePem: string;
  readonly notBeforeMs: number;
  /** Ms since epoch. */
  readonly expiresAtMs: number;
}

/**
 * Joins what the CA answered with the key that asked.
 * @throws SvidError when the certificate is no SVID, names somebody else or belongs to another key
 */
export function createSvid(privateKey: KeyObject, chainPem: string, bundlePem: string, expectedId: string): Svid {
  let leaf: X509Certificate;
  try {
    leaf = new X509Certificate(chainPem);
    new X509Certificate(bundlePem);
  } catch {
    throw new SvidError('certificate chain or bundle is not PEM');
  }
  const facts = readLeaf(leaf.raw);
  if (facts.spiffeId !== expectedId) throw new SvidError(`certificate is for ${facts.spiffeId}, asked for ${expectedId}`);
  if (!leaf.checkPrivateKey(privateKey)) throw new SvidError('certificate is for another key');
  const { spiffeId, trustDomain, notBeforeMs, expiresAtMs } = facts;
  return { spiffeId, trustDomain, privateKey, chainPem, bundlePem, notBeforeMs, expiresAtMs };
}

/**
 * When to ask for the next SVID: half of the life is over, moved by up to a tenth of it, so that a mesh started at once does not renew at once.
 * @param random in [0, 1)
 * @returns ms since epoch
 * @see SPIRE's rotation arithmetic: half-life with jitter of a tenth
 */
export function renewAtMs(svid: Pick<Svid, 'notBeforeMs' | 'expiresAtMs'>, random: number): number {
  const life = svid.expiresAtMs - svid.notBeforeMs;
  return svid.notBeforeMs + life * (0.5 + (random - 0.5) * 0.2);
}
