/** Issues for sidecars one request at a time, and keeps the daemon's own SVID fresh. */
import type { Clock } from '../async/clock.ts';
import { renewAtMs } from '../identity/svid.ts';
import type { Authority, DaemonSvid, IssuedSvid } from '../pki/authority.ts';

/** What an issuer needs. */
export interface SvidIssuerOptions {
  readonly authority: Authority;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  /** Life of an SVID, ms. */
  readonly ttlMs: number;
}

/** See the file's head. */
export class SvidIssuer {
  readonly #options: SvidIssuerOptions;
  /** Requests under way, by workload: a number that grows with each, so that only the newest is answered. */
  readonly #newest = new Map<string, number>();
  readonly #tail = new Map<string, Promise<unknown>>();
  #daemon: Promise<DaemonSvid> | null = null;
  #daemonUntilMs = 0;

  constructor(options: SvidIssuerOptions) {
    this.#options = options;
  }

  /**
   * Signs a workload's CSR. Of several that wait, only the newest is signed, so a sidecar cannot make the CA work for it alone;
   * the others get `null`.
   * @throws PkiError `request`
   */
  async issue(workload: string, spiffeId: string, csrPem: string): Promise<IssuedSvid | null> {
    const number = (this.#newest.get(workload) ?? 0) + 1;
    this.#newest.set(workload, number);
    const turn = (this.#tail.get(workload) ?? Promise.resolve()).then(() =>
      this.#newest.get(workload) === number ? this.#options.authority.issue(csrPem, spiffeId, this.#options.ttlMs) : null,
    );
    const tail = turn.catch(() => undefined);
    this.#tail.set(workload, tail);
    try {
      return await turn;
    } finally {
      if (this.#tail.get(workload) === tail) {
        this.#tail.delete(workload);
        this.#newest.delete(workload);
      }
    }
  }

  /** The daemon's SVID, another one after half of its life. All who ask at one time share one. */
  daemon(): Promise<DaemonSvid> {
    const { authority, clock, random, ttlMs } = this.#options;
    if (this.#daemon !== null && clock.now() < this.#daemonUntilMs) return this.#daemon;
    this.#daemonUntilMs = Number.POSITIVE_INFINITY;
    this.#daemon = authority.issueDaemon(ttlMs).then(
      svid => {
        this.#daemonUntilMs = renewAtMs(svid, random());
        return svid;
      },
      error => {
        this.#daemon = null;
        throw error;
      },
    );
    return this.#daemon;
  }
}
