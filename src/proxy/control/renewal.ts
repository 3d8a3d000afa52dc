import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { at, atParts } from '../../async/alarm.ts';
import type { Clock } from '../../async/clock.ts';
import { createCsr } from '../../identity/certificate-request.ts';
import { SvidError } from '../../identity/leaf-certificate.ts';
import { createSvid, lateParts, renewAtMs, withRoots } from '../../identity/svid.ts';
import type { IdentityReport } from '../../snapshot/channel.ts';
import type { WorkloadIdentity } from '../tls/workload-identity.ts';

/** A request that nobody answered is made again, with a new key. */
const answerMs = 10_000;

/** What renewing needs. */
export interface RenewalOptions {
  readonly spiffeId: string;
  readonly identity: WorkloadIdentity;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  /** Asks the daemon. @returns false when none is connected */
  readonly request: (csrPem: string) => boolean;
  /** Other roots are trusted from now on, by their PEM. */
  readonly onRoots?: (bundlePem: string) => void;
  /** A part of the SVID's life is over, in (0, 1], and it was not renewed. */
  readonly onLate?: (part: number, expiresAtMs: number) => void;
}

/** Gets the first SVID and every next one: a fresh key each time, which never leaves this process. Trusts the roots that the daemon says. */
export class Renewal {
  readonly #options: RenewalOptions;
  #pending: KeyObject | null = null;
  #dueAtMs = Number.NEGATIVE_INFINITY;
  #problem: string | null = null;
  #bundlePem = '';
  #cancel = (): void => {};
  #cancelLate = (): void => {};

  constructor(options: RenewalOptions) {
    this.#options = options;
  }

  /** A daemon has connected: asks it when an SVID is due. */
  connected(): void {
    this.#askWhenDue();
  }

  /** What the daemon is to know of the identity here. */
  get report(): IdentityReport {
    const { identity, clock } = this.#options;
    const { svid } = identity;
    return {
      nowMs: clock.now(),
      svid:
        svid === null
          ? null
          : { serialNumber: svid.serialNumber, root: svid.root, sinceMs: svid.sinceMs, expiresAtMs: svid.expiresAtMs },
      roots: svid?.trust.fingerprints ?? [],
      problem: this.#problem,
    };
  }

  /**
   * Puts the daemon's answer to use.
   * @throws SvidError (or OpenSSL's error); the old SVID stays
   */
  accept(chainPem: string, bundlePem: string): void {
    const { identity, spiffeId, random, clock } = this.#options;
    const key = this.#pending;
    // Nobody asked, or the answer came twice.
    if (key === null) return;
    this.#judged(() => identity.replace(createSvid(key, chainPem, bundlePem, spiffeId, clock.now())));
    this.#pending = null;
    this.#trusts(bundlePem);
    this.#dueAtMs = identity.svid === null ? Number.NEGATIVE_INFINITY : renewAtMs(identity.svid, random());
    this.#askWhenDue();
    this.#watch();
  }

  /** Trusts these roots and no others. @throws SvidError when the own SVID comes from none of them; then all stays as it was */
  trust(bundlePem: string): void {
    const { identity } = this.#options;
    const { svid } = identity;
    if (svid !== null) this.#judged(() => identity.replace(withRoots(svid, bundlePem)));
    this.#trusts(bundlePem);
  }

  /** Asks for another SVID before it is due, unless one is asked for already. */
  renew(): void {
    if (this.#pending !== null) return;
    this.#dueAtMs = Number.NEGATIVE_INFINITY;
    this.#askWhenDue();
  }

  stop(): void {
    this.#cancel();
    this.#cancelLate();
  }

  #judged(take: () => void): void {
    try {
      take();
      this.#problem = null;
    } catch (error) {
      // OpenSSL's texts hold no key material, but only ours are known not to.
      this.#problem = error instanceof SvidError ? error.message : 'OpenSSL cannot use it';
      throw error;
    }
  }

  #trusts(bundlePem: string): void {
    if (bundlePem === this.#bundlePem) return;
    this.#bundlePem = bundlePem;
    this.#options.onRoots?.(bundlePem);
  }

  #askWhenDue(): void {
    const { clock, spiffeId, request } = this.#options;
    this.#cancel();
    if (this.#dueAtMs > clock.now()) {
      this.#cancel = at(clock, this.#dueAtMs, () => this.#askWhenDue());
      return;
    }
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    // Without a daemon nothing is lost: `connected` asks again.
    this.#pending = null;
    if (!request(createCsr(privateKey, spiffeId))) return;
    this.#pending = privateKey;
    this.#cancel = clock.after(answerMs, () => this.#askWhenDue());
  }

  /** Tells of every part of the present SVID's life that ends without another one. */
  #watch(): void {
    const { identity, clock, onLate } = this.#options;
    this.#cancelLate();
    const { svid } = identity;
    if (svid === null || onLate === undefined) return;
    const { sinceMs, expiresAtMs } = svid;
    this.#cancelLate = atParts(clock, sinceMs, expiresAtMs, lateParts, part => onLate(part, expiresAtMs));
  }
}
