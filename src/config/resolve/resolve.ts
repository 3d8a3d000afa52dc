import { basename } from 'node:path';
import { compareText, type Diagnostic, errorAt, sortDiagnostics } from '../diagnostic.ts';
import type { MeshConfig, ServiceConfig } from '../mesh-config.ts';
import { speaksOnlyTcp } from '../protocol.ts';
import type { MeshSpec } from '../schema/mesh.ts';
import type { ComposeLoad, SourcePort, SourceService } from '../service-source.ts';
import { uniqueTexts } from '../unique-texts.ts';
import { dotted, type YamlNode } from '../yaml-node.ts';
import { resolveAccess } from './access.ts';
import { checkAccess } from './access-checks.ts';
import { resolveAccessLog } from './access-log.ts';
import { checkAuthorizers, resolveAuthorizers } from './authorizers.ts';
import { missingBuildFiles } from './build-files.ts';
import { withCoveredKeys } from './covered-keys.ts';
import { resolveDependencies } from './dependencies.ts';
import { Destinations } from './destinations.ts';
import { checkEnvironment } from './environment.ts';
import { checkExternalAccess, resolveExternal } from './external.ts';
import { checkHostPorts, resolveGateways } from './gateways.ts';
import { checkHostNamespaces } from './host-namespaces.ts';
import { type PrivilegeFacts, privilegeDiagnostics } from './privilege.ts';
import { Report } from './report.ts';
import { httpOnlyParts, resolveRules } from './routes.ts';
import { resolveScrapers } from './scrapers.ts';
import { namespaceOf, resolveServices } from './services.ts';
import { TlsFiles } from './tls-files.ts';
import { checkAccessTokens, checkClaims, checkForwarding, resolveTokens } from './tokens.ts';
import { resolveTracing } from './tracing.ts';
import { udpDiagnostics } from './udp.ts';

/** 15 MB is what a sidecar needs at rest; the rest is for connections. */
const defaultProxyMemoryBytes = 128 * 1024 * 1024;
/** As in Istio and SPIRE: a daemon may be away for hours. */
const defaultSvidTtlMs = 24 * 3_600_000;

/** Everything that was read, in its checked shape. */
export interface ResolveInput {
  readonly spec: MeshSpec;
  /** mesh.yaml, for positions. */
  readonly root: YamlNode;
  readonly name: string;
  /** Absolute folder of mesh.yaml. */
  readonly baseDir: string;
  readonly files: readonly string[];
  readonly load: ComposeLoad;
  readonly appPorts: ReadonlyMap<string, readonly SourcePort[]>;
  readonly privilege: PrivilegeFacts;
  /** Whether a folder or file is there. */
  readonly exists: (path: string) => boolean;
  /** For certificates: ms since epoch. */
  readonly nowMs: number;
}

/** What resolving came to. */
export interface Resolved {
  readonly config: MeshConfig;
  readonly diagnostics: readonly Diagnostic[];
  /** Certificates, keys and key sets that were looked for, absolute. */
  readonly files: readonly string[];
}

/** Fills every default, checks every reference. Asks the disk only through `privilege.realPath`, `exists` and for certificates. With an error among the diagnostics the config is not for use. */
export function resolve(input: ResolveInput): Resolved {
  const { spec, root } = input;
  const { privilege } = input;
  const place = { baseDir: input.baseDir, realPath: privilege.realPath };
  const load = { ...input.load, services: input.load.services.map(source => withCoveredKeys(source, input.load, place)) };
  const report = new Report(root);
  const tracing = resolveTracing(spec.tracing);
  const sources = new Map(load.services.map(source => [source.name, source]));
  const grouped = resolveServices(spec, load, input.appPorts, report);
  const ordered = resolveDependencies(grouped.services, { sources, homes: grouped.homes, inactive: load.inactive }, report);
  const tlsFiles = new TlsFiles(input.baseDir, input.nowMs, report);
  const outside = resolveExternal(spec, ordered, tlsFiles, report);
  const absent = { broken: grouped.broken, inactive: load.inactive };
  const destinations = new Destinations([...ordered, ...outside], absent, report);
  for (const name of Object.keys(spec.routes ?? {})) destinations.service(name, ['routes', name], true);
  const services = withRoutes(spec, ordered, destinations, report);
  const external = withRoutes(spec, outside, destinations, report);
  const gateways = resolveGateways(spec, [...services, ...external], destinations, tlsFiles, report);
  const namespace = namespaceOf(spec);
  const authorizers = resolveAuthorizers(spec.authorizers ?? {}, destinations, report);
  const access = resolveAccess(
    spec.access,
    {
      services: destinations,
      gateways: gateways.map(({ name }) => name),
      authorizers: Object.keys(spec.authorizers ?? {}),
      namespace,
    },
    report,
  );
  const scrapers = resolveScrapers(spec, { services, external, gateways, absent }, report);
  const looked = new Set<string>();
  const tokens = resolveTokens(spec.tokens ?? [], { services, gateways, baseDir: input.baseDir, looked }, report);
  checkClaims(gateways, tokens, report);
  checkAccessTokens(access.rules, tokens, report);
  checkForwarding(gateways, services, tokens, report);
  checkExternalAccess(spec, external, report);
  checkHostPorts(gateways, services, sources, report);
  checkWorkloadNames(services, gateways, sources, report);
  checkEnvironment(root, report);
  checkHostNamespaces(root, report);
  for (const source of load.services) report.add(...privilegeDiagnostics(source, load, privilege), ...udpDiagnostics(source));
  report.add(...missingBuildFiles(load.services, input.exists));
  const config: MeshConfig = {
    name: input.name,
    trustDomain: spec.trustDomain ?? `${input.name}.local`,
    namespace,
    identity: {
      ttlMs: spec.identity?.ttl ?? defaultSvidTtlMs,
      trustDomainAliases: uniqueTexts(spec.identity?.trustDomainAliases),
    },
    baseDir: input.baseDir,
    files: uniqueTexts([...input.files, ...tlsFiles.looked, ...looked]),
    services,
    gateways: gateways.toSorted((a, b) => compareText(a.name, b.name)),
    ...(external.length === 0 ? {} : { external: external.toSorted((a, b) => compareText(a.name, b.name)) }),
    volumes: load.volumes,
    secrets: load.secrets,
    mtls: spec.mtls ?? 'strict',
    access,
    ...(spec.pathNormalization === undefined ? {} : { pathNormalization: spec.pathNormalization }),
    ...(authorizers.length === 0 ? {} : { authorizers }),
    ...(tokens.length === 0 ? {} : { tokens }),
    egress: spec.egress ?? 'allow-any',
    ...(spec.seed === undefined ? {} : { seed: spec.seed }),
    ...(tracing === null ? {} : { tracing }),
    ...(scrapers.length === 0 ? {} : { metrics: { scrapers } }),
    proxy: {
      image: spec.proxy?.image ?? null,
      ...resolveAccessLog(spec.proxy?.accessLog),
      memoryBytes: spec.proxy?.memory ?? defaultProxyMemoryBytes,
    },
  };
  checkAccess(config, report);
  checkAuthorizers(config, report);
  return { config, diagnostics: sortDiagnostics(report.diagnostics), files: [...tlsFiles.looked, ...looked] };
}

function withRoutes<S extends ServiceConfig>(
  spec: MeshSpec,
  services: readonly S[],
  destinations: Destinations,
  report: Report,
): S[] {
  const rules = new Map(Object.entries(spec.routes ?? {}));
  return services.map(service => {
    const written = rules.get(service.name);
    if (written === undefined) return service;
    const path = ['routes', service.name];
    if (service.ports.length === 0) {
      const message = `\`${service.name}\` has rules, but nothing says which port it listens on`;
      const hint = `write \`services: {${service.name}: {port: 8080}}\``;
      report.warning(path, { code: 'port-unknown', key: true, message, hint });
    }
    if (speaksOnlyTcp(service)) {
      for (const [index, rule] of written.entries()) {
        for (const part of httpOnlyParts(rule)) {
          const message = `\`${part}\` means nothing here: \`${service.name}\` speaks tcp`;
          const hint = `remove it, or write \`protocol: http\` for \`${service.name}\``;
          report.error([...path, index, part], { code: 'http-on-tcp', key: true, message, hint });
        }
      }
    }
    return { ...service, routes: resolveRules(written, service, service.name, path, destinations, report) };
  });
}

/** `reviews/v1` and a service `reviews-v1` would both run as `reviews-v1-1`. */
function checkWorkloadNames(
  services: readonly ServiceConfig[],
  gateways: MeshConfig['gateways'],
  sources: ReadonlyMap<string, SourceService>,
  report: Report,
): void {
  // In any case: names are DNS names.
  const owners = new Map(gateways.map(gateway => [gateway.name.toLowerCase(), `gateway ${gateway.name}`]));
  for (const service of services) {
    for (const version of service.versions) {
      const stem = version.name === '' ? service.name : `${service.name}-${version.name}`;
      const owner = owners.get(stem.toLowerCase());
      const path = version.name === '' ? ['services', service.name] : ['services', service.name, 'versions', version.name];
      const already = report.diagnostics.some(one => one.code === 'name-clash' && one.path.endsWith(`.${service.name}`));
      if (owner !== undefined && !already) {
        const message = `${dotted(path)} and ${owner} would run under the same name, \`${stem}\``;
        const finding = { code: 'name-clash', message, hint: 'rename one of the two' };
        const source = report.has(path) ? undefined : sources.get(version.composeService);
        if (source === undefined) report.error(path, { ...finding, key: true });
        else report.add(errorAt({ ...finding, at: source.at, path: source.path }));
      }
      owners.set(stem.toLowerCase(), version.name === '' ? `service ${service.name}` : `version ${service.name}/${version.name}`);
    }
  }
}

/** A mesh name made from a folder: `My Shop` is `my-shop`. */
export function nameFromFolder(folder: string): string {
  const name = basename(folder)
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 63)
    .replace(/-+$/, '');
  return name === '' ? 'mesh' : name;
}
