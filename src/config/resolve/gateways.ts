import { compareText, errorAt } from '../diagnostic.ts';
import type { GatewayConfig, ServiceConfig } from '../mesh-config.ts';
import { destinationsOf } from '../rule-destinations.ts';
import type { GatewaySpec } from '../schema/gateway.ts';
import type { MeshSpec } from '../schema/mesh.ts';
import type { SourceService } from '../service-source.ts';
import type { Destinations } from './destinations.ts';
import { checkTls, redirectPort, tlsOf } from './gateway-tls.ts';
import type { Report } from './report.ts';
import { httpOnlyParts, resolveRules } from './routes.ts';
import { checkName } from './services.ts';
import type { TlsFiles } from './tls-files.ts';

/** The edge of the mesh: names, ports on the host, rules. In the order of the file. */
export function resolveGateways(
  spec: MeshSpec,
  services: readonly ServiceConfig[],
  destinations: Destinations,
  files: TlsFiles,
  report: Report,
): GatewayConfig[] {
  const names = new Set(services.map(service => service.name));
  const ruled = new Set(services.filter(service => service.routes.length > 0).map(service => service.name));
  return Object.entries(spec.gateways ?? {}).map(([name, gateway]): GatewayConfig => {
    const path = ['gateways', name];
    checkName(name, path, 'gateway', report);
    if (names.has(name)) {
      const message = `gateway \`${name}\` has the name of a service`;
      const hint = `both would have one identity; call it \`${name}-gateway\``;
      report.error(path, { code: 'name-clash', key: true, message, hint });
    }
    const protocol = gateway.protocol ?? 'http';
    const routes = gateway.routes ?? [];
    const rules = resolveRules(routes, null, name, [...path, 'routes'], destinations, report, protocol !== 'tls');
    if (protocol !== 'http') checkRaw(protocol, gateway, path, report);
    checkTls(gateway, path, report);
    if (gateway.trustedHops !== undefined && protocol !== 'http') {
      const message = `\`trustedHops\` means nothing on a ${protocol} gateway`;
      report.error([...path, 'trustedHops'], { code: 'http-on-tcp', key: true, message, hint: 'remove it, or `protocol: http`' });
    }
    const httpsRedirectPort = redirectPort(gateway, spec.gateways ?? {}, path, report);
    for (const [index, rule] of routes.entries()) {
      const resolved = rules[index];
      const [target] = resolved === undefined ? [] : destinationsOf(resolved);
      if (rule.to === undefined || target === undefined || target.version !== '' || !ruled.has(target.service)) continue;
      const message = `\`routes.${target.service}\` is not used for calls from gateway \`${name}\``;
      const hint = `put \`match\` and \`split\` into \`gateways.${name}.routes\``;
      report.warning([...path, 'routes', index], { code: 'routes-not-used', message, hint });
    }
    return {
      name,
      hostAddress: gateway.address ?? '127.0.0.1',
      port: gateway.port,
      protocol,
      ...tlsOf(gateway, path, files),
      ...(gateway.trustedHops === undefined || gateway.trustedHops === 0 ? {} : { trustedHops: gateway.trustedHops }),
      ...(httpsRedirectPort === null ? {} : { httpsRedirectPort }),
      routes: rules.map((rule, index) => ({ ...rule, hosts: [...(routes[index]?.hosts ?? [])].sort(compareText) })),
    };
  });
}

/** A port of the host belongs to one: gateways and published ports must not meet. */
export function checkHostPorts(
  gateways: readonly GatewayConfig[],
  services: readonly ServiceConfig[],
  sources: ReadonlyMap<string, SourceService>,
  report: Report,
): void {
  const taken: { address: string; port: number; udp: boolean; owner: string }[] = [];
  const claim = (address: string, port: number, udp: boolean, owner: string): string | null => {
    const holder = taken.find(one => one.port === port && one.udp === udp && overlap(one.address, address));
    taken.push({ address, port, udp, owner });
    return holder?.owner ?? null;
  };
  for (const gateway of gateways) {
    const holder = claim(gateway.hostAddress, gateway.port, false, `gateway \`${gateway.name}\``);
    if (holder === null) continue;
    const message = `port ${gateway.port} is already taken by ${holder}`;
    report.error(['gateways', gateway.name, 'port'], { code: 'duplicate-port', message, hint: 'choose another port' });
  }
  for (const service of services) {
    for (const version of service.versions) {
      const source = sources.get(version.composeService);
      for (const publish of version.container.publish) {
        if (publish.hostPort === 0 || source === undefined) continue;
        const place = { at: source.positions.get('ports') ?? source.at, path: `${source.path}.ports` };
        const owner = `service \`${version.composeService}\``;
        const holder = claim(publish.hostAddress, publish.hostPort, publish.protocol === 'udp', owner);
        if (holder !== null) {
          const message = `port ${publish.hostPort} on the host is already taken by ${holder}`;
          report.add(errorAt({ ...place, code: 'duplicate-port', message, hint: 'choose another host port, or leave it out' }));
        } else if (version.replicas > 1) {
          const message = `${version.replicas} replicas cannot share port ${publish.hostPort} of the host`;
          report.add(
            errorAt({ ...place, code: 'duplicate-port', message, hint: 'leave the host port out, or put a gateway in front' }),
          );
        }
      }
    }
  }
}

/** What raw bytes do not have. TLS has host names; it needs them, as nothing else tells where a connection goes. */
function checkRaw(protocol: 'tcp' | 'tls', gateway: GatewaySpec, path: readonly string[], report: Report): void {
  for (const [index, rule] of (gateway.routes ?? []).entries()) {
    // A connection that is told by its server name is passed on at once.
    const faults = protocol === 'tls' && rule.fault !== undefined ? ['fault'] : [];
    for (const part of [...httpOnlyParts(rule), ...faults]) {
      if (protocol === 'tls' && part === 'hosts') continue;
      const message = `\`${part}\` means nothing on a ${protocol} gateway`;
      report.error([...path, 'routes', index, part], {
        code: 'http-on-tcp',
        key: true,
        message,
        hint: 'remove it, or `protocol: http`',
      });
    }
  }
}

function overlap(a: string, b: string): boolean {
  const any = (address: string): boolean => address === '0.0.0.0' || address === '::';
  return a === b || any(a) || any(b);
}
