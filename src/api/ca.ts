/** Documents of `mesh ca`: the roots of a mesh, who has which certificate, and certificates for people. */
import { MeshError } from './mesh-error.ts';
import type { apiVersion } from './types.ts';

/** `GET /v1/ca`. */
export interface CaDocument {
  readonly apiVersion: typeof apiVersion;
  readonly kind: 'Ca';
  readonly trustDomain: string;
  /** By the daemon's clock. */
  readonly now: string;
  /** Life of the SVIDs that are issued, ms. */
  readonly svidTtlMs: number;
  /** The active one first. */
  readonly roots: readonly CaRoot[];
  /** A change of the root under way. */
  readonly rotation: RotationStatus | null;
  /** By workload. */
  readonly svids: readonly WorkloadSvid[];
}

/** One root of the mesh. */
export interface CaRoot {
  /** `active`: signs; `next`: will sign, `retiring`: has signed, both are trusted; `retired`: only shows the daemon to sidecars made with it. */
  readonly role: 'active' | 'next' | 'retiring' | 'retired';
  /** SHA-256, lower-case hex. */
  readonly fingerprint: string;
  readonly notBefore: string;
  readonly expiresAt: string;
}

/** How far a change of the root is. */
export interface RotationStatus {
  /** `prepared`: everybody is to trust the next root; `activated`: it signs; `retired`: the one before is being forgotten. */
  readonly phase: 'prepared' | 'activated' | 'retired';
  readonly waitingFor: readonly RotationBlocker[];
}

/** A sidecar that the next step of a change waits for. */
export interface RotationBlocker {
  readonly workload: string;
  readonly reason: string;
}

/** The certificate that a workload uses, by its own word. */
export interface WorkloadSvid {
  readonly workload: string;
  readonly spiffeId: string;
  /** `null`: the sidecar has not said yet. */
  readonly serialNumber: string | null;
  /** Fingerprint of its root; `null`: the sidecar has not said yet. */
  readonly root: string | null;
  /** When the sidecar took it. */
  readonly since: string | null;
  readonly expiresAt: string | null;
  /** The part of its life that is over and should not be, in (0, 1]; 0: it was renewed in time. */
  readonly late: number;
  /** Why the sidecar refused another one; empty when all is well. */
  readonly problem: string;
}

/** A line of `POST /v1/ca/rotate`, which ends when the change does. */
export interface RotationStep {
  /** What was done; empty where only `waitingFor` is new. */
  readonly text: string;
  readonly waitingFor: readonly RotationBlocker[];
}

/** A certificate for a person or a test: the key stays where it was made. */
export interface PersonRequest {
  /** Last part of the identity. */
  readonly name: string;
  /** PKCS#10 for an ECDSA P-256 key; names in it are not read. */
  readonly csrPem: string;
  readonly ttlMs: number;
}

/** The answer of `POST /v1/ca/issue`. */
export interface PersonCertificate {
  readonly apiVersion: typeof apiVersion;
  readonly kind: 'PersonCertificate';
  readonly spiffeId: string;
  readonly serialNumber: string;
  readonly expiresAt: string;
  readonly chainPem: string;
  /** Roots of the mesh, for checking its gateways. */
  readonly bundlePem: string;
}

/** It becomes a segment of a SPIFFE ID and the name of files. */
const personName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
/** Shortest life of a person's certificate, ms. */
export const minPersonTtlMs = 60_000;
/** Longest life of a person's certificate, ms: what browsers and TLS libraries take at most. */
export const maxPersonTtlMs = 398 * 86_400_000;

/** Reads the body of a request. @throws MeshError `bad-person` that says what is wrong */
export function readPersonRequest({ name, csrPem, ttlMs }: Readonly<Record<string, unknown>>): PersonRequest {
  if (typeof name !== 'string' || !personName.test(name))
    throw new MeshError(
      'bad-person',
      `${JSON.stringify(name)?.slice(0, 80)} cannot be the name of a person`,
      'letters, digits, dots, dashes and underscores, at most 63',
    );
  if (typeof csrPem !== 'string') throw new MeshError('bad-person', '`csrPem` is missing', 'a PKCS#10 request as PEM');
  if (typeof ttlMs !== 'number' || !Number.isSafeInteger(ttlMs) || ttlMs < minPersonTtlMs || ttlMs > maxPersonTtlMs)
    throw new MeshError(
      'bad-person',
      `no certificate can live for ${String(ttlMs).slice(0, 40)} ms`,
      'from one minute to 398 days',
    );
  return { name, csrPem, ttlMs };
}
