import { type KeyObject, X509Certificate } from 'node:crypto';
import { type LeafFacts, readLeaf, SvidError } from './leaf-certificate.ts';
import { TrustBundle } from './trust-bundle.ts';

/**
 * A certificate begins so long before it is made: clocks differ by up to a minute on machines that keep them, and what is made here must be valid
 * there at once. Ms.
 */
export const backdateMs = 90_000;

/** A workload's identity document with its private key, in memory only. */
export interface Svid {
  readonly spiffeId: string;
  readonly trustDomain: string;
  /** Lower-case hex. */
  readonly serialNumber: string;
  readonly privateKey: KeyObject;
  /** Leaf first. */
  readonly chainPem: string;
  /** Roots that this workload trusts. */
  readonly trust: TrustBundle;
  /** Fingerprint of the one of them that it comes from. */
  readonly root: string;
  readonly notBeforeMs: number;
  /** When it came here. Ms since epoch. */
  readonly sinceMs: number;
  /** Ms since epoch. */
  readonly expiresAtMs: number;
}

/**
 * Joins what the CA answered with the key that asked.
 * @param nowMs this side's clock
 * @throws SvidError when the certificate is no SVID, names somebody else, belongs to another key or comes from a root that is not in the bundle, and when
 * by `nowMs` it is not valid
 */
export function createSvid(privateKey: KeyObject, chainPem: string, bundlePem: string, expectedId: string, nowMs: number): Svid {
  const leaf = leafOf(chainPem);
  const facts = readLeaf(leaf.raw);
  if (facts.spiffeId !== expectedId) throw new SvidError(`certificate is for ${facts.spiffeId}, asked for ${expectedId}`);
  if (!leaf.checkPrivateKey(privateKey)) throw new SvidError('certificate is for another key');
  const problem = validityProblem(facts, nowMs);
  if (problem !== null) throw new SvidError(`certificate ${problem}`);
  const { spiffeId, trustDomain, notBeforeMs, expiresAtMs } = facts;
  const serialNumber = leaf.serialNumber.toLowerCase();
  const trusting = trusted(leaf, bundlePem);
  return { spiffeId, trustDomain, serialNumber, privateKey, chainPem, ...trusting, notBeforeMs, sinceMs: nowMs, expiresAtMs };
}

/** The same identity with other roots. @throws SvidError when it comes from none of them */
export function withRoots(svid: Svid, bundlePem: string): Svid {
  return { ...svid, ...trusted(leafOf(svid.chainPem), bundlePem) };
}

function trusted(leaf: X509Certificate, bundlePem: string): Pick<Svid, 'trust' | 'root'> {
  const trust = new TrustBundle(bundlePem);
  const root = trust.rootOf(leaf);
  if (root === null) throw new SvidError('certificate comes from none of the roots in the bundle');
  return { trust, root };
}

function leafOf(chainPem: string): X509Certificate {
  try {
    return new X509Certificate(chainPem);
  } catch {
    throw new SvidError('certificate chain is not PEM');
  }
}

/** What a clock says against a certificate, naming both; `null`: it is valid. `nowMs`: that clock, ms since epoch. */
export function validityProblem(
  { notBeforeMs, expiresAtMs }: Pick<LeafFacts, 'notBeforeMs' | 'expiresAtMs'>,
  nowMs: number,
): string | null {
  if (nowMs < notBeforeMs) return `is valid from ${text(notBeforeMs)}, the clock here says ${text(nowMs)}`;
  return nowMs >= expiresAtMs ? `has expired at ${text(expiresAtMs)}, the clock here says ${text(nowMs)}` : null;
}

function text(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+/, '');
}

/** Parts of its life after which a certificate should have been renewed, after which it is high time, and after which it is too late. */
export const lateParts = [0.5, 0.8, 1] as const;

/**
 * When to ask for the next certificate: shortly before half of the life is over, up to a tenth of it earlier, so that a mesh started at once does not
 * renew at once and nobody is late who is not in trouble.
 * @param sinceMs when it came here; certificates are backdated, so their own beginning tells nothing
 * @param random in [0, 1)
 * @returns ms since epoch
 */
export function renewAtMs({ sinceMs, expiresAtMs }: Pick<Svid, 'sinceMs' | 'expiresAtMs'>, random: number): number {
  return sinceMs + (expiresAtMs - sinceMs) * (0.49 - random * 0.1);
}
