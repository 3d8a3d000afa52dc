import { servicePolicy } from '../access-policy-of.ts';
import { compareText } from '../diagnostic.ts';
import { identityOf } from '../identity-of.ts';
import type { AuthorizerConfig, MeshConfig, ServiceConfig } from '../mesh-config.ts';
import { speaksOnlyTcp } from '../protocol.ts';
import type { AuthorizerSpec } from '../schema/authorizer.ts';
import { uniqueTexts } from '../unique-texts.ts';
import type { YamlPath } from '../yaml-node.ts';
import { accessPath } from './access.ts';
import { refusal } from './access-refusal.ts';
import type { Destinations } from './destinations.ts';
import type { Report } from './report.ts';

/** Envoy's is 200 ms, which a laptop that just began to build something else does not keep. */
const defaultTimeoutMs = 1_000;

/** External authorizers in long form, sorted by name. */
export function resolveAuthorizers(
  specs: Readonly<Record<string, AuthorizerSpec>>,
  destinations: Destinations,
  report: Report,
): readonly AuthorizerConfig[] {
  return Object.entries(specs)
    .flatMap(([name, spec]): AuthorizerConfig[] => {
      const path = ['authorizers', name];
      const service = destinations.service(spec.service, [...path, 'service']);
      const port = service === null ? null : portOf(spec, service, path, report);
      if (port === null) return [];
      return [
        {
          name,
          service: spec.service,
          port,
          pathPrefix: spec.path ?? '',
          timeoutMs: spec.timeout ?? defaultTimeoutMs,
          failOpen: spec.failOpen ?? false,
          statusOnError: spec.statusOnError ?? 403,
          sends: uniqueTexts(spec.headers),
          addsToRequest: uniqueTexts(spec.addsToRequest),
          addsToAnswer: uniqueTexts(spec.addsToAnswer),
        },
      ];
    })
    .sort((a, b) => compareText(a.name, b.name));
}

function portOf(spec: AuthorizerSpec, service: ServiceConfig, path: YamlPath, report: Report): number | null {
  const ports = service.ports.map(({ port }) => port);
  const port = spec.port ?? (ports.length === 1 ? ports[0] : undefined);
  if (port === undefined) {
    const message =
      ports.length === 0
        ? `nothing says which port \`${service.name}\` listens on`
        : `\`${service.name}\` has several ports: ${ports.join(', ')}`;
    report.error([...path, 'service'], {
      code: ports.length === 0 ? 'missing-field' : 'ambiguous-port',
      message,
      hint: 'write `port`',
    });
    return null;
  }
  const known = service.ports.find(one => one.port === port);
  if (known === undefined && ports.length > 0) {
    const hint = `its ports: ${ports.join(', ')}`;
    report.error([...path, 'port'], { code: 'unknown-port', message: `\`${service.name}\` has no port ${port}`, hint });
    return null;
  }
  if (known?.protocol === 'tcp') {
    const message = `port ${port} of \`${service.name}\` speaks tcp: it cannot be asked by HTTP`;
    report.error([...path, spec.port === undefined ? 'service' : 'port'], {
      code: 'http-on-tcp',
      message,
      hint: 'name another port, or write `protocol: http` for it',
    });
    return null;
  }
  return port;
}

/** Warns of authorizers that cannot be asked, and refuses such as would ask each other for ever. */
export function checkAuthorizers(config: MeshConfig, report: Report): void {
  const authorizers = new Map((config.authorizers ?? []).map(one => [one.name, one]));
  const used = new Set(config.access.rules.map(({ authorizer }) => authorizer));
  for (const { name } of authorizers.values())
    if (!used.has(name))
      report.warning(['authorizers', name], {
        code: 'authorizer-unused',
        key: true,
        message: `no access rule asks \`${name}\``,
        hint: `write \`access: [{authorizer: ${name}, to: …}]\``,
      });
  for (const [index, rule] of config.access.rules.entries()) {
    const authorizer = authorizers.get(rule.authorizer ?? '');
    if (authorizer === undefined) continue;
    const at = [...accessPath(report), index];
    for (const [place, name] of rule.to.entries()) {
      const to = report.entry([...at, 'to'], place);
      const service = config.services.find(one => one.name === name);
      const gateway = config.gateways.find(one => one.name === name);
      if ((service !== undefined && speaksOnlyTcp(service)) || (gateway !== undefined && gateway.protocol !== 'http')) {
        const message = `\`${name}\` speaks ${gateway?.protocol ?? 'tcp'}: nobody can be asked about its connections`;
        report.error(to, { code: 'http-on-tcp', message, hint: `remove it, or write \`protocol: http\` for \`${name}\`` });
      }
      if (asksFor(config, authorizers, authorizer.service, name)) {
        const message = `\`${authorizer.name}\` would be asked about its own questions, for ever`;
        report.error(to, { code: 'authorizer-loop', message, hint: `remove \`${name}\`` });
      }
    }
    warnOfRefusal(config, authorizer, rule.to, at, report);
  }
}

/** Whether a question to `service` leads, by rules that name their targets, to one about `target`. */
function asksFor(
  config: MeshConfig,
  authorizers: ReadonlyMap<string, AuthorizerConfig>,
  service: string,
  target: string,
  seen: readonly string[] = [],
): boolean {
  if (service === target) return true;
  if (seen.includes(service)) return false;
  const next = config.access.rules.filter(({ to }) => to.includes(service)).map(rule => authorizers.get(rule.authorizer ?? ''));
  return next.some(one => one !== undefined && asksFor(config, authorizers, one.service, target, [...seen, service]));
}

/** Sidecars ask in the name of their own service: who closes the authorizer closes it for them too. */
function warnOfRefusal(
  config: MeshConfig,
  { name, service }: AuthorizerConfig,
  to: readonly string[],
  at: YamlPath,
  report: Report,
): void {
  if (!config.services.some(one => one.name === service)) return;
  const policy = servicePolicy(config, service);
  const asking = to.length > 0 ? to : config.services.map(one => one.name).filter(one => !isAuthorizer(config, one));
  const refused = asking.filter(one => one !== service && refusal(policy, identityOf(config, one)) !== null);
  if (refused.length === 0) return;
  const message = `\`${service}\` refuses to be asked by ${refused.map(one => `\`${one}\``).join(', ')}: ${refusal(policy, identityOf(config, refused[0] ?? ''))?.why}`;
  const hint = `add \`{from: ${refused.length === 1 ? refused[0] : `[${refused.join(', ')}]`}, to: ${service}}\` to \`access\``;
  report.warning([...at, 'authorizer'], {
    code: 'authorizer-refused',
    message: `${message} (\`${name}\` gives no answer then)`,
    hint,
  });
}

/** Whether rules ask the service about requests to others. */
function isAuthorizer({ authorizers = [] }: MeshConfig, name: string): boolean {
  return authorizers.some(({ service }) => service === name);
}
