import type { SourceDependency } from '../../config/service-source.ts';
import type { Context } from './context.ts';
import { at, type Cursor, entriesOf, textNode } from './cursor.ts';
import { readTexts } from './scalar.ts';

type NamedCursor = ReturnType<typeof entriesOf>[number];

/** The services that run with the chosen profiles. */
export interface ActiveServices {
  readonly services: readonly NamedCursor[];
  /** Names of those left out, sorted. */
  readonly inactive: readonly string[];
  /** Whether a dependency can be kept: false for one on a service left out, with an error where it is required. */
  readonly allows: (service: string, dependency: SourceDependency) => boolean;
}

/** Leaves out services none of whose profiles is chosen (`--profile`, COMPOSE_PROFILES); `*` chooses all. */
export function activeServices(section: Cursor | null, profiles: readonly string[], context: Context): ActiveServices {
  const chosen = new Set([...profiles, ...(context.variable('COMPOSE_PROFILES') ?? '').split(',')].map(name => name.trim()));
  const inactive = new Map<string, readonly string[]>();
  const services = (section === null ? [] : entriesOf(section)).filter(({ name, value }) => {
    const own = readTexts(at(value, 'profiles'), context.report);
    const active = own.length === 0 || chosen.has('*') || own.some(profile => chosen.has(profile));
    if (!active) inactive.set(name, own);
    return active;
  });
  const allows = (service: string, dependency: SourceDependency) => {
    const needed = inactive.get(dependency.service);
    if (needed === undefined) return true;
    if (dependency.required) {
      const cursor = { node: textNode(dependency.service, dependency.at), path: dependency.path };
      const message = `${service} depends on ${dependency.service}, which only runs with the profile ${needed.join(' or ')}`;
      const hint = `choose it (--profile ${needed[0]}), or write required: false`;
      context.report.error(cursor, 'compose-inactive-dependency', message, hint);
    }
    return false;
  };
  return { services, inactive: [...inactive.keys()].sort(), allows };
}
