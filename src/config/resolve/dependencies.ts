import { compareText, errorAt } from '../diagnostic.ts';
import type { DependencyConfig, ServiceConfig } from '../mesh-config.ts';
import { suggest } from '../nearest.ts';
import type { SourceDependency, SourceService } from '../service-source.ts';
import { shown } from '../shown.ts';
import type { Report } from './report.ts';
import type { Home } from './services.ts';

/** What starting order is worked out from. */
export interface DependencyFacts {
  readonly sources: ReadonlyMap<string, SourceService>;
  readonly homes: ReadonlyMap<string, Home>;
  readonly inactive: readonly string[];
}

/** Turns `depends_on` into mesh services and versions; unknown names, self-dependencies and cycles are errors. */
export function resolveDependencies(services: readonly ServiceConfig[], facts: DependencyFacts, report: Report): ServiceConfig[] {
  const resolved = services.map(service => ({
    ...service,
    versions: service.versions.map(version => {
      const source = facts.sources.get(version.composeService);
      const dependsOn = (source?.dependsOn ?? []).flatMap(one =>
        find(one, { service: service.name, version: version.name }, services, facts, report),
      );
      dependsOn.sort((a, b) => compareText(`${a.service}/${a.version}`, `${b.service}/${b.version}`));
      return { ...version, container: { ...version.container, dependsOn } };
    }),
  }));
  reportCycles(resolved, facts.sources, report);
  return resolved;
}

function find(
  dependency: SourceDependency,
  self: Home,
  services: readonly ServiceConfig[],
  { homes, inactive }: DependencyFacts,
  report: Report,
): DependencyConfig[] {
  const { service: name, condition, required, at, path } = dependency;
  const mesh = services.find(service => service.name === name);
  const home = homes.get(name) ?? (mesh === undefined ? undefined : { service: name, version: '' });
  if (home === undefined) {
    if (inactive.includes(name) || !required) return [];
    const known = [...homes.keys(), ...services.map(service => service.name)];
    report.add(
      errorAt({
        code: 'unknown-service',
        at,
        path,
        message: `depends_on ${shown(name)} is not known`,
        hint: suggest(name, new Set(known)),
      }),
    );
    return [];
  }
  if (home.service === self.service && (home.version === self.version || home.version === '')) {
    report.add(
      errorAt({ code: 'depends-on-itself', at, path, message: `\`${name}\` depends on itself`, hint: 'remove the line' }),
    );
    return [];
  }
  return [{ service: home.service, version: home.version, condition, required }];
}

interface Unit {
  readonly key: string;
  readonly service: string;
  readonly version: string;
  readonly composeService: string;
  readonly dependsOn: readonly DependencyConfig[];
}

/** Depth-first; each cycle is told once, from its first unit. */
function reportCycles(services: readonly ServiceConfig[], sources: ReadonlyMap<string, SourceService>, report: Report): void {
  const units = services.flatMap(service =>
    service.versions.map(
      (version): Unit => ({
        key: version.name === '' ? service.name : `${service.name}/${version.name}`,
        service: service.name,
        version: version.name,
        composeService: version.composeService,
        dependsOn: version.container.dependsOn,
      }),
    ),
  );
  const next = (unit: Unit): Unit[] =>
    unit.dependsOn.flatMap(one =>
      units.filter(other => other.service === one.service && (one.version === '' || other.version === one.version)),
    );
  const done = new Set<string>();
  const trail: Unit[] = [];
  const visit = (unit: Unit): void => {
    const start = trail.indexOf(unit);
    if (start >= 0) {
      tell(trail.slice(start), sources, report);
      return;
    }
    if (done.has(unit.key)) return;
    trail.push(unit);
    for (const other of next(unit)) visit(other);
    trail.pop();
    done.add(unit.key);
  };
  for (const unit of units) visit(unit);
}

function tell(cycle: readonly Unit[], sources: ReadonlyMap<string, SourceService>, report: Report): void {
  const [first] = cycle;
  const source = first === undefined ? undefined : sources.get(first.composeService);
  if (first === undefined || source === undefined) return;
  report.add(
    errorAt({
      code: 'dependency-cycle',
      at: source.dependsOn[0]?.at ?? source.at,
      path: `${source.path}.depends_on`,
      message: `depends_on goes in a cycle: ${[...cycle, first].map(unit => unit.key).join(' → ')}`,
      hint: 'none of them could start first; remove one of these lines',
    }),
  );
}
