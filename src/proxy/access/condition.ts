import type { AccessCondition, AccessRule } from '../../snapshot/access-policy.ts';
import {
  type AccessCaller,
  type AccessRequest,
  callerFact,
  type FactReader,
  type FactValues,
  requestFact,
} from './access-request.ts';
import { compileAddresses } from './address-set.ts';
import { compileValue, type ValuePattern } from './value-pattern.ts';

/** A condition that the connection answers. */
export type CallerTest = (caller: AccessCaller) => boolean;

/** Compiles a condition on the connection to `port`. */
export function compileCallerTest({ on, values, not }: AccessCondition, port: number): CallerTest {
  const matches =
    on === 'ip' || on === 'remote-ip' || on === 'destination-ip'
      ? compileAddresses(values)
      : anyOf(values.map(value => compileValue(on, value)));
  return caller => matches(callerFact(on, caller, port)) !== (not === true);
}

/** A condition that each request answers anew. */
export interface RequestTest {
  /** Equal for conditions that ask for the same fact. */
  readonly fact: string;
  readonly read: FactReader;
  /** What the fact is compared with; `null`: nothing that could be looked up (addresses, `not`). */
  readonly patterns: readonly ValuePattern[] | null;
  /** That one value matches is not enough. */
  readonly every: boolean;
  readonly holds: (request: AccessRequest) => boolean;
}

/**
 * Compiles a condition on requests. Fields and parameters that come twice, and paths with `;`, are read in several ways, and nobody knows which is the app's:
 * what lets through has to match in every one, what refuses in one.
 */
export function compileRequestTest({ on, name, values, not }: AccessCondition, action: AccessRule['action']): RequestTest {
  const read = requestFact(on, name);
  const fact = `${on} ${name?.join('\0') ?? ''}`;
  const negated = not === true;
  if (on === 'remote-ip') {
    const matches = compileAddresses(values);
    return { fact, read, patterns: null, every: false, holds: request => some(read(request), matches) !== negated };
  }
  const patterns = values.map(value => compileValue(on, value));
  const matches = anyOf(patterns);
  const several = on === 'header' || on === 'query' || on === 'path';
  const every = several && negated !== (action === 'allow');
  if (!every)
    return { fact, read, patterns: negated ? null : patterns, every, holds: request => some(read(request), matches) !== negated };
  const exact = new Set(patterns.filter(({ kind }) => kind === 'exact').map(({ text }) => text));
  return {
    fact,
    read,
    patterns: negated ? null : patterns,
    every,
    holds: request => all(read(request), matches, exact, on === 'path' ? 0 : -1) !== negated,
  };
}

/** Whether all values match, or the one at `whole`, which is what was sent, is named as it is. */
function all(values: FactValues, matches: (value: string) => boolean, exact: ReadonlySet<string>, whole: 0 | -1): boolean {
  if (typeof values === 'string' || values.length < 2) return some(values, matches);
  return exact.has(values.at(whole) as string) || values.every(matches);
}

function some(values: FactValues, matches: (value: string) => boolean): boolean {
  if (typeof values === 'string') return matches(values);
  // What is not there is the empty string.
  if (values.length === 0) return matches('');
  for (const value of values) if (matches(value)) return true;
  return false;
}

function anyOf(patterns: readonly ValuePattern[]): (value: string) => boolean {
  const exact = new Set(patterns.filter(({ kind }) => kind === 'exact').map(({ text }) => text));
  const others = patterns.filter(({ kind }) => kind !== 'exact').map(({ test }) => test);
  return value => {
    if (exact.has(value)) return true;
    for (const test of others) if (test(value)) return true;
    return false;
  };
}
