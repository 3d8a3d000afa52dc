import type { NamedMatch, PathMatch } from '../../snapshot/route-rule.ts';
import { isSecret, masked } from '../../telemetry/mask.ts';
import type { RequestHead } from '../http1/request-head.ts';
import { claimValues, type VerifiedToken } from '../token/verified-token.ts';
import { type Condition, headerReader, hostReader, queryReader } from './route-match.ts';

/** A condition in words. */
export interface ConditionExplanation {
  readonly held: boolean;
  /** What it looks at: `path`, `method`, `host`, `header x-user`, `query page`, `claim realm.groups`. */
  readonly part: string;
  /** What that has to be: `exactly "jason"`. */
  readonly wanted: string;
  /** What it is, `null` where the request has none. */
  readonly found: string | null;
}

/** Says what a condition asks for and what the request has. */
export function explainCondition(
  condition: Condition,
  head: RequestHead,
  path: string,
  token: VerifiedToken | null,
): ConditionExplanation {
  const held = condition.test(head, path, token);
  switch (condition.kind) {
    case 'methods':
      return { held, part: 'method', wanted: condition.of.join(' or '), found: head.method };
    case 'hosts':
      return { held, part: 'host', wanted: condition.of.join(' or '), found: hostReader(head) };
    case 'path':
      return { held, part: 'path', wanted: wantedPath(condition.of), found: path };
    case 'header':
      return named('header', headerReader(condition.of.name)(head));
    case 'query':
      return named('query', queryReader(condition.of.name)(head));
    case 'claim': {
      const { claim } = condition.of;
      const found = claimValues(token, claim)?.join(', ') ?? null;
      return { held, part: `claim ${claim.join('.')}`, wanted: wantedValue(condition.of), found };
    }
  }
  function named(what: string, found: string | null): ConditionExplanation {
    const of = condition.of as NamedMatch;
    // Rules on a key or a token can be understood without it.
    if (isSecret(of.name))
      return { held, part: `${what} ${of.name}`, wanted: wantedValue({ ...of, value: masked }), found: found && masked };
    return { held, part: `${what} ${of.name}`, wanted: wantedValue(of), found };
  }
}

function wantedPath({ kind, value }: PathMatch): string {
  switch (kind) {
    case 'exact':
      return `exactly ${value}`;
    case 'prefix':
      return `${value} or below`;
    case 'starts-with':
      return `starting with ${value}`;
    case 'regex':
      return `all of the regex ${value}`;
  }
}

function wantedValue({ kind, value, not }: Pick<NamedMatch, 'kind' | 'value' | 'not'>): string {
  const no = not === true ? 'not ' : '';
  switch (kind) {
    case 'exact':
      return `${no}exactly "${value}"`;
    case 'prefix':
      return `${no}starting with "${value}"`;
    case 'regex':
      return `${no}all of the regex ${value}`;
    case 'present':
      return not === true ? 'absent' : 'present';
    case 'absent':
      return not === true ? 'present' : 'absent';
  }
}
