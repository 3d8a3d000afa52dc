/**
 * Changes the root of a running mesh in three steps, none of which is taken before everybody is ready for it: the next root is trusted by all, then it
 * signs, then the one before is forgotten. How far it is stands in the CA's file and nowhere else, so a daemon that comes back goes on where it was.
 */
import { at } from '../async/alarm.ts';
import type { Clock } from '../async/clock.ts';
import type { Authority, RotationPhase } from '../pki/authority.ts';
import type { IdentityReport } from '../snapshot/channel.ts';
import { messageOf } from '../text/message-of.ts';

/** A sidecar that runs. */
export interface Member {
  readonly workload: string;
  readonly connected: boolean;
  /** What it said last on the present connection. */
  readonly report: IdentityReport | null;
}

/** A sidecar that a step waits for, and why. */
export interface Blocker {
  readonly workload: string;
  readonly reason: string;
}

/** What rotation acts on. */
export interface RotationParts {
  readonly authority: Authority;
  readonly clock: Clock;
  readonly members: () => readonly Member[];
  /** A step is taken: sidecars are to hear of it. */
  readonly onStep: (phase: RotationPhase, text: string) => void;
  /** A step cannot be stored; it is tried again with the next change. */
  readonly onFailed: (reason: string) => void;
}

/** A root with less than this part of its life left is replaced by itself: for the default, in the last of ten years. */
const oldAge = 0.1;
const checkMs = 86_400_000;

/** See the file's head. */
export class CaRotation {
  readonly #parts: RotationParts;
  readonly #waiting: PromiseWithResolvers<void>[] = [];
  #underWay: boolean;
  #turn: Promise<void> = Promise.resolve();
  #cancelCheck = (): void => {};

  constructor(parts: RotationParts) {
    this.#parts = parts;
    this.#underWay = parts.authority.phase !== 'stable';
    this.#checkAge();
  }

  /** Whether a change is under way: until the last sidecar has forgotten the old root. */
  get underWay(): boolean {
    return this.#underWay;
  }

  /** Whom the next step waits for. */
  get blockers(): readonly Blocker[] {
    return this.#parts.members().flatMap(member => {
      const reason = this.#reasonToWait(member);
      return reason === null ? [] : [{ workload: member.workload, reason }];
    });
  }

  /** Begins, or joins what is under way. Resolves when the old root is forgotten everywhere. @throws PkiError `state` when nothing could be stored */
  async start(): Promise<void> {
    const done = Promise.withResolvers<void>();
    const begun = this.#turn.then(async () => {
      if (this.#underWay) return;
      const { authority, onStep } = this.#parts;
      await authority.prepare();
      this.#underWay = true;
      const next = authority.roots.find(root => root.role === 'next');
      onStep('prepared', `root ${short(next?.fingerprint)} is made, and trusted beside ${short(authority.active.fingerprint)}`);
    });
    this.#turn = begun.catch(() => undefined);
    await begun;
    this.#waiting.push(done);
    this.look();
    return done.promise;
  }

  /** Something has changed: takes the steps that nobody is in the way of. */
  look(): void {
    if (!this.#underWay) return;
    this.#turn = this.#turn.then(() => this.#advance()).catch(error => this.#parts.onFailed(messageOf(error)));
  }

  close(): void {
    this.#cancelCheck();
  }

  async #advance(): Promise<void> {
    const { authority, onStep } = this.#parts;
    while (this.#underWay && this.blockers.length === 0) {
      const before = authority.active;
      switch (authority.phase) {
        case 'prepared':
          await authority.activate();
          onStep('activated', `root ${short(authority.active.fingerprint)} signs; every certificate is issued anew`);
          break;
        case 'activated': {
          const old = authority.roots.find(root => root.role === 'retiring');
          await authority.retire();
          onStep('stable', `root ${short(old?.fingerprint)} is trusted no more`);
          break;
        }
        case 'stable':
          this.#underWay = false;
          for (const { resolve } of this.#waiting.splice(0)) resolve();
          onStep('stable', `every sidecar trusts root ${short(before.fingerprint)} alone`);
      }
    }
  }

  #reasonToWait({ connected, report }: Member): string | null {
    const { authority } = this.#parts;
    if (!connected) return 'its sidecar is not connected';
    if (report === null) return 'its sidecar does not say what it trusts';
    // One without an SVID gets one of these roots with the first.
    if (report.svid === null) return null;
    const trusted = authority.trusted.map(root => root.fingerprint).sort();
    if (report.roots.join() !== trusted.join()) return `its sidecar has not taken the roots yet${problemOf(report)}`;
    if (authority.phase === 'prepared' || report.svid.root === authority.active.fingerprint) return null;
    return `its sidecar still shows a certificate of the root before${problemOf(report)}`;
  }

  #checkAge(): void {
    const { authority, clock } = this.#parts;
    const { notBeforeMs, expiresAtMs } = authority.active;
    const left = expiresAtMs - clock.now();
    // Nobody waits for it: what becomes of it is told by its steps.
    if (!this.#underWay && left < (expiresAtMs - notBeforeMs) * oldAge)
      this.start().catch(error => this.#parts.onFailed(messageOf(error)));
    this.#cancelCheck = at(clock, clock.now() + checkMs, () => this.#checkAge());
  }
}

function short(fingerprint: string | undefined): string {
  return (fingerprint ?? '').slice(0, 12);
}

function problemOf({ problem }: IdentityReport): string {
  return problem === null ? '' : `: it refused them (${problem})`;
}
