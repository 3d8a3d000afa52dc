import type { BrokenPropagation } from '../../api/trace.ts';
import { spanName, type TracedSpan } from './span-document.ts';

/** So often, with nothing else under way, is no accident any more. */
const sureAfter = 3;
/** An app that was mended has shown it by so many calls in a row. */
const mendedAfter = 20;
/** What was not seen for so long is no news. */
const forgetMs = 15 * 60_000;
/** A mesh has no more pairs that talk to each other; what does is an attack. */
const maxPairs = 2_000;

interface Pair {
  readonly service: string;
  readonly to: string;
  alone: number;
  among: number;
  idle: number;
  kept: number;
  keptInARow: number;
  lastMs: number;
  evidence: BrokenPropagation['evidence'] | null;
}

/**
 * Finds services that call on without the trace context that they were given. A call without context belongs to nobody if the app serves nothing, most
 * likely to the request that it serves if there is just one, and perhaps to one of several. Pure.
 */
export class PropagationWatch {
  readonly #pairs = new Map<string, Pair>();

  /** Spans of gateways and of the called tell nothing of it. */
  add({ facts, from }: TracedSpan): void {
    const { lost, side, to } = facts;
    if (side !== 'client' || (lost === null && facts.parentId === null)) return;
    const pair = this.#pair(from.service, to === '' ? facts.authority : to);
    pair.lastMs = facts.startMs;
    if (lost === null) {
      pair.kept++;
      pair.keptInARow++;
      return;
    }
    if (lost.open === 0) {
      pair.idle++;
      return;
    }
    pair.keptInARow = 0;
    if (lost.open === 1) pair.alone++;
    else pair.among++;
    pair.evidence = {
      atMs: facts.startMs,
      workload: from.name,
      call: spanName(facts),
      callTraceId: facts.traceId,
      traceId: lost.open === 1 ? lost.traceId : null,
    };
  }

  /** Those that are sure first. `nowMs`: ms since epoch. */
  list(nowMs: number): BrokenPropagation[] {
    const found = [...this.#pairs.values()].flatMap(({ keptInARow, lastMs, evidence, ...pair }) => {
      const verdict = verdictOf(pair);
      return evidence === null || verdict === null || keptInARow >= mendedAfter || nowMs - lastMs > forgetMs
        ? []
        : [{ ...pair, verdict, evidence }];
    });
    return found.sort((a, b) => rank(a) - rank(b) || compare(a.service, b.service) || compare(a.to, b.to));
  }

  #pair(service: string, to: string): Pair {
    const key = JSON.stringify([service, to]);
    const known = this.#pairs.get(key);
    // In order of the last call.
    if (known !== undefined) this.#pairs.delete(key);
    const pair = known ?? { service, to, alone: 0, among: 0, idle: 0, kept: 0, keptInARow: 0, lastMs: 0, evidence: null };
    this.#pairs.set(key, pair);
    const [oldest] = this.#pairs.keys();
    if (this.#pairs.size > maxPairs && oldest !== undefined) this.#pairs.delete(oldest);
    return pair;
  }
}

/** Who makes such calls also while it serves nothing makes them by itself, and some of them happen to fall together with requests. */
function verdictOf({ alone, among, idle }: Pick<Pair, 'alone' | 'among' | 'idle'>): BrokenPropagation['verdict'] | null {
  if (alone >= sureAfter && idle === 0) return 'does';
  return idle > alone + among ? null : 'may';
}

function rank({ verdict }: BrokenPropagation): number {
  return verdict === 'does' ? 0 : 1;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
