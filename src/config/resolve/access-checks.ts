/** What access rules come to: such as never match, shut out more than was meant, or the mesh's own gateways. */
import { identityFacts, isOfConnection, isOfIdentity } from '../../access/access-facts.ts';
import { matchesValue } from '../../access/access-value.ts';
import type { AccessCondition } from '../../snapshot/access-policy.ts';
import { type AccessParts, servicePolicy } from '../access-policy-of.ts';
import { identityOf } from '../identity-of.ts';
import type { AccessRuleConfig, MeshConfig, ServiceConfig } from '../mesh-config.ts';
import { mtlsOf } from '../mtls-of.ts';
import { speaksOnlyTcp } from '../protocol.ts';
import { destinationsOf } from '../rule-destinations.ts';
import { accessLists, negative } from '../schema/access.ts';
import type { YamlPath } from '../yaml-node.ts';
import { accessPath } from './access.ts';
import { refusal } from './access-refusal.ts';
import type { Report } from './report.ts';

/** What is looked at. */
export type CheckedConfig = AccessParts & Pick<MeshConfig, 'gateways'>;

/** Warns of rules that do something else than they say. */
export function checkAccess(config: CheckedConfig, report: Report): void {
  for (const [index, rule] of config.access.rules.entries()) {
    const at = [...accessPath(report), index];
    if (rule.action === 'deny' && rule.to.length + rule.from.length + rule.notFrom.length + rule.conditions.length === 0) {
      const message = 'this rule denies every call in the mesh';
      report.warning(at, { code: 'denies-all', message, hint: 'say `to:`, or write `default: deny`' });
    }
    const targets = config.services.filter(service => rule.to.includes(service.name));
    checkProtocol(rule, targets, at, report);
    checkEdgeProtocol(rule, config, at, report);
    checkPorts(rule, targets, at, report);
    checkContradictions(rule, at, report);
    checkCallers(rule, targets, at, config, report);
  }
  // Rules that were not understood let nobody in, and who denies everything was told; that is no news.
  if (report.diagnostics.some(one => one.code === 'denies-all' || (one.severity === 'error' && /^access\b/.test(one.path))))
    return;
  checkGateways(config, report);
  checkPublished(config, report);
}

/** Field of mesh.yaml that a condition comes from. */
function fieldOf({ on, not }: AccessCondition): string {
  const known = Object.entries(accessLists).find(([, { fact }]) => fact === on)?.[0];
  const field = known ?? { port: 'ports', header: 'headers', query: 'query', claim: 'claims' }[on as string] ?? on;
  return not === true ? negative(field) : field;
}

/** On raw TCP a rule that allows and has HTTP conditions never matches, one that refuses loses them: neither is what it says. */
function checkProtocol(rule: AccessRuleConfig, targets: readonly ServiceConfig[], at: YamlPath, report: Report): void {
  const asked = rule.conditions.find(({ on, not }) => on === 'port' && not !== true)?.values;
  for (const service of targets) {
    const ports = service.ports.filter(({ port }) => asked === undefined || asked.includes(String(port)));
    if (!speaksOnlyTcp(ports.length === 0 ? service : { ...service, ports })) continue;
    for (const field of new Set(rule.conditions.filter(({ on }) => !isOfConnection(on, true)).map(fieldOf))) {
      const message =
        rule.action === 'allow'
          ? `\`${field}\` never matches: \`${service.name}\` speaks tcp`
          : `\`${field}\` is not looked at: \`${service.name}\` speaks tcp, where the rule is wider`;
      const hint = `remove \`${field}\`, or write \`protocol: http\` for \`${service.name}\``;
      report.error([...at, field], { code: 'http-on-tcp', message, hint });
    }
  }
}

/** The same at gateways. */
function checkEdgeProtocol(
  { to, conditions }: AccessRuleConfig,
  { gateways }: CheckedConfig,
  at: YamlPath,
  report: Report,
): void {
  const raw = gateways.find(({ name, protocol }) => to.includes(name) && protocol !== 'http');
  const field = conditions.find(({ on }) => !isOfConnection(on, true));
  if (raw === undefined || field === undefined) return;
  const message = `\`${fieldOf(field)}\` means nothing at gateway \`${raw.name}\`: it speaks ${raw.protocol}`;
  report.error([...at, fieldOf(field)], {
    code: 'http-on-tcp',
    message,
    hint: `remove \`${fieldOf(field)}\`, or take \`${raw.name}\` out of \`to\``,
  });
}

function checkPorts(rule: AccessRuleConfig, targets: readonly ServiceConfig[], at: YamlPath, report: Report): void {
  const condition = rule.conditions.find(({ on, not }) => on === 'port' && not !== true);
  const known = targets.flatMap(({ ports, mtlsPorts = [] }) => [...ports, ...mtlsPorts].map(({ port }) => port));
  if (condition === undefined || rule.to.length !== targets.length || targets.some(({ ports }) => ports.length === 0)) return;
  for (const port of condition.values.filter(one => targets.length > 0 && !known.includes(Number(one)))) {
    const names = targets.map(({ name }) => `\`${name}\``).join(' and ');
    const hint = `${targets.length === 1 ? 'its ports' : 'their ports'}: ${[...new Set(known)].join(', ')}`;
    report.error([...at, 'ports'], {
      code: 'unknown-port',
      message: `${names} ${targets.length === 1 ? 'has' : 'have'} no port ${port}`,
      hint,
    });
  }
}

/** `paths: /a` beside `notPaths: "/a*"`. */
function checkContradictions({ conditions, from, notFrom }: AccessRuleConfig, at: YamlPath, report: Report): void {
  const never = (field: string, other: string): void => {
    const message = `the rule never matches: \`${other}\` takes out everything that \`${field}\` asks for`;
    report.warning([...at, field], { code: 'never-matches', message, hint: `change one of the two, or remove the rule` });
  };
  if (from.length > 0 && from.every(name => notFrom.includes(name) || (notFrom.includes('*') && !conditions.some(isPrincipal))))
    never('from', 'notFrom');
  for (const one of conditions.filter(({ not }) => not !== true)) {
    const out = conditions.filter(
      ({ on, name, not }) => not === true && on === one.on && name?.join('\0') === one.name?.join('\0'),
    );
    const taken = out.flatMap(({ values }) => values);
    if (
      one.values.every(
        value => taken.includes(value) || (!value.includes('*') && taken.some(other => matchesValue(other, value))),
      )
    )
      never(fieldOf(one), negative(fieldOf(one)));
  }
}

function isPrincipal({ on, not }: AccessCondition): boolean {
  return on === 'principal' && not !== true;
}

/** Rules that ask who calls. */
function checkCallers(
  rule: AccessRuleConfig,
  targets: readonly ServiceConfig[],
  at: YamlPath,
  config: CheckedConfig,
  report: Report,
): void {
  const names = [...config.services, ...config.gateways].map(({ name }) => name);
  const shared = rule.from.flatMap(name =>
    names
      .filter(other => other !== name && !rule.from.includes(other) && identityOf(config, other) === identityOf(config, name))
      .map(other => [name, other] as const),
  );
  for (const [name, other] of shared) {
    const message = `the rule takes \`${other}\` for \`${name}\`: they share an account`;
    report.warning([...at, 'from'], { code: 'shared-account', message, hint: `give one of them an \`account\` of its own` });
  }
  const domains = [config.trustDomain, ...config.identity.trustDomainAliases];
  const known = names.map(name => identityFacts(identityOf(config, name)));
  for (const condition of rule.conditions.filter(({ not }) => not !== true)) {
    const { on, values } = condition;
    // Persons and tests have identities too, but those of this trust domain.
    const met =
      on === 'trust-domain'
        ? values.some(value => domains.some(domain => matchesValue(value, domain)))
        : on === 'principal'
          ? values.some(
              value => !value.startsWith('spiffe://') || domains.some(domain => mayBeginWith(value, `spiffe://${domain}/`)),
            )
          : on !== 'namespace' || values.some(value => known.some(facts => matchesValue(value, facts.namespace)));
    if (met || rule.from.length > 0 || rule.to.length !== targets.length) continue;
    const message = `\`${fieldOf(condition)}\` matches nobody: the mesh gives no such identity`;
    const hint =
      on === 'namespace'
        ? `its namespaces: ${[...new Set(known.map(facts => facts.namespace))].join(', ')}`
        : `its trust domain: ${config.trustDomain}`;
    report.warning([...at, fieldOf(condition)], { code: 'matches-nobody', message, hint });
  }
  const asks = rule.from.length > 0 || rule.conditions.some(({ on, not }) => not !== true && isOfIdentity(on));
  for (const service of asks ? targets : []) {
    if (service.ports.length === 0 || service.ports.some(({ port }) => mtlsOf(service, port) !== 'disabled')) continue;
    const message = `the rule never matches: callers of \`${service.name}\` have no identity, its mTLS is disabled`;
    report.warning(at, {
      code: 'never-matches',
      message,
      hint: `write \`mtls: permissive\` or \`strict\` for \`${service.name}\``,
    });
  }
}

/** Whether a text that matches the pattern can begin so. */
function mayBeginWith(pattern: string, start: string): boolean {
  const text = pattern.endsWith('*') ? pattern.slice(0, -1) : pattern;
  return text.startsWith(start) || (pattern.endsWith('*') && start.startsWith(text));
}

/** A gateway calls in its own name: who closes a service closes it for the gateway too. */
function checkGateways(config: CheckedConfig, report: Report): void {
  for (const gateway of config.gateways) {
    for (const [index, route] of gateway.routes.entries()) {
      for (const service of new Set(destinationsOf(route).map(target => target.service))) {
        if (!config.services.some(({ name }) => name === service)) continue;
        const refused = refusal(servicePolicy(config, service), identityOf(config, gateway.name));
        if (refused === null) continue;
        const message = `\`${service}\` refuses calls from gateway \`${gateway.name}\`: ${refused.why}`;
        const add = `add \`{from: ${gateway.name}, to: ${service}}\` to \`access\``;
        const hint = `${refused.rule === null ? add : `add \`notFrom: ${gateway.name}\` to it`}, or remove the route that leads there`;
        report.warning(['gateways', gateway.name, 'routes', index], { code: 'gateway-refused', message, hint });
      }
    }
  }
}

/** Whoever calls a published port from the host has no identity. */
function checkPublished(config: CheckedConfig, report: Report): void {
  for (const service of config.services) {
    const published = service.versions.flatMap(({ container }) => container.publish).find(({ protocol }) => protocol === 'tcp');
    const refused = published === undefined ? null : refusal(servicePolicy(config, service.name), null);
    if (published === undefined || refused === null) continue;
    const message = `\`${service.name}\` publishes port ${published.containerPort}, but refuses calls from this machine: ${refused.why}`;
    const allow = `allow them, \`{notFrom: "*", to: ${service.name}}\``;
    const hint = `they have no identity; put a gateway in front, or ${refused.rule === null ? allow : 'add `from: "*"` to it'}`;
    const path = ['services', service.name];
    report.warning(report.has(path) ? path : ['access'], { code: 'published-refused', key: true, message, hint });
  }
}
