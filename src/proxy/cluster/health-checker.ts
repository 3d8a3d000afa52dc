import type { Clock } from '../../async/clock.ts';
import type { HealthCheck } from '../../snapshot/cluster-policy.ts';
import type { ClusterCounters } from '../../telemetry/cluster-metrics.ts';
import type { Member } from './balancer.ts';

/** What checks call themselves: the server's sidecar lets them through when it is overloaded. */
export const healthCheckAgent = 'mesh-health-check';

/** Asks one endpoint once. Calls `done` once unless given up by the returned function. */
export type Probe<T> = (member: T, check: HealthCheck, done: (well: boolean) => void) => () => void;

/** What a checker works with. */
export interface CheckerParts<T> {
  readonly clock: Clock;
  readonly counters: ClusterCounters;
  readonly probe: Probe<T>;
  /** An endpoint fell ill or got well. */
  readonly onChange: () => void;
}

/**
 * Asks every endpoint at intervals and leaves those out that fail. An endpoint counts as well until it has failed often enough: at start the registry
 * has already seen it answer, and one slow first check should not take a service away.
 */
export class HealthChecker<T extends Member> {
  readonly #parts: CheckerParts<T>;
  #check: HealthCheck;
  #rounds: ReadonlyMap<T, Round<T>> = new Map();

  constructor(check: HealthCheck, parts: CheckerParts<T>) {
    this.#check = check;
    this.#parts = parts;
  }

  /** Takes on a new check and the endpoints there are now. Those that stay go on as they are, unless the check changed. */
  use(check: HealthCheck, members: readonly T[]): void {
    const same = JSON.stringify(check) === JSON.stringify(this.#check);
    this.#check = check;
    const before = this.#rounds;
    this.#rounds = new Map(
      members.map(member => [member, (same ? before.get(member) : undefined) ?? new Round(member, check, this.#parts)]),
    );
    const now = new Set(this.#rounds.values());
    for (const round of before.values()) if (!now.has(round)) round.stop();
  }

  /** Asks nobody any more. */
  stop(): void {
    for (const round of this.#rounds.values()) round.stop();
    this.#rounds = new Map();
  }
}

/** The checks of one endpoint, one after the other. */
class Round<T extends Member> {
  readonly #member: T;
  readonly #check: HealthCheck;
  readonly #parts: CheckerParts<T>;
  /** Checks in a row that say the opposite of what the endpoint is taken for. */
  #against = 0;
  #giveUp: () => void = () => {};
  #cancel: () => void = () => {};

  constructor(member: T, check: HealthCheck, parts: CheckerParts<T>) {
    this.#member = member;
    this.#check = check;
    this.#parts = parts;
    this.#ask();
  }

  stop(): void {
    this.#giveUp();
    this.#cancel();
  }

  #ask(): void {
    const { clock, counters, probe } = this.#parts;
    counters.healthCheckAttempts++;
    this.#cancel = clock.after(this.#check.timeoutMs, () => {
      this.#giveUp();
      this.#heard(false);
    });
    this.#giveUp = probe(this.#member, this.#check, well => {
      this.#cancel();
      this.#heard(well);
    });
  }

  #heard(well: boolean): void {
    const { clock, counters, onChange } = this.#parts;
    const { state } = this.#member;
    if (!well) counters.healthCheckFailures++;
    this.#cancel = clock.after(this.#check.intervalMs, () => this.#ask());
    this.#against = well === state.unhealthy ? this.#against + 1 : 0;
    const { healthyThreshold, unhealthyThreshold } = this.#check;
    if (this.#against < (well ? healthyThreshold : unhealthyThreshold)) return;
    this.#against = 0;
    state.unhealthy = !well;
    // Whoever was ill may have restarted and is slow again.
    if (well) state.since = clock.monotonic();
    onChange();
  }
}
