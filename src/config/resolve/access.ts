import type { AccessCondition, AccessFact } from '../../snapshot/access-policy.ts';
import { claimPath } from '../claim-path.ts';
import { compareText } from '../diagnostic.ts';
import type { AccessConfig, AccessRuleConfig } from '../mesh-config.ts';
import { suggest } from '../nearest.ts';
import { type AccessRuleSpec, type AccessSpec, accessLists, negative } from '../schema/access.ts';
import { shown } from '../shown.ts';
import { uniqueTexts } from '../unique-texts.ts';
import { isProblem } from '../units.ts';
import type { YamlPath } from '../yaml-node.ts';
import type { Destinations } from './destinations.ts';
import type { Report } from './report.ts';

/** Names that rules may use. */
export interface AccessNames {
  readonly services: Destinations;
  readonly gateways: readonly string[];
  readonly authorizers: readonly string[];
  /** For accounts without one. */
  readonly namespace: string;
}

/** Where the rules stand. */
export function accessPath(report: Report): YamlPath {
  return report.isList(['access']) ? ['access'] : ['access', 'rules'];
}

/** Who may call whom: names checked, one-word forms made lists, fields made conditions. What rules come to is checked by `checkAccess`. */
export function resolveAccess(spec: AccessSpec | undefined, names: AccessNames, report: Report): AccessConfig {
  const path = accessPath(report);
  const seen = new Set<string>();
  const rules = (spec?.rules ?? []).map((rule, index): AccessRuleConfig => {
    const at = [...path, index];
    for (const part of ['from', 'notFrom', 'to'] as const) checkNames(rule, part, at, names, report);
    const name = rule.name ?? `access[${index}]`;
    if (seen.has(name)) {
      const hint = 'logs and metrics tell rules apart by their names: choose another one';
      report.error([...at, 'name'], { code: 'duplicate-name', message: `there is another rule \`${name}\``, hint });
    }
    seen.add(name);
    return {
      name,
      ...actionOf(rule, at, names, report),
      ...(rule.dryRun === true ? { dryRun: true } : {}),
      to: rule.to ?? [],
      from: rule.from ?? [],
      notFrom: rule.notFrom ?? [],
      conditions: conditionsOf(rule, at, names, report),
    };
  });
  // A list says who may: whoever writes one means that others may not.
  const closes = spec?.list === true && rules.some(rule => rule.action === 'allow' && rule.dryRun !== true);
  return { default: spec?.default ?? (closes ? 'deny' : 'allow'), rules };
}

function actionOf(
  { action, authorizer }: AccessRuleSpec,
  at: YamlPath,
  { authorizers }: AccessNames,
  report: Report,
): Pick<AccessRuleConfig, 'action' | 'authorizer'> {
  if (authorizer === undefined) return { action: action ?? 'allow' };
  if (action !== undefined) {
    const hint = 'an authorizer decides itself: remove `action`';
    report.error([...at, 'action'], { code: 'conflicting-fields', message: '`action` and `authorizer` are said at once', hint });
  }
  if (!authorizers.includes(authorizer)) {
    const hint = suggest(authorizer, authorizers) || 'describe it: `authorizers: {opa: {service: opa, port: 8181}}`';
    report.error([...at, 'authorizer'], { code: 'unknown-authorizer', message: `${shown(authorizer)} is not known`, hint });
  }
  return { action: 'custom', authorizer };
}

function checkNames(
  rule: AccessRuleSpec,
  part: 'from' | 'notFrom' | 'to',
  at: YamlPath,
  { services, gateways }: AccessNames,
  report: Report,
): void {
  for (const [place, name] of (rule[part] ?? []).entries()) {
    const entry = report.entry([...at, part], place);
    if (name !== '*') {
      const hint = shapeHint(name, part, [...services.names, ...gateways]);
      if (hint === '') services.knows(name, gateways, entry);
      else report.error(entry, { code: 'unknown-service', message: `${shown(name)} is no name of a service`, hint });
    } else if (part === 'to') {
      const message = '`*` is no service';
      report.error(entry, {
        code: 'unknown-service',
        message,
        hint: 'a rule without `to` is for all services',
      });
    }
  }
}

/** What whoever writes a version, a port or a pattern in place of a name meant; empty for everything else. */
function shapeHint(written: string, part: 'from' | 'notFrom' | 'to', known: readonly string[]): string {
  const [, name = '', mark] = /^([^/:*]+)([/:*])/.exec(written) ?? [];
  if (mark === '*')
    return part === 'to'
      ? 'name each of them; a rule without `to` is for all services'
      : `name each of them; patterns are for \`${part === 'from' ? 'principals' : 'notPrincipals'}\``;
  if (mark === undefined || !known.includes(name)) return '';
  if (mark === '/') return `versions of a service share its identity and its rules: \`${name}\``;
  return part === 'to' ? `write \`to: ${name}, ports: ${written.slice(name.length + 1)}\`` : `callers have no port: \`${name}\``;
}

/** Fields that have a twin `not…` of the same form. */
type Negatable = keyof typeof accessLists | 'ports' | 'headers' | 'query' | 'claims';

function conditionsOf(rule: AccessRuleSpec, at: YamlPath, names: AccessNames, report: Report): readonly AccessCondition[] {
  const found: AccessCondition[] = [];
  const add = (on: AccessFact, values: readonly string[] | undefined, not: boolean, name?: readonly string[]): void => {
    if (values === undefined) return;
    const sorted = uniqueTexts(values);
    found.push({ on, ...(name === undefined ? {} : { name }), values: sorted, ...(not ? { not } : {}) });
  };
  const both = <K extends Negatable>(key: K, use: (values: AccessRuleSpec[K], not: boolean, part: string) => void): void => {
    const twin = negative(key) as K;
    use(rule[key], false, key);
    use(rule[twin], true, twin);
  };
  both('ports', (ports, not) => add('port', ports?.map(String), not));
  for (const [key, { fact }] of Object.entries(accessLists) as [keyof typeof accessLists, { fact: AccessFact }][])
    both(key, (values, not) => add(fact, fact === 'account' ? values?.map(one => withNamespace(one, names)) : values, not));
  both('headers', (headers, not, part) => {
    for (const [name, values] of byName(headers)) {
      if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) {
        const hint = 'letters, digits and `-`; the path, method and host have fields of their own';
        report.error([...at, part, name], { code: 'bad-name', key: true, message: `\`${name}\` is not a header name`, hint });
      }
      add('header', values, not, [name.toLowerCase()]);
    }
  });
  both('query', (query, not, part) => {
    for (const [name, values] of byName(query)) {
      if (name === '') {
        const finding = { code: 'bad-name', key: true, message: 'a parameter without name', hint: 'write its name: `debug`' };
        report.error([...at, part, name], finding);
      } else add('query', values, not, [name]);
    }
  });
  both('claims', (claims, not, part) => {
    for (const [name, values] of byName(claims)) {
      const claim = claimPath(name);
      if (isProblem(claim)) {
        const { problem, hint } = claim;
        report.error([...at, part, name], { code: 'bad-name', key: true, message: problem, hint });
      } else add('claim', values, not, claim);
    }
  });
  return found;
}

function byName(
  named: Readonly<Record<string, readonly string[]>> | undefined,
): readonly (readonly [string, readonly string[]])[] {
  return Object.entries(named ?? {}).sort(([a], [b]) => compareText(a, b));
}

function withNamespace(account: string, { namespace }: AccessNames): string {
  return account.includes('/') || account.startsWith('*') ? account : `${namespace}/${account}`;
}
