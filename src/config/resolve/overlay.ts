import { composeServiceKeys } from '../schema/compose-keys.ts';
import type { ComposeOverlay, OverlayService, SourcePort } from '../service-source.ts';
import { shown } from '../shown.ts';
import { dotted, nodeAt, type YamlEntry, type YamlMap, type YamlNode, type YamlPath } from '../yaml-node.ts';
import type { Report } from './report.ts';

/** The compose part of mesh.yaml, and the app ports that its services name without publishing them. */
export interface ComposePart {
  readonly overlay: ComposeOverlay;
  /** By the overlay service's name. */
  readonly appPorts: ReadonlyMap<string, readonly SourcePort[]>;
}

const composeKeys: ReadonlySet<string> = new Set(composeServiceKeys);

/** Takes compose's keys out of mesh.yaml's services and versions, so that compose's own converter reads them. */
export function composePart(root: YamlNode, baseDir: string, report: Report): ComposePart {
  const services: OverlayService[] = [];
  const appPorts = new Map<string, readonly SourcePort[]>();
  const add = (name: string, path: YamlPath, node: YamlMap): void => {
    const { entries, ports } = withoutOwn(node, path, report);
    if (ports.length > 0) appPorts.set(name, [...(appPorts.get(name) ?? []), ...ports]);
    if (entries.size === 0) return;
    const other = services.find(one => one.name === name);
    if (other === undefined) services.push({ name, path: dotted(path), node: { ...node, entries } });
    else {
      const message = `${dotted(path)} and ${other.path} would both run as \`${name}\``;
      report.error(path, { code: 'name-clash', key: true, message, hint: 'rename one of the two, or write both in one place' });
    }
  };
  for (const [name, { value }] of entriesOf(nodeAt(root, ['services']))) {
    if (value.kind !== 'map') continue;
    add(name, ['services', name], value);
    for (const [version, entry] of entriesOf(value.entries.get('versions')?.value ?? null)) {
      if (entry.value.kind !== 'map') continue;
      add(inlineName(name, version, entry.value), ['services', name, 'versions', version], entry.value);
    }
  }
  const section = (key: string): YamlMap | null => {
    const node = nodeAt(root, [key]);
    return node?.kind === 'map' ? node : null;
  };
  const overlay = {
    baseDir,
    services,
    volumes: section('volumes'),
    secrets: section('secrets'),
    networks: section('networks'),
    configs: section('configs'),
  };
  return { overlay, appPorts };
}

/** The compose service that a version written in place runs as: the one it names, or `reviews-v1`. */
function inlineName(service: string, version: string, node: YamlMap): string {
  const named = node.entries.get('service')?.value;
  return named?.kind === 'scalar' && typeof named.value === 'string' ? named.value : `${service}-${version}`;
}

function withoutOwn(
  node: YamlMap,
  path: YamlPath,
  report: Report,
): { entries: Map<string, YamlEntry>; ports: readonly SourcePort[] } {
  const entries = new Map([...node.entries].filter(([key]) => composeKeys.has(key)));
  const written = entries.get('ports');
  if (written?.value.kind !== 'list') return { entries, ports: [] };
  const ports: SourcePort[] = [];
  const publish: YamlNode[] = [];
  for (const [index, item] of written.value.items.entries()) {
    const port = appPort(item);
    if (port === null) publish.push(item);
    else ports.push(port);
    warnOfBaseSixty(item, [...path, 'ports', index], report);
  }
  if (publish.length > 0) entries.set('ports', { ...written, value: { ...written.value, items: publish } });
  else entries.delete('ports');
  return { entries, ports };
}

/** `9080`, `"9080"` and `{port: 9080, name: …, protocol: …}` name a port of the app; everything else is compose's and publishes. */
function appPort(item: YamlNode): SourcePort | null {
  if (item.kind === 'scalar' && /^\d{1,5}$/.test(item.source)) return inRange(Number(item.source), '', '');
  if (item.kind !== 'map') return null;
  const value = (key: string): string => {
    const node = item.entries.get(key)?.value;
    return node?.kind === 'scalar' ? String(node.value ?? '') : '';
  };
  return item.entries.has('port') ? inRange(Number(value('port')), value('name'), value('protocol')) : null;
}

function inRange(port: number, name: string, appProtocol: string): SourcePort | null {
  return Number.isInteger(port) && port >= 1 && port <= 65_535 ? { port, name, appProtocol } : null;
}

function warnOfBaseSixty(item: YamlNode, path: YamlPath, report: Report): void {
  if (item.kind !== 'scalar' || item.quoted || !/^\d+(:[0-5]?\d)+$/.test(item.source)) return;
  report.warning(path, {
    code: 'unquoted-port',
    message: `${shown(item.source)} was read as text, but YAML 1.1 tools read a number of base 60`,
    hint: `quote it: "${item.source}"`,
  });
}

function entriesOf(node: YamlNode | null): Iterable<[string, YamlEntry]> {
  return node?.kind === 'map' ? node.entries : [];
}
