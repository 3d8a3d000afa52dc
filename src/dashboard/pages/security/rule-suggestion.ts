/** Rules that one would write for a cell of the matrix. Pure. */
import type { SeenCall } from '../../../api/access.ts';
import { type AccessYamlRule, accessRuleYaml } from '../../../text/access-yaml.ts';
import type { GridCell } from './access-grid.ts';

/** A rule to copy. */
export interface Suggestion {
  readonly title: string;
  readonly yaml: string;
}

/** What would let the calls of a cell in, and what would refuse them, as far as the rules in force do not already. */
export function suggestions({ from, to, doors }: GridCell): readonly Suggestion[] {
  const ports = (wanted: boolean): Pick<AccessYamlRule, 'ports'> => {
    const own = doors.filter(({ verdict }) => (verdict === 'allowed') !== wanted);
    return own.length === doors.length ? {} : { ports: own.map(({ port }) => port) };
  };
  // Whoever has no identity is not any of those who have one.
  const who: Pick<AccessYamlRule, 'from' | 'notFrom'> = from === null ? { notFrom: ['*'] } : { from: [from] };
  const allowed = doors.every(({ verdict }) => verdict === 'allowed');
  const denied = doors.every(({ verdict }) => verdict === 'denied');
  return [
    ...(allowed ? [] : [{ title: 'To allow it', yaml: rulesYaml([{ ...who, to: [to], ...ports(true) }]) }]),
    ...(denied ? [] : [{ title: 'To refuse it', yaml: rulesYaml([{ action: ['deny'], ...who, to: [to] }]) }]),
  ];
}

/** Rules for just the calls that were seen; `null`: none was, or nobody can name who made them. */
export function narrowSuggestion(from: string | null, to: string, calls: readonly SeenCall[]): Suggestion | null {
  const http = calls.filter(({ method }) => method !== '');
  if (from === null || http.length === 0) return null;
  const byPath = Map.groupBy(http, ({ port, path }) => JSON.stringify([port, path]));
  // Methods and paths of one rule allow each other: only paths with the same methods share one.
  const rules = Map.groupBy([...byPath.values()], seen => JSON.stringify([seen[0]?.port, methodsOf(seen)]));
  return {
    title: 'To allow just what was seen',
    yaml: rulesYaml(
      [...rules.values()].map(paths => ({
        from: [from],
        to: [to],
        ports: [paths[0]?.[0]?.port ?? 0],
        methods: methodsOf(paths[0] ?? []),
        paths: paths.map(([first]) => first?.path ?? '').sort(),
      })),
    ),
  };
}

function methodsOf(calls: readonly SeenCall[]): readonly string[] {
  return [...new Set(calls.map(({ method }) => method))].sort();
}

function rulesYaml(rules: readonly AccessYamlRule[]): string {
  return ['access:', '  rules:', ...rules.map(rule => `    - ${accessRuleYaml(rule)}`)].join('\n');
}

/** Calls from one to another, of all workloads together, the most frequent first. */
export function callsBetween(calls: readonly SeenCall[], from: string | null, to: string): readonly SeenCall[] {
  const sums = new Map<string, SeenCall>();
  for (const call of calls) {
    if (call.from !== from || call.to !== to) continue;
    const key = JSON.stringify({ ...call, calls: 0 });
    sums.set(key, { ...call, calls: call.calls + (sums.get(key)?.calls ?? 0) });
  }
  return [...sums.values()].sort((a, b) => b.calls - a.calls);
}
