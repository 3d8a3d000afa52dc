import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { Clock } from '../../async/clock.ts';
import { createCsr } from '../../identity/certificate-request.ts';
import { createSvid, renewAtMs } from '../../identity/svid.ts';
import type { WorkloadIdentity } from '../tls/workload-identity.ts';

/** A request that nobody answered is made again, with a new key. */
const answerMs = 10_000;
/** Node's timers take at most 2^31 - 1 ms; a longer wait is made of several. */
const maxTimerMs = 2 ** 31 - 1;

/** What renewing needs. */
export interface RenewalOptions {
  readonly spiffeId: string;
  readonly identity: WorkloadIdentity;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  /** Asks the daemon. @returns false when none is connected */
  readonly request: (csrPem: string) => boolean;
}

/** Gets the first SVID and every next one: a fresh key each time, which never leaves this process. */
export class Renewal {
  readonly #options: RenewalOptions;
  #pending: KeyObject | null = null;
  #dueAtMs = Number.NEGATIVE_INFINITY;
  #cancel = (): void => {};

  constructor(options: RenewalOptions) {
    this.#options = options;
  }

  /** A daemon has connected: asks it when an SVID is due. */
  connected(): void {
    this.#askWhenDue();
  }

  /**
   * Puts the daemon's answer to use.
   * @throws SvidError (or OpenSSL's error); the old SVID stays
   */
  accept(chainPem: string, bundlePem: string): void {
    const { identity, spiffeId, random } = this.#options;
    // Pushed without a request (new roots): it must be for the key in use.
    const key = this.#pending ?? identity.svid?.privateKey;
    if (key === undefined) return;
    const svid = createSvid(key, chainPem, bundlePem, spiffeId);
    identity.replace(svid);
    this.#pending = null;
    this.#dueAtMs = renewAtMs(svid, random());
    this.#askWhenDue();
  }

  stop(): void {
    this.#cancel();
  }

  #askWhenDue(): void {
    const { clock, spiffeId, request } = this.#options;
    this.#cancel();
    const waitMs = this.#dueAtMs - clock.now();
    if (waitMs > 0) {
      this.#cancel = clock.after(Math.min(waitMs, maxTimerMs), () => this.#askWhenDue());
      return;
    }
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    // Without a daemon nothing is lost: `connected` asks again.
    if (!request(createCsr(privateKey, spiffeId))) return;
    this.#pending = privateKey;
    this.#cancel = clock.after(answerMs, () => this.#askWhenDue());
  }
}
