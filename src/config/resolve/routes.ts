import { defaultBackoffMs, defaultRetry } from '../default-retry.ts';
import { compareText } from '../diagnostic.ts';
import type { DestinationConfig, RouteMatchConfig, RouteRuleConfig, ServiceConfig } from '../mesh-config.ts';
import { regexProblem } from '../regex.ts';
import type { GatewayRuleSpec, RetriesSpec, RouteRuleSpec } from '../schema/route.ts';
import type { NamedMatch, RetryCondition, RetryPolicy } from '../terms.ts';
import type { YamlPath } from '../yaml-node.ts';
import type { Destinations } from './destinations.ts';
import type { Report } from './report.ts';

/** May be sent twice without harm (RFC 9110 section 9.2.2), less the rare ones. */
const idempotent = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PUT', 'TRACE'];
/** Before the first answer byte and before anything was surely seen: safe for every idempotent request. */
const defaultConditions: readonly RetryCondition[] = ['connect-failure', 'gateway-error', 'reset'];
const defaultAttempts = 2;

/** Rules of one service (`home`) or of a gateway (`home` null), checked and in long form. */
export function resolveRules(
  rules: readonly (RouteRuleSpec | GatewayRuleSpec)[],
  home: ServiceConfig | null,
  owner: string,
  path: YamlPath,
  destinations: Destinations,
  report: Report,
): RouteRuleConfig[] {
  const names = new Map<string, number>();
  return rules.map((rule, index) => {
    const at = [...path, index];
    const name = rule.name ?? `${owner}[${index}]`;
    const before = names.get(name);
    if (before !== undefined) {
      const message = `rule name \`${name}\` is already that of rule ${before}`;
      report.error([...at, 'name'], { code: 'duplicate-name', message, hint: 'names tell rules apart in logs and metrics' });
    }
    names.set(name, index);
    const unreachable = index > 0 && rules.slice(0, index).some(earlier => catchesAll(earlier));
    if (unreachable) {
      const message = 'this rule is never reached: a rule above it takes every request';
      report.warning(at, { code: 'unreachable-rule', message, hint: 'put the rule without `match` last' });
    }
    return {
      name,
      matches: (rule.match ?? []).map((match, place) => resolveMatch(match, matchPath(at, rule.match, place, report), report)),
      action: { kind: 'forward', split: splitOf(rule, home, at, destinations, report) },
      timeoutMs: rule.timeout ?? null,
      retry: rule.retries === undefined ? defaultRetry : resolveRetries(rule.retries, [...at, 'retries'], report),
    };
  });
}

function catchesAll(rule: RouteRuleSpec | GatewayRuleSpec): boolean {
  const anyHost = !('hosts' in rule) || rule.hosts === undefined;
  return rule.match === undefined && anyHost;
}

/** `match` may be one mapping or a list; the path of a part differs. */
function matchPath(at: YamlPath, match: RouteRuleSpec['match'], place: number, report: Report): YamlPath {
  const single = match?.length === 1 && !report.isList([...at, 'match']);
  return single ? [...at, 'match'] : [...at, 'match', place];
}

function splitOf(
  rule: RouteRuleSpec,
  home: ServiceConfig | null,
  at: YamlPath,
  destinations: Destinations,
  report: Report,
): DestinationConfig[] {
  if (rule.to !== undefined && rule.split !== undefined) {
    report.error([...at, 'split'], {
      code: 'to-and-split',
      key: true,
      message: '`to` and `split` in one rule',
      hint: 'keep one of them',
    });
    return [];
  }
  if (rule.to !== undefined) {
    const found = destinations.find(rule.to, 1, home, [...at, 'to']);
    return found === null ? [] : [found];
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
  const path = [...at, 'split'];
  const weights = Object.values(rule.split);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (total === 0) {
    report.error(path, {
      code: 'bad-weights',
      message: 'the weights add up to 0',
      hint: 'give at least one destination a weight above 0',
    });
  }
  const percents = Object.keys(rule.split).filter(key =>
    report
      .text([...path, key])
      .trim()
      .endsWith('%'),
  );
  if (percents.length > 0 && (percents.length < weights.length || Math.abs(total - 100) > 1e-9)) {
    const mixed = percents.length < weights.length;
    const message = mixed ? 'percentages and plain weights are mixed' : `the percentages add up to ${total}%, not 100%`;
    report.error(path, { code: 'bad-weights', message, hint: 'write shares of 100%, or plain weights such as `90` and `10`' });
  }
  return Object.entries(rule.split)
    .flatMap(([key, weight]) => destinations.find(key, weight, home, [...path, key], true) ?? [])
    .sort((a, b) => compareText(`${a.service}/${a.version}`, `${b.service}/${b.version}`));
}

function resolveMatch(match: NonNullable<RouteRuleSpec['match']>[number], path: YamlPath, report: Report): RouteMatchConfig {
  if (match.path?.kind === 'regex') checkRegex(match.path.value, [...path, 'path', 'regex'], report);
  const named = (part: 'headers' | 'query', fold: (name: string) => string): NamedMatch[] =>
    Object.entries(match[part] ?? {})
      .map(([name, { kind, value }]) => {
        if (kind === 'regex') checkRegex(value, [...path, part, name, 'regex'], report);
        return { name: fold(name), kind, value };
      })
      .sort((a, b) => compareText(a.name, b.name));
  for (const name of Object.keys(match.headers ?? {})) {
    if (/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) continue;
    const hint = 'letters, digits and `-`; the path and method have fields of their own';
    report.error([...path, 'headers', name], { code: 'bad-name', key: true, message: `\`${name}\` is not a header name`, hint });
  }
  return {
    path: match.path ?? null,
    methods: [...new Set(match.methods ?? [])].sort(compareText),
    headers: named('headers', name => name.toLowerCase()),
    query: named('query', name => name),
    hosts: [],
    ports: [],
    from: [],
  };
}

function checkRegex(source: string, path: YamlPath, report: Report): void {
  const problem = regexProblem(source);
  if (problem !== null) report.error(path, { code: 'bad-regex', message: problem.problem, hint: problem.hint });
}

function resolveRetries(spec: RetriesSpec, path: YamlPath, report: Report): RetryPolicy {
  const full = 'on' in spec || 'methods' in spec || 'codes' in spec || 'perTry' in spec || 'backoff' in spec ? spec : {};
  const unsafe = (full.methods ?? []).filter(method => !idempotent.includes(method));
  if (unsafe.length > 0) {
    report.warning([...path, 'methods'], {
      code: 'retry-not-idempotent',
      message: `${unsafe.join(', ')} is not idempotent: a retry may do it twice`,
      hint: 'leave it out unless the service recognises repeated requests',
    });
  }
  const on =
    full.on ?? (full.codes === undefined ? defaultConditions : [...defaultConditions, 'retriable-status-codes' as const]);
  if (on.includes('retriable-status-codes') && full.codes === undefined) {
    const message = '`retriable-status-codes` without `codes`';
    report.error([...path, 'on'], { code: 'missing-field', message, hint: 'write `codes: [503]`' });
  }
  return {
    attempts: spec.attempts ?? defaultAttempts,
    on: [...new Set(on)].sort(compareText),
    statusCodes: [...new Set(full.codes ?? [])].sort((a, b) => a - b),
    perTryTimeoutMs: full.perTry ?? null,
    methods: [...new Set(full.methods ?? idempotent)].sort(compareText),
    backoffBaseMs: full.backoff ?? defaultBackoffMs,
  };
}

/** Parts of a rule that only HTTP has, with their place: raw TCP can be split, no more. */
export function httpOnlyParts(rule: RouteRuleSpec | GatewayRuleSpec): readonly string[] {
  const parts = {
    match: rule.match,
    timeout: rule.timeout,
    retries: rule.retries,
    hosts: 'hosts' in rule ? rule.hosts : undefined,
  };
  return Object.entries(parts).flatMap(([name, value]) => (value === undefined ? [] : [name]));
}
