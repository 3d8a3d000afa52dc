/** Who has which identity: signs for sidecars, hears what they use and trust, tells them of other roots, and notices who is late. */
import type { Clock } from '../async/clock.ts';
import { type Authority, defaultTtlMs, type RotationPhase } from '../pki/authority.ts';
import type { IdentityReport, SvidReport, ToSidecar } from '../snapshot/channel.ts';
import { messageOf } from '../text/message-of.ts';
import { CaRotation, type Member } from './ca-rotation.ts';
import { LateSvids } from './late-svids.ts';
import { SvidIssuer } from './svid-issuer.ts';

/** What becomes known of identities. */
export type IdentityEvent =
  | {
      readonly kind: 'issued';
      readonly workload: string;
      readonly spiffeId: string;
      readonly serialNumber: string;
      readonly expiresAtMs: number;
    }
  | { readonly kind: 'issue-failed'; readonly workload: string; readonly reason: string }
  /** A part of its SVID's life is over, in (0, 1], and it was not renewed. */
  | { readonly kind: 'svid-late'; readonly workload: string; readonly part: number; readonly expiresAtMs: number }
  /** The sidecar's clock and ours tell different times. */
  | { readonly kind: 'clocks-differ'; readonly workload: string; readonly theirsMs: number; readonly oursMs: number }
  /** A step of a change of the root. */
  | { readonly kind: 'roots'; readonly phase: RotationPhase; readonly text: string }
  | { readonly kind: 'rotation-failed'; readonly reason: string };

/** What identities need from around them. */
export interface IdentitiesOptions {
  readonly authority: Authority;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  /** Life of SVIDs, ms. @default 24 h */
  readonly ttlMs?: number;
  /** SPIFFE ID of a workload; `null`: nobody knows it. */
  readonly identityOf: (workload: string) => string | null;
  readonly send: (workload: string, message: ToSidecar) => boolean;
  /** Workloads whose pods run. */
  readonly running: () => readonly string[];
  readonly emit: (event: IdentityEvent) => void;
}

/** What is known of one workload. */
interface Known {
  /** Whether its sidecar is there. */
  readonly connected: boolean;
  /** End of its SVID, ms since epoch; `null`: it has none. */
  readonly endMs: number | null;
  readonly report: IdentityReport | null;
  /** What it was to make of its last report, and from what: it is told once. */
  readonly told: string;
}

/** Certificates are backdated by more than this; what differs further is refused at one of the ends. */
const maxSkewMs = 60_000;

const unknown: Known = { connected: false, endMs: null, report: null, told: '' };
/** Of what a sidecar says went wrong; it shares its pod with an app. */
const maxProblem = 300;

/** See the file's head. */
export class Identities {
  readonly issuer: SvidIssuer;
  readonly rotation: CaRotation;
  readonly #options: IdentitiesOptions;
  readonly #late: LateSvids;
  readonly #known = new Map<string, Known>();

  constructor(options: IdentitiesOptions) {
    const { authority, clock, random, ttlMs = defaultTtlMs, emit } = options;
    this.#options = options;
    this.issuer = new SvidIssuer({ authority, clock, random, ttlMs });
    this.#late = new LateSvids(clock, (workload, part) =>
      emit({ kind: 'svid-late', workload, part, expiresAtMs: this.endOf(workload) ?? 0 }),
    );
    this.rotation = new CaRotation({
      authority,
      clock,
      members: () => this.#members(),
      onStep: (phase, text) => {
        emit({ kind: 'roots', phase, text });
        for (const workload of this.#known.keys()) this.#bringUp(workload);
      },
      onFailed: reason => emit({ kind: 'rotation-failed', reason }),
    });
  }

  /** End of a workload's SVID, ms since epoch; `null` before the first. */
  endOf(workload: string): number | null {
    return this.#of(workload).endMs;
  }

  /** The SVID that a workload uses, by its own word. */
  svidOf(workload: string): SvidReport | null {
    return this.#of(workload).report?.svid ?? null;
  }

  /** Why a workload refused what it was sent last; `null`: it did not. */
  problemOf(workload: string): string | null {
    return this.#of(workload).report?.problem ?? null;
  }

  /** The part of its SVID's life that a workload has let go by without renewing it, 0: none. */
  latePartOf(workload: string): number {
    return this.#late.partOf(workload);
  }

  /** Life of SVIDs from now on, ms; those that would live much longer are renewed. */
  setTtl(ttlMs: number): void {
    if (ttlMs === this.issuer.ttlMs) return;
    this.issuer.ttlMs = ttlMs;
    for (const workload of this.#known.keys()) this.#bringUp(workload);
  }

  /** A sidecar has come. */
  connected(workload: string, svidExpiresAtMs: number | null): void {
    this.#known.set(workload, { ...unknown, connected: true, endMs: svidExpiresAtMs });
  }

  /** It went; what it uses it goes on using. */
  lost(workload: string): void {
    this.#known.set(workload, { ...this.#of(workload), connected: false });
  }

  /** There is no such workload any more, or it is another one. */
  forget(workload: string): void {
    this.#known.delete(workload);
    this.#late.forget(workload);
    this.rotation.look();
  }

  /** A sidecar says what it has. */
  reported(workload: string, report: IdentityReport): void {
    const { clock, emit } = this.#options;
    const first = this.#of(workload).report === null;
    const endMs = report.svid?.expiresAtMs ?? this.endOf(workload);
    const problem = report.problem?.slice(0, maxProblem) ?? null;
    this.#known.set(workload, { ...this.#of(workload), connected: true, endMs, report: { ...report, problem } });
    if (report.svid !== null) this.#late.watch(workload, report.svid);
    const nowMs = clock.now();
    if (first && Math.abs(report.nowMs - nowMs) > maxSkewMs)
      emit({ kind: 'clocks-differ', workload, theirsMs: report.nowMs, oursMs: nowMs });
    // What it refused it would refuse again.
    if (report.problem === null) this.#bringUp(workload);
    this.rotation.look();
  }

  /** Signs for the service that this pod belongs to, whatever the CSR says. */
  async sign(workload: string, csrPem: string): Promise<void> {
    const { authority, identityOf, send, emit } = this.#options;
    const id = identityOf(workload);
    // The sidecar asks again.
    if (id === null) return;
    try {
      const issued = await this.issuer.issue(workload, id, csrPem);
      if (issued === null) return;
      if (!send(workload, { kind: 'svid', chainPem: issued.chainPem, bundlePem: authority.bundlePem })) return;
      const { spiffeId, serialNumber, expiresAtMs } = issued;
      this.#known.set(workload, { ...this.#of(workload), endMs: expiresAtMs });
      emit({ kind: 'issued', workload, spiffeId, serialNumber, expiresAtMs });
    } catch (error) {
      emit({ kind: 'issue-failed', workload, reason: messageOf(error) });
    }
  }

  close(): void {
    this.rotation.close();
    this.#late.close();
  }

  /** Sends what a sidecar lacks of the roots in force and the certificate that it should have. */
  #bringUp(workload: string): void {
    const { authority, send } = this.#options;
    const { report } = this.#of(workload);
    if (report === null || report.svid === null) return;
    const { root } = report.svid;
    const trusted = authority.trusted.map(each => each.fingerprint).sort();
    // One that answers with what it had would be told for ever.
    const told = [authority.active.fingerprint, trusted, this.issuer.ttlMs, report.svid.serialNumber, report.roots].join(' ');
    if (told === this.#of(workload).told) return;
    this.#known.set(workload, { ...this.#of(workload), told });
    // Roots that its own certificate does not come from it would refuse; they come with the next one.
    if (trusted.includes(root) && report.roots.join() !== trusted.join())
      send(workload, { kind: 'roots', bundlePem: authority.bundlePem });
    if (root !== authority.active.fingerprint || this.#livesTooLong(report, report.svid)) send(workload, { kind: 'renew' });
  }

  /** Issued when SVIDs lived longer. With clocks that differ nobody can tell. */
  #livesTooLong({ nowMs }: IdentityReport, { sinceMs, expiresAtMs }: SvidReport): boolean {
    const skewMs = Math.abs(nowMs - this.#options.clock.now());
    return skewMs < maxSkewMs && expiresAtMs - sinceMs > this.issuer.ttlMs + 2 * maxSkewMs;
  }

  #members(): readonly Member[] {
    return this.#options.running().map(workload => ({ workload, ...this.#of(workload) }));
  }

  #of(workload: string): Known {
    return this.#known.get(workload) ?? unknown;
  }
}
