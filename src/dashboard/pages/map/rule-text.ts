/** Rules of the configuration in the words that `mesh explain` and `mesh proxy-config` have for them. Pure. */
import type { ConfigDocument } from '../../../api/types.ts';
import { escapeLine } from '../../../text/escape.ts';
import { ruleExtrasText, ruleMatchText } from '../../../text/rule-text.ts';

type Config = ConfigDocument['config'];
/** A rule of a service or gateway. */
export type Rule = Config['services'][number]['routes'][number];
/** A rule about who may call. */
export type AccessRule = Config['access']['rules'][number];

/** Rules of a service or gateway by its name. */
export function rulesOf(config: Config, name: string): readonly Rule[] {
  const owner = [...config.services, ...config.gateways, ...(config.external ?? [])].find(each => each.name === name);
  return owner?.routes ?? [];
}

/** What a rule asks of a request; `all` for nothing. */
export function matchText({ matches }: Pick<Rule, 'matches'>): string {
  return escapeLine(ruleMatchText(matches));
}

/** Where a rule sends requests, or what it answers. */
export function actionText({ action }: Pick<Rule, 'action'>): string {
  if (action.kind !== 'forward') return `${action.kind} ${action.status}`;
  const name = ({ service, version }: { readonly service: string; readonly version: string }): string =>
    version === '' ? service : `${service}@${version}`;
  const [only, ...others] = action.split;
  if (only !== undefined && others.length === 0) return escapeLine(name(only));
  return escapeLine(action.split.map(each => `${each.weight} ${name(each)}`).join(', ') || '–');
}

/** All that a rule does besides, in a few words; the empty string for nothing. */
export function extrasText(rule: Rule): string {
  const mirrors = (rule.mirrors ?? []).map(({ service, percent }) => ({ to: service, percent }));
  return escapeLine(ruleExtrasText(rule, mirrors));
}

/** Rules about calls to a service, as far as their caller may be this one. `from`: `null` is any. */
export function accessRulesOf({ access }: Pick<Config, 'access'>, to: string, from: string | null): readonly AccessRule[] {
  return access.rules.filter(rule => {
    if (rule.to.length > 0 && !rule.to.includes(to)) return false;
    return from === null || rule.from.length === 0 || rule.from.includes('*') || rule.from.includes(from);
  });
}

/** `allow · from web · GET` */
export function accessText({ action, dryRun, from, notFrom, conditions }: AccessRule): string {
  const parts = [
    dryRun ? `${action} (dry run)` : action,
    from.length === 0 ? (notFrom.length === 0 ? 'from anyone' : '') : `from ${from.join(', ')}`,
    notFrom.length === 0 ? '' : `not from ${notFrom.join(', ')}`,
    ...conditions.map(({ on, name = [], values, not }) => {
      const what = name.length === 0 ? on : `${on} ${name.join('.')}`;
      return `${what} ${not ? 'not ' : ''}${values.join(', ')}`;
    }),
  ];
  return escapeLine(parts.filter(part => part !== '').join(' · '));
}
