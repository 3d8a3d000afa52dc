/** Issues for sidecars one request at a time, and keeps the daemon's own SVIDs fresh. */
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
  /** Life of those that are issued from now on, ms. */
  ttlMs: number;
  readonly #options: SvidIssuerOptions;
  /** Requests under way, by workload: a number that grows with each, so that only the newest is answered. */
  readonly #newest = new Map<string, number>();
  readonly #tail = new Map<string, Promise<unknown>>();
  /** By the fingerprint of the root. */
  readonly #daemon = new Map<string, { readonly svid: Promise<DaemonSvid>; untilMs: number }>();

  constructor(options: SvidIssuerOptions) {
    this.#options = options;
    this.ttlMs = options.ttlMs;
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
      this.#newest.get(workload) === number ? this.#options.authority.issue(csrPem, spiffeId, this.ttlMs) : null,
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

  /**
   * The daemon's SVID, another one before half of its life is over. All who ask at one time share one.
   * @param refused how often whoever it is for has refused it: it may know another root, so each kept one is tried in turn, the active one first
   */
  daemon(refused = 0): Promise<DaemonSvid> {
    const { authority, clock, random } = this.#options;
    const { roots } = authority;
    const root = roots[refused % roots.length] ?? authority.active;
    const known = this.#daemon.get(root.fingerprint);
    if (known !== undefined && clock.now() < known.untilMs) return known.svid;
    const sinceMs = clock.now();
    const svid = authority.issueDaemon(this.ttlMs, root);
    const entry = { svid, untilMs: Number.POSITIVE_INFINITY };
    this.#daemon.set(root.fingerprint, entry);
    svid.then(
      ({ expiresAtMs }) => {
        entry.untilMs = renewAtMs({ sinceMs, expiresAtMs }, random());
      },
      () => this.#daemon.delete(root.fingerprint),
    );
    return svid;
  }
}
