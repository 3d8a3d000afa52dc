import type { PathRewrite } from '../../snapshot/route-rule.ts';
import { compareText } from '../diagnostic.ts';
import type { DestinationConfig, RouteRuleConfig, ServiceConfig } from '../mesh-config.ts';
import type { GatewayRuleSpec, RouteRuleSpec } from '../schema/route.ts';
import type { YamlPath } from '../yaml-node.ts';
import type { Destinations } from './destinations.ts';
import { checkRegex } from './regex.ts';
import type { Report } from './report.ts';
import { resolveHeaders } from './rule-parts.ts';

/** Fields that only a forwarded request has a use for. */
const ofForwarding = ['to', 'split', 'exact', 'rewrite', 'mirror', 'timeout', 'idleTimeout', 'retries'] as const;

/** What a rule does: forwards, redirects or answers. */
export function resolveAction(
  rule: RouteRuleSpec | GatewayRuleSpec,
  home: ServiceConfig | null,
  at: YamlPath,
  destinations: Destinations,
  report: Report,
): RouteRuleConfig['action'] {
  const answer = rule.redirect ?? rule.respond;
  if (answer !== undefined) {
    checkAnswering(rule, answer.kind, at, report);
    if (answer.kind === 'redirect' && answer.path !== undefined) checkRewrite(answer.path, [...at, 'redirect'], report);
    return answer;
  }
  if (rule.exact === true && rule.split === undefined) {
    const hint = 'write `split: {v1: 90, v2: 10}` beside it';
    report.error([...at, 'exact'], {
      code: 'conflicting-fields',
      key: true,
      message: '`exact` means nothing without `split`',
      hint,
    });
  }
  if (rule.rewrite?.path !== undefined) checkRewrite(rule.rewrite.path, [...at, 'rewrite'], report);
  return {
    kind: 'forward',
    split: resolveSplit(rule, home, at, destinations, report),
    ...(rule.exact === true ? { exact: true } : {}),
    ...(rule.rewrite === undefined ? {} : { rewrite: rule.rewrite }),
  };
}

function checkAnswering(rule: RouteRuleSpec, kind: 'redirect' | 'respond', at: YamlPath, report: Report): void {
  const hint = `a rule with \`${kind}\` answers by itself and forwards nothing: remove one of the two`;
  const refuse = (path: YamlPath, name: string): void => {
    const message = `\`${name}\` means nothing beside \`${kind}\``;
    report.error(path, { code: 'conflicting-fields', key: true, message, hint });
  };
  if (kind === 'redirect' && rule.respond !== undefined) refuse([...at, 'respond'], 'respond');
  for (const field of ofForwarding) if (rule[field] !== undefined) refuse([...at, field], field);
  if (rule.headers?.request !== undefined) refuse([...at, 'headers', 'request'], 'headers.request');
}

/** The groups of the replacement have to be there. */
function checkRewrite(rewrite: PathRewrite, path: YamlPath, report: Report): void {
  if (rewrite.kind !== 'regex' || !checkRegex(rewrite.pattern, [...path, 'regex'], report)) return;
  const groups = (new RegExp(`${rewrite.pattern.replace(/^\(\?i\)/, '')}|`).exec('')?.length ?? 1) - 1;
  for (const [reference] of rewrite.value.matchAll(/\\.?/gs)) {
    const group = /^\\(\d)$/.exec(reference)?.[1];
    if (reference === '\\\\' || (group !== undefined && Number(group) <= groups)) continue;
    const known = groups === 0 ? 'the regex has no group' : `the regex has ${groups} group${groups === 1 ? '' : 's'}`;
    report.error([...path, 'with'], {
      code: 'bad-value',
      message: `\`${reference}\` stands for nothing`,
      hint: `${known}; \`\\1\` stands for the first one, \`\\\\\` for a backslash`,
    });
    return;
  }
}

function resolveSplit(
  rule: RouteRuleSpec,
  home: ServiceConfig | null,
  at: YamlPath,
  destinations: Destinations,
  report: Report,
): DestinationConfig[] {
  if (rule.to !== undefined && rule.split !== undefined) {
    const message = '`to` and `split` in one rule';
    report.error([...at, 'split'], { code: 'to-and-split', key: true, message, hint: 'keep one of them' });
    return [];
  }
  if (rule.to !== undefined) {
    const found = destinations.find(rule.to, home, [...at, 'to']);
    return found === null ? [] : [{ ...found, weight: 1 }];
  }
  if (rule.split === undefined) {
    if (home !== null) return [{ service: home.name, version: '', port: null, weight: 1 }];
    report.error(at, {
      code: 'missing-field',
      message: 'the rule leads nowhere',
      hint: 'write `to: web` or `split: {web/v1: 90, web/v2: 10}`',
    });
    return [];
  }
  return sharesOf(rule.split, home, [...at, 'split'], destinations, report);
}

function sharesOf(
  split: NonNullable<RouteRuleSpec['split']>,
  home: ServiceConfig | null,
  path: YamlPath,
  destinations: Destinations,
  report: Report,
): DestinationConfig[] {
  checkWeights(split, path, report);
  const owners = new Map<string, string>();
  return Object.entries(split)
    .flatMap(([key, { weight, headers }]): DestinationConfig[] => {
      const at = [...path, key];
      const found = destinations.find(key, home, at, true);
      if (found === null) return [];
      const id = `${found.service}/${found.version}:${found.port ?? ''}`;
      const before = owners.get(id);
      if (before !== undefined) {
        const message = `\`${key}\` is the same destination as \`${before}\``;
        report.error(at, { code: 'duplicate-destination', key: true, message, hint: 'give it one share' });
      }
      owners.set(id, key);
      return [{ ...found, weight, ...resolveHeaders(headers, [...at, 'headers'], report) }];
    })
    .sort((a, b) => compareText(`${a.service}/${a.version}`, `${b.service}/${b.version}`));
}

function checkWeights(split: NonNullable<RouteRuleSpec['split']>, path: YamlPath, report: Report): void {
  const keys = Object.keys(split);
  const total = Object.values(split).reduce((sum, { weight }) => sum + weight, 0);
  if (total === 0) {
    report.error(path, {
      code: 'bad-weights',
      message: 'the weights add up to 0',
      hint: 'give at least one destination a weight above 0',
    });
  }
  const written = (key: string): string => report.text([...path, key]) || report.text([...path, key, 'weight']);
  const percents = keys.filter(key => written(key).trim().endsWith('%'));
  if (percents.length > 0 && (percents.length < keys.length || Math.abs(total - 100) > 1e-9)) {
    const mixed = percents.length < keys.length;
    const message = mixed ? 'percentages and plain weights are mixed' : `the percentages add up to ${total}%, not 100%`;
    report.error(path, { code: 'bad-weights', message, hint: 'write shares of 100%, or plain weights such as `90` and `10`' });
  }
}
