import { basename, dirname, resolve } from 'node:path';
import { compareText } from '../../config/diagnostic.ts';
import type { Lookup } from '../../config/interpolate.ts';
import type {
  ComposeLoad,
  ComposeLoader,
  ComposeLoadOptions,
  ComposeOverlay,
  SourceService,
} from '../../config/service-source.ts';
import type { YamlMap, YamlNode } from '../../config/yaml-node.ts';
import type { Context } from './context.ts';
import { at, type Cursor, entriesOf, isNull, itemsOf, mapNode } from './cursor.ts';
import { parseLink } from './depends-on.ts';
import { DocumentReader } from './document.ts';
import { resolveExtends } from './extends.ts';
import { FileStore, type ReadText, readFromDisk } from './file-store.ts';
import { mergeDocuments, withoutResets } from './merge.ts';
import { activeServices } from './profiles.ts';
import { checkNetworks, readContents, readVolumes, secretConfigs } from './project.ts';
import { Report } from './report.ts';
import { readText } from './scalar.ts';
import { readService } from './service.ts';
import { checkStaticAddresses } from './static-addresses.ts';

/** Loads compose files and the compose part of mesh.yaml from disk. Never throws for bad input. */
export const loadCompose: ComposeLoader = composeLoader(readFromDisk);

/** A loader that gets its files from elsewhere. */
export function composeLoader(readText: ReadText): ComposeLoader {
  return async options => load(options, readText);
}

function load(options: ComposeLoadOptions, read: ReadText): ComposeLoad {
  const report = new Report();
  const files = new FileStore(read);
  const reader = new DocumentReader(files, report);
  const { overlay } = options;
  const [first] = options.files;
  const baseDir = first === undefined ? overlay.baseDir : dirname(first);
  const shell: Lookup = name => options.env[name];
  const variable = first === undefined ? shell : reader.variables(resolve(baseDir, '.env'), shell);
  const written = reader.read(options.files, baseDir, variable, null);
  const document = withoutResets(withOverlay(written, overlay, files, reader, variable, report));
  const top: Cursor = { node: document, path: '' };
  const name = readText(at(top, 'name'), report);
  const project = projectName(options.project ?? name ?? basename(baseDir));
  const places = { report, variable, baseDirOf: (file: string) => files.baseDirOf(file) };
  const volumes = readVolumes(at(top, 'volumes'), project, report);
  const secrets = readContents(at(top, 'secrets'), 'secret', places);
  const configs = readContents(at(top, 'configs'), 'config', places);
  const context: Context = {
    ...places,
    project,
    readFile: path => files.read(path),
    volumes: new Set(volumes.map(volume => volume.name)),
    secrets: new Set(secrets.keys()),
    configs,
  };
  checkNetworks(at(top, 'networks'), at(top, 'services'), report);
  checkStaticAddresses(at(top, 'services'), report);
  const { services, inactive } = readServices(top, overlay, options.profiles, context);
  const used = new Set(
    services.flatMap(service =>
      service.container.mounts.flatMap(mount => ('source' in mount ? [`${mount.kind} ${mount.source}`] : [])),
    ),
  );
  return {
    services,
    inactive,
    name,
    // What no service uses is not made, as in compose.
    volumes: volumes.filter(volume => used.has(`volume ${volume.name}`)).toSorted((a, b) => compareText(a.name, b.name)),
    secrets: secretConfigs(secrets, configs)
      .filter(secret => used.has(`secret ${secret.name}`))
      .toSorted((a, b) => compareText(a.name, b.name)),
    diagnostics: report.diagnostics,
    files: files.files,
    sources: files.sources,
  };
}

function readServices(
  top: Cursor,
  overlay: ComposeOverlay,
  profiles: readonly string[],
  context: Context,
): Pick<ComposeLoad, 'services' | 'inactive'> {
  const paths = new Map(overlay.services.map(service => [service.name, service.path]));
  const section = at(top, 'services');
  const active = activeServices(section, profiles, context);
  const aliases = linkAliases(section);
  const found: SourceService[] = [];
  for (const { name, key, value } of active.services) {
    // mesh.yaml only groups or routes it and says nothing in compose's keys: there is nothing to run.
    if (value.node.kind === 'map' && value.node.entries.size === 0 && paths.has(name)) continue;
    if (value.node.kind !== 'map') {
      context.report.expected(isNull(value) ? key : value, 'a map', `for example ${name}: {image: nginx:1.29}`);
      continue;
    }
    if (!/^[A-Za-z0-9][\w.-]*$/.test(name))
      context.report.expected(key, 'named with letters, digits, dots, dashes and underscores');
    const cursor = { node: value.node, path: paths.get(name) ?? value.path };
    const service = readService(name, cursor, key.node.at, context);
    found.push({
      ...service,
      aliases: [...new Set([...service.aliases, ...(aliases.get(name) ?? [])])],
      dependsOn: service.dependsOn.filter(dependency => active.allows(name, dependency)),
    });
  }
  return { services: found.toSorted((a, b) => compareText(a.name, b.name)), inactive: active.inactive };
}

/** `links: [db:database]` gives db one more name. In compose only the linking service knows it; in the mesh everyone may. */
function linkAliases(services: Cursor | null): ReadonlyMap<string, readonly string[]> {
  const aliases = new Map<string, string[]>();
  for (const { value } of services === null ? [] : entriesOf(services)) {
    const links = at(value, 'links');
    for (const item of links === null ? [] : itemsOf(links)) {
      if (item.node.kind !== 'scalar') continue;
      const { service, alias } = parseLink(item.node.source);
      if (alias !== service && alias !== '') aliases.set(service, [...(aliases.get(service) ?? []), alias]);
    }
  }
  return aliases;
}

/** Puts mesh.yaml's compose part on top, as a last compose file would be. */
function withOverlay(
  written: YamlMap | null,
  overlay: ComposeOverlay,
  files: FileStore,
  reader: DocumentReader,
  variable: Lookup,
  report: Report,
): YamlMap {
  const start = overlay.services[0]?.node.at ?? { file: 'mesh.yaml', line: 1, column: 1 };
  for (const { node } of overlay.services) files.startAt(node.at.file, overlay.baseDir);
  const sections: [string, YamlNode][] = [
    [
      'services',
      mapNode(
        overlay.services.map(service => [service.name, service.node]),
        start,
      ),
    ],
  ];
  for (const section of ['volumes', 'secrets', 'networks', 'configs'] as const) {
    const node = overlay[section];
    if (node === null) continue;
    files.startAt(node.at.file, overlay.baseDir);
    sections.push([section, node]);
  }
  const added = mapNode(sections, start);
  const own = resolveExtends(mergeForExtends(written, added), {
    report,
    open: (file, by) => {
      const path = resolve(files.baseDirOf(by.node.at.file), file);
      return reader.read([path], dirname(path), variable, by);
    },
  });
  const names = new Set(overlay.services.map(service => service.name));
  const services = own.kind === 'map' ? [...own.entries].filter(([name]) => names.has(name)) : [];
  const top = mapNode([...sections.slice(1), ['services', { ...added, entries: new Map(services) }]], start);
  return written === null ? top : mergeDocuments(written, top);
}

/** mesh.yaml's services may extend those of the compose files; its own hide them. */
function mergeForExtends(written: YamlMap | null, added: YamlMap): YamlMap {
  const theirs = written?.entries.get('services')?.value;
  const own = added.entries.get('services');
  if (theirs?.kind !== 'map' || own?.value.kind !== 'map') return added;
  const entries = new Map([...theirs.entries, ...own.value.entries]);
  return { ...added, entries: new Map([['services', { ...own, value: { ...own.value, entries } }]]) };
}

/** Compose's own rule for a project name made from a folder. */
function projectName(written: string): string {
  const name = written
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]/g, '')
    .replace(/^[_-]+/, '');
  return name === '' ? 'mesh' : name;
}
