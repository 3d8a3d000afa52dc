import { counterText, labels } from './exposition.ts';

/** What a decision of access rules was, and how often it was made. */
export interface DecisionCounter {
  /** Empty: no rule decided, but the default. */
  readonly rule: string;
  readonly action: 'allow' | 'deny' | 'audit' | 'custom' | 'default';
  readonly result: 'allowed' | 'denied' | 'audited';
  readonly dryRun: boolean;
  count: number;
}

/** The decisions of a sidecar's access rules. As many series as there are rules: those of rules that are gone go with them. */
export class AccessDecisions {
  readonly #counters = new Map<string, DecisionCounter>();

  /** The same object for the same decision. */
  of(rule: string, action: DecisionCounter['action'], result: DecisionCounter['result'], dryRun: boolean): DecisionCounter {
    const key = JSON.stringify([rule, action, result, dryRun]);
    let counter = this.#counters.get(key);
    if (counter === undefined) {
      counter = { rule, action, result, dryRun, count: 0 };
      this.#counters.set(key, counter);
    }
    return counter;
  }

  /** Forgets the decisions of rules that are not among these. */
  keep(rules: ReadonlySet<string>): void {
    for (const [key, { rule }] of this.#counters) if (rule !== '' && !rules.has(rule)) this.#counters.delete(key);
  }

  /** Prometheus text exposition; empty where nothing was decided. */
  text(): string {
    const counted = [...this.#counters.values()].filter(({ count }) => count > 0);
    if (counted.length === 0) return '';
    return counterText(
      'mesh_access_decisions_total',
      'Requests and raw connections that access rules decided about.',
      counted.map(
        ({ rule, action, result, dryRun, count }) => [labels({ rule, action, result, dry_run: String(dryRun) }), count] as const,
      ),
    );
  }
}
