import type { NamedMatch } from '../../snapshot/route-rule.ts';
import type { ClaimMatch } from '../../snapshot/token-policy.ts';
import { claimPath } from '../claim-path.ts';
import { compareText } from '../diagnostic.ts';
import type { RouteMatchConfig, ServiceConfig } from '../mesh-config.ts';
import type { MatchSpec } from '../schema/match.ts';
import { uniqueTexts } from '../unique-texts.ts';
import { isProblem } from '../units.ts';
import type { YamlPath } from '../yaml-node.ts';
import type { Destinations } from './destinations.ts';
import { checkRegex } from './regex.ts';
import type { Report } from './report.ts';

/** One mapping of `match`, checked and in long form. `home`: the service whose rule it is, `null` at a gateway. */
export function resolveMatch(
  match: MatchSpec,
  home: ServiceConfig | null,
  path: YamlPath,
  destinations: Destinations,
  report: Report,
): RouteMatchConfig {
  if (match.path?.kind === 'regex') checkRegex(match.path.value, [...path, 'path', 'regex'], report);
  for (const name of Object.keys(match.headers ?? {})) {
    if (/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) continue;
    const hint = 'letters, digits and `-`; the path and method have fields of their own';
    report.error([...path, 'headers', name], { code: 'bad-name', key: true, message: `\`${name}\` is not a header name`, hint });
  }
  const hosts = match.hosts ?? [];
  return {
    path: match.path ?? null,
    methods: uniqueTexts(match.methods),
    headers: named(match, 'headers', path, report),
    query: named(match, 'query', path, report),
    hosts: hosts.includes('*') ? [] : uniqueTexts(hosts),
    ports: portsOf(match, home, path, report),
    from: callersOf(match, home, path, destinations, report),
    ...(match.claims === undefined ? {} : { claims: claimsOf(match.claims, home, path, report) }),
  };
}

function claimsOf(
  written: NonNullable<MatchSpec['claims']>,
  home: ServiceConfig | null,
  path: YamlPath,
  report: Report,
): readonly ClaimMatch[] {
  if (home !== null) {
    const message = 'claims are known at gateways only: here there are none';
    const hint = 'put the rule into `gateways.<name>.routes`';
    report.warning([...path, 'claims'], { code: 'claims-never-match', key: true, message, hint });
  }
  return Object.entries(written)
    .map(([name, condition]): ClaimMatch => {
      const at = [...path, 'claims', name];
      if (condition.kind === 'regex')
        checkRegex(condition.value, [...at, ...(condition.not ? ['not', 'regex'] : ['regex'])], report);
      const claim = claimPath(name);
      if (!isProblem(claim)) return { claim, ...condition };
      report.error(at, { code: 'bad-name', key: true, message: claim.problem, hint: claim.hint });
      return { claim: [], ...condition };
    })
    .sort((a, b) => compareText(a.claim.join('\0'), b.claim.join('\0')));
}

function named(match: MatchSpec, part: 'headers' | 'query', path: YamlPath, report: Report): NamedMatch[] {
  return Object.entries(match[part] ?? {})
    .map(([name, condition]): NamedMatch => {
      const at = [...path, part, name];
      if (condition.kind === 'regex')
        checkRegex(condition.value, [...at, ...(condition.not ? ['not', 'regex'] : ['regex'])], report);
      return { name: part === 'headers' ? name.toLowerCase() : name, ...condition };
    })
    .sort((a, b) => compareText(a.name, b.name));
}

function portsOf(match: MatchSpec, home: ServiceConfig | null, path: YamlPath, report: Report): number[] {
  const known = home?.ports.map(port => port.port) ?? [];
  for (const [place, port] of (match.ports ?? []).entries()) {
    if (home === null || known.length === 0 || known.includes(port)) continue;
    const message = `\`${home.name}\` has no port ${port}`;
    report.error(report.entry([...path, 'ports'], place), {
      code: 'unknown-port',
      message,
      hint: `its ports: ${known.join(', ')}`,
    });
  }
  return [...new Set(match.ports ?? [])].sort((a, b) => a - b);
}

function callersOf(
  match: MatchSpec,
  home: ServiceConfig | null,
  path: YamlPath,
  destinations: Destinations,
  report: Report,
): string[] {
  if (match.from !== undefined && home === null) {
    report.error([...path, 'from'], {
      code: 'conflicting-fields',
      key: true,
      message: '`from` means nothing at a gateway: its callers are no services',
      hint: 'remove it; `routes.<service>` has the rules for calls from services',
    });
    return [];
  }
  for (const [place, name] of (match.from ?? []).entries()) destinations.service(name, report.entry([...path, 'from'], place));
  return uniqueTexts(match.from);
}

/** What a rule takes, as far as it can be told before a request comes. */
interface Reach {
  /** Of the rule, at a gateway; empty: any. */
  readonly hosts: readonly string[];
  readonly matches: readonly RouteMatchConfig[];
}

const any: RouteMatchConfig = { path: null, methods: [], headers: [], query: [], hosts: [], ports: [], from: [] };

/** Whether rules above take every request that this one could. */
export function isUnreachable(rule: Reach, above: readonly Reach[]): boolean {
  const matchesOf = ({ matches }: Reach): readonly RouteMatchConfig[] => (matches.length === 0 ? [any] : matches);
  return matchesOf(rule).every(match =>
    above.some(
      earlier =>
        coversHosts(earlier.hosts, rule.hosts) &&
        matchesOf(earlier).some(other => asksNoRequest(other) && takesCallers(other, match)),
    ),
  );
}

/** Every request of the callers it is for. @see Istio `IsCatchAllRoute` */
function asksNoRequest({ path, methods, headers, query, hosts, claims = [] }: RouteMatchConfig): boolean {
  const anyPath =
    path === null ||
    (path.value === '/' && (path.kind === 'prefix' || path.kind === 'starts-with')) ||
    (path.kind === 'regex' && path.value === '.*');
  return anyPath && methods.length + headers.length + query.length + hosts.length + claims.length === 0;
}

function takesCallers(earlier: RouteMatchConfig, later: RouteMatchConfig): boolean {
  return covers(earlier.from, later.from) && covers(earlier.ports, later.ports);
}

/** The same for hosts, where `*.test` holds `a.test` and `*.a.test`. */
function coversHosts(all: readonly string[], some: readonly string[]): boolean {
  const holds = (pattern: string, host: string): boolean =>
    pattern === host || pattern === '*' || (pattern.startsWith('*.') && host.endsWith(pattern.slice(1)));
  return all.length === 0 || (some.length > 0 && some.every(host => all.some(pattern => holds(pattern, host))));
}

/** Whether one list, where empty is everything, holds all of the other. */
function covers<T>(all: readonly T[], some: readonly T[]): boolean {
  return all.length === 0 || (some.length > 0 && some.every(item => all.includes(item)));
}
