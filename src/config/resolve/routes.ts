import { defaultRetry } from '../default-retry.ts';
import type { RouteRuleConfig, ServiceConfig } from '../mesh-config.ts';
import type { GatewayRuleSpec, RouteRuleSpec } from '../schema/route.ts';
import type { YamlPath } from '../yaml-node.ts';
import type { Destinations } from './destinations.ts';
import { isUnreachable, resolveMatch } from './matches.ts';
import type { Report } from './report.ts';
import { resolveRetries } from './retries.ts';
import { resolveAction } from './rule-action.ts';
import { resolveCors, resolveHeaders, resolveMirrors, resolveRateLimits } from './rule-parts.ts';

/** Rules of one service (`home`) or of a gateway (`home` null), checked and in long form. `inOrder`: the first that matches decides, not the most exact host. */
export function resolveRules(
  rules: readonly (RouteRuleSpec | GatewayRuleSpec)[],
  home: ServiceConfig | null,
  owner: string,
  path: YamlPath,
  destinations: Destinations,
  report: Report,
  inOrder = true,
): RouteRuleConfig[] {
  const names = new Map<string, number>();
  const above: { readonly hosts: readonly string[]; readonly matches: RouteRuleConfig['matches'] }[] = [];
  return rules.map((rule, index) => {
    const at = [...path, index];
    const name = rule.name ?? `${owner}[${index}]`;
    const before = names.get(name);
    if (before !== undefined) {
      const message = `rule name \`${name}\` is already that of rule ${before}`;
      report.error([...at, 'name'], { code: 'duplicate-name', message, hint: 'names tell rules apart in logs and metrics' });
    }
    names.set(name, index);
    const matches = (rule.match ?? []).map((match, place) =>
      resolveMatch(match, home, report.entry([...at, 'match'], place), destinations, report),
    );
    const reach = { hosts: ('hosts' in rule ? rule.hosts : undefined) ?? [], matches };
    if (inOrder && isUnreachable(reach, above)) {
      const message = 'this rule is never reached: a rule above it takes every request';
      report.warning(at, { code: 'unreachable-rule', message, hint: 'move it above that rule, or remove it' });
    }
    above.push(reach);
    const action = resolveAction(rule, home, at, destinations, report);
    return {
      name,
      matches,
      action,
      ...timesOf(rule, action, at, report),
      ...policyOf(rule, home, owner, name, at, destinations, report),
    };
  });
}

function timesOf(
  rule: RouteRuleSpec,
  action: RouteRuleConfig['action'],
  at: YamlPath,
  report: Report,
): Pick<RouteRuleConfig, 'timeoutMs' | 'retry' | 'idleTimeoutMs'> {
  const { timeout, idleTimeout, retries } = rule;
  const retry = retries === undefined ? defaultRetry : resolveRetries(retries, timeout, [...at, 'retries'], report);
  return {
    timeoutMs: timeout ?? null,
    retry: action.kind === 'forward' ? retry : null,
    ...(idleTimeout === undefined ? {} : { idleTimeoutMs: idleTimeout }),
  };
}

function policyOf(
  rule: RouteRuleSpec,
  home: ServiceConfig | null,
  owner: string,
  name: string,
  at: YamlPath,
  destinations: Destinations,
  report: Report,
): Partial<RouteRuleConfig> {
  const { headers, cors, fault, mirror, rateLimit } = rule;
  const bucket = rule.name === undefined ? name : `${owner}/${name}`;
  return {
    ...resolveHeaders(headers, [...at, 'headers'], report),
    ...(cors === undefined ? {} : { cors: resolveCors(cors, [...at, 'cors'], report) }),
    ...(fault === undefined ? {} : { faults: fault }),
    ...(mirror === undefined ? {} : { mirrors: resolveMirrors(mirror, home, [...at, 'mirror'], destinations, report) }),
    ...(rateLimit === undefined ? {} : { rateLimits: resolveRateLimits(rateLimit, bucket, [...at, 'rateLimit'], report) }),
  };
}

/** Parts of a rule that only HTTP has: raw TCP can be split, delayed, slowed down and cut, and its caller and port are known. */
export function httpOnlyParts(rule: RouteRuleSpec | GatewayRuleSpec): readonly string[] {
  const asksRequest = rule.match?.some(({ from, ports, ...rest }) => Object.values(rest).some(part => part !== undefined));
  const inShares = Object.values(rule.split ?? {}).some(share => share.headers !== undefined);
  const aborts = rule.fault?.some(fault => fault.kind === 'abort');
  const parts = {
    match: asksRequest,
    hosts: 'hosts' in rule && rule.hosts !== undefined,
    rewrite: rule.rewrite !== undefined,
    redirect: rule.redirect !== undefined,
    respond: rule.respond !== undefined,
    headers: rule.headers !== undefined || inShares,
    cors: rule.cors !== undefined,
    mirror: rule.mirror !== undefined,
    abort: aborts,
    timeout: rule.timeout !== undefined,
    idleTimeout: rule.idleTimeout !== undefined,
    retries: rule.retries !== undefined,
    rateLimit: rule.rateLimit !== undefined,
  };
  return Object.entries(parts).flatMap(([name, given]) => (given === true ? [name] : []));
}
