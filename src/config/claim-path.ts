import { shown } from './shown.ts';
import type { Problem } from './units.ts';

/**
 * The names of a claim, from the outside in: `realm.groups` is `groups` within `realm`. A name with dots stands in brackets, `[shop.test/realm][groups]`, and a
 * URL is one name.
 */
export function claimPath(written: unknown): readonly string[] | Problem {
  const hint = '`sub`, `realm.groups` for a claim within another, `[a.b][c]` where names have dots';
  if (typeof written !== 'string' || written === '') return { problem: `${shown(written)} is not a claim`, hint };
  if (written.includes('://') && !written.startsWith('[')) return [written];
  const names = written.startsWith('[')
    ? (/^(?:\[[^[\]]+\])+$/.exec(written)?.[0].slice(1, -1).split('][') ?? [])
    : written.split('.');
  return names.length === 0 || names.includes('') ? { problem: `${shown(written)} is not a claim`, hint } : names;
}
