import type { AccessConfig, AccessRuleConfig, GatewayConfig, ServiceConfig } from '../mesh-config.ts';
import { suggest } from '../nearest.ts';
import { speaksOnlyTcp } from '../protocol.ts';
import type { AccessRuleSpec, AccessSpec } from '../schema/access.ts';
import { shown } from '../shown.ts';
import type { YamlPath } from '../yaml-node.ts';
import type { Destinations } from './destinations.ts';
import type { Report } from './report.ts';

/** Who may call whom: names checked, one-word forms made lists. */
export function resolveAccess(
  spec: AccessSpec | undefined,
  gateways: readonly GatewayConfig[],
  destinations: Destinations,
  report: Report,
): AccessConfig {
  const path: YamlPath = report.isList(['access']) ? ['access'] : ['access', 'rules'];
  const callers = [...destinations.names, ...gateways.map(gateway => gateway.name)];
  const rules = (spec?.rules ?? []).map((rule, index): AccessRuleConfig => {
    const at = [...path, index];
    checkCallers(rule, at, callers, report);
    for (const [place, name] of (rule.to ?? []).entries()) {
      const service = destinations.service(name, report.entry([...at, 'to'], place));
      if (service !== null) checkProtocol(rule, service, at, report);
    }
    if (rule.action === 'deny' && Object.keys(rule).every(key => key === 'name' || key === 'action')) {
      const message = 'this rule denies every call in the mesh';
      report.warning(at, { code: 'denies-all', message, hint: 'say `to:`, or write `default: deny`' });
    }
    return {
      name: rule.name ?? `access[${index}]`,
      action: rule.action ?? 'allow',
      from: rule.from ?? [],
      principals: rule.principals ?? [],
      to: rule.to ?? [],
      methods: rule.methods ?? [],
      paths: rule.paths ?? [],
      hosts: rule.hosts ?? [],
    };
  });
  return { default: spec?.default ?? 'allow', rules };
}

function checkCallers(rule: AccessRuleSpec, at: YamlPath, callers: readonly string[], report: Report): void {
  for (const [place, name] of (rule.from ?? []).entries()) {
    if (name === '*' || callers.includes(name)) continue;
    const hint = suggest(name, callers);
    report.error(report.entry([...at, 'from'], place), {
      code: 'unknown-service',
      message: `${shown(name)} is not known`,
      hint,
    });
  }
}

/** An allow rule with HTTP conditions never matches raw TCP: it would shut the service for everybody without saying so. */
function checkProtocol(rule: AccessRuleSpec, service: ServiceConfig, at: YamlPath, report: Report): void {
  if (!speaksOnlyTcp(service)) return;
  for (const part of ['methods', 'paths', 'hosts'] as const) {
    if (rule[part] === undefined) continue;
    report.error([...at, part], {
      code: 'http-on-tcp',
      message: `\`${part}\` never matches: \`${service.name}\` speaks tcp`,
      hint: `remove \`${part}\`, or write \`protocol: http\` for \`${service.name}\``,
    });
  }
}
