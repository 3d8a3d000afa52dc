import { compareText, errorAt } from '../diagnostic.ts';
import type { PortConfig, ServiceConfig, VersionConfig } from '../mesh-config.ts';
import { suggest } from '../nearest.ts';
import { isHttp2, portProtocol, speaksOnlyTcp } from '../protocol.ts';
import type { MeshSpec } from '../schema/mesh.ts';
import { nameProblem } from '../schema/names.ts';
import type { ServiceSpec } from '../schema/service.ts';
import type { ComposeLoad, SourcePort, SourceService } from '../service-source.ts';
import type { YamlPath } from '../yaml-node.ts';
import { resolveAccessLog } from './access-log.ts';
import { resolveMtls } from './mtls.ts';
import { checkPolicy, policyOf, serviceRateLimits } from './policy.ts';
import type { Report } from './report.ts';
import { sidecarPorts } from './sidecar-ports.ts';
import { resolveTracing } from './tracing.ts';

/** Where a compose service ended up. */
export interface Home {
  readonly service: string;
  readonly version: string;
}

/** Services in canonical form, and which compose service each came from. */
export interface ResolvedServices {
  /** Without routes and dependencies. Sorted by name. */
  readonly services: readonly ServiceConfig[];
  /** By compose service. */
  readonly homes: ReadonlyMap<string, Home>;
  /** Services of mesh.yaml that nothing runs as; told. */
  readonly broken: ReadonlySet<string>;
}

interface Part {
  readonly version: string;
  readonly source: SourceService;
  readonly replicas: number | undefined;
}

/** Groups compose services into mesh services: one each, or several as the versions of one. */
export function resolveServices(
  spec: MeshSpec,
  load: ComposeLoad,
  appPorts: ReadonlyMap<string, readonly SourcePort[]>,
  report: Report,
): ResolvedServices {
  const sources = new Map(load.services.map(source => [source.name, source]));
  const inactive = new Set(load.inactive);
  const homes = new Map<string, Home>();
  const parts = new Map<string, Part[]>();
  for (const [name, service] of Object.entries(spec.services ?? {})) {
    checkName(name, ['services', name], 'service', report);
    if (service.versions === undefined) continue;
    parts.set(name, versionsOf(name, service, { sources, inactive, homes, report }));
  }
  for (const source of load.services) {
    if (homes.has(source.name)) continue;
    homes.set(source.name, { service: source.name, version: '' });
    if (parts.has(source.name)) {
      report.error(['services', source.name, 'versions'], {
        code: 'name-clash',
        key: true,
        message: `compose service \`${source.name}\` is hidden by the mesh service of that name`,
        hint: `list it as a version, \`v1: ${source.name}\`, or rename one of the two`,
      });
    } else {
      if (spec.services?.[source.name] === undefined) checkSourceName(source, report);
      parts.set(source.name, [{ version: '', source, replicas: undefined }]);
    }
  }
  const broken = new Set<string>();
  for (const name of Object.keys(spec.services ?? {})) {
    // A service of mesh.yaml may be a version of another one.
    if (parts.has(name) || homes.has(name) || inactive.has(name)) continue;
    broken.add(name);
    const near = suggest(name, sources.keys());
    report.error(['services', name], {
      code: 'unknown-service',
      key: true,
      message: `\`${name}\` is no compose service and has neither \`image\` nor \`build\``,
      hint: near === '' ? 'write `image:` or name a compose file with `compose:`' : near,
    });
  }
  const services = [...parts]
    .map(([name, list]) => build(name, list, spec.services?.[name], spec, appPorts, report))
    .sort((a, b) => compareText(a.name, b.name));
  return { services: withoutTakenAliases(services, homes), homes, broken };
}

interface VersionFacts {
  readonly sources: ReadonlyMap<string, SourceService>;
  readonly inactive: ReadonlySet<string>;
  readonly homes: Map<string, Home>;
  readonly report: Report;
}

function versionsOf(name: string, service: ServiceSpec, { sources, inactive, homes, report }: VersionFacts): Part[] {
  const found: Part[] = [];
  for (const [version, written] of Object.entries(service.versions ?? {})) {
    const path: YamlPath = ['services', name, 'versions', version];
    checkName(version, path, 'version', report);
    const compose = written.service ?? `${name}-${version}`;
    const source = sources.get(compose);
    const taken = homes.get(compose);
    if (source === undefined) {
      if (inactive.has(compose)) continue;
      report.error(path, {
        code: 'unknown-service',
        message: `version \`${version}\` runs \`${compose}\`, which is no compose service`,
        hint: suggest(compose, sources.keys()),
      });
    } else if (taken !== undefined) {
      const where = `${taken.service}/${taken.version}`;
      report.error(path, {
        code: 'duplicate-version',
        message: `compose service \`${compose}\` is already \`${where}\``,
        hint: 'a container has one identity: name each compose service once',
      });
    } else {
      homes.set(compose, { service: name, version });
      found.push({ version, source, replicas: written.replicas });
    }
  }
  return found.sort((a, b) => compareText(a.version, b.version));
}

function build(
  name: string,
  parts: readonly Part[],
  spec: ServiceSpec | undefined,
  mesh: MeshSpec,
  appPorts: ReadonlyMap<string, readonly SourcePort[]>,
  report: Report,
): ServiceConfig {
  const versions = parts.map(
    ({ version, source, replicas }): VersionConfig => ({
      name: version,
      composeService: source.name,
      replicas: replicas ?? spec?.replicas ?? source.replicas ?? 1,
      container: source.container,
    }),
  );
  const protocol = isHttp2(spec?.protocol) ? 'http' : spec?.protocol;
  const named = [name, ...parts.map(part => part.source.name)].flatMap(key => appPorts.get(key) ?? []);
  const sourced = named.length > 0 ? named : parts.flatMap(part => part.source.ports);
  const written = spec?.port === undefined ? sourced : [sourced.find(port => port.port === spec.port) ?? bare(spec.port)];
  const ports = uniquePorts(spec?.port === undefined ? written : [...written, ...named]).map(
    (port): PortConfig => ({
      port: port.port,
      name: port.name,
      ...portProtocol({
        configured: protocol,
        port: port.port,
        portName: port.name,
        appProtocol: port.appProtocol,
        images: versions.map(version => version.container.image),
      }),
    }),
  );
  const [part] = parts;
  if (part !== undefined && ports.some(({ port }) => sidecarPorts.includes(port))) {
    const path = ['services', name, ...(spec?.port === undefined ? [] : ['port'])];
    const finding = {
      code: 'duplicate-port',
      message: `${ports.find(({ port }) => sidecarPorts.includes(port))?.port} is a port of the sidecar, which shares its pod's ports`,
      hint: `let the app listen elsewhere than at ${sidecarPorts.join(', ')}`,
    };
    if (report.has(path)) report.error(path, finding);
    else report.add(errorAt({ ...finding, at: part.source.at, path: part.source.path }));
  }
  if (spec !== undefined) {
    const endpoints = versions.reduce((sum, version) => sum + version.replicas, 0);
    const onlyTcp = speaksOnlyTcp({ ports, versions, ...(protocol === undefined ? {} : { protocol }) });
    checkPolicy(spec, ['services', name], { endpoints, onlyTcp }, report);
  }
  const job =
    parts.every(part => part.source.container.restart.policy === 'no') && spec !== undefined && Object.keys(spec).length === 0;
  if (spec !== undefined && ports.length === 0 && parts.length > 0 && !job) {
    report.warning(['services', name], {
      code: 'port-unknown',
      key: true,
      message: `nothing says which port \`${name}\` listens on`,
      hint: 'write `port: 8080` if others call it; the EXPOSE of its image is taken when it is there',
    });
  }
  return {
    name,
    namespace: spec?.namespace ?? namespaceOf(mesh),
    account: spec?.account ?? name,
    aliases: unique([...(spec?.aliases ?? []), ...parts.flatMap(part => part.source.aliases)].map(alias => alias.toLowerCase())),
    ports,
    ...(ports.length > 0 || protocol === undefined ? {} : { protocol }),
    versions,
    ...(spec?.access === undefined ? {} : { access: spec.access }),
    ...(spec?.accessLog === undefined ? {} : { accessLog: resolveAccessLog(spec.accessLog, mesh.proxy?.accessLog?.format) }),
    ...resolveMtls(spec?.mtls, mesh.mtls ?? 'strict', ['services', name], report),
    ...(spec?.metrics === undefined ? {} : { metrics: { port: spec.metrics.port, path: spec.metrics.path ?? '/metrics' } }),
    ...(spec?.tracing === undefined ? {} : { tracing: resolveTracing(spec.tracing, resolveTracing(mesh.tracing)) }),
    ...policyOf(spec ?? {}),
    ...(spec?.upstreamProtocol === undefined && isHttp2(spec?.protocol) ? { upstreamProtocol: 'http2' as const } : {}),
    ...(spec?.rateLimit === undefined ? {} : { rateLimits: serviceRateLimits(name, spec.rateLimit) }),
    routes: [],
  };
}

/** A DNS name leads to one service: names of services and versions go first, then aliases in order. */
function withoutTakenAliases(services: readonly ServiceConfig[], homes: ReadonlyMap<string, Home>): ServiceConfig[] {
  const taken = new Set([
    ...services.map(service => service.name.toLowerCase()),
    ...[...homes.keys()].map(name => name.toLowerCase()),
  ]);
  return services.map(service => {
    const aliases = service.aliases.filter(alias => !taken.has(alias));
    for (const alias of aliases) taken.add(alias);
    return { ...service, aliases };
  });
}

/** Of everything for which nothing else is said. */
export function namespaceOf(mesh: MeshSpec): string {
  return mesh.namespace ?? 'default';
}

/** Checks a name written in mesh.yaml. */
export function checkName(name: string, path: YamlPath, what: string, report: Report): void {
  const problem = nameProblem(name, what);
  if (problem !== null) report.error(path, { code: 'bad-name', key: true, message: problem.problem, hint: problem.hint });
}

function checkSourceName(source: SourceService, report: Report): void {
  const problem = nameProblem(source.name, 'service');
  if (problem === null) return;
  const { file, line, column } = source.at;
  const message = problem.problem;
  report.add({ code: 'bad-name', severity: 'error', file, line, column, path: source.path, message, hint: problem.hint });
}

function bare(port: number): SourcePort {
  return { port, name: '', appProtocol: '' };
}

function uniquePorts(ports: readonly SourcePort[]): SourcePort[] {
  const byNumber = new Map<number, SourcePort>();
  for (const port of ports) if (!byNumber.has(port.port)) byNumber.set(port.port, port);
  return [...byNumber.values()];
}

function unique(names: readonly string[]): string[] {
  return [...new Set(names)].sort(compareText);
}
