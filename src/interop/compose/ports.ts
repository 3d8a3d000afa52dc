import { isIPv4, isIPv6 } from 'node:net';
import type { PublishConfig } from '../../config/mesh-config.ts';
import type { SourcePort } from '../../config/service-source.ts';
import { at, type Cursor, itemsOf } from './cursor.ts';
import type { Report } from './report.ts';
import { readInteger, readText } from './scalar.ts';

/** Compose publishes on every address; a mesh on a laptop publishes to the laptop unless an address is written. */
const DEFAULT_HOST_ADDRESS = '127.0.0.1';
/** A range is expanded port by port; more than this is a typing mistake and would make a pod nobody can start. */
const MAX_RANGE = 1000;
/** Ports of one service; more would be a pod that no engine starts. */
const MAX_PUBLISHED = 2000;

/** What `ports` and `expose` come to: what the host publishes, and what the app listens on (TCP only). */
export interface Ports {
  readonly publish: readonly PublishConfig[];
  readonly listen: readonly SourcePort[];
}

type Protocol = 'tcp' | 'udp';
type Range = { readonly first: number; readonly last: number };
type Parsed = {
  readonly hostAddress: string | null;
  readonly host: Range | null;
  readonly container: Range;
  readonly protocol: Protocol;
};

/** Reads `ports` (short and long forms) and `expose` of a service. */
export function readPorts(ports: Cursor | null, expose: Cursor | null, report: Report): Ports {
  const publish = new Map<string, PublishConfig>();
  const listen = new Map<number, SourcePort>();
  const hear = (port: number, name = '', appProtocol = '') => {
    const known = listen.get(port);
    listen.set(port, { port, name: known?.name || name, appProtocol: known?.appProtocol || appProtocol });
  };
  for (const item of ports === null ? [] : listItems(ports, report)) {
    const long = item.node.kind === 'map';
    if (publish.size > MAX_PUBLISHED) {
      report.error(
        item,
        'compose-invalid-value',
        `${item.path} is more than ${MAX_PUBLISHED} ports of one service`,
        'publish fewer',
      );
      break;
    }
    const parsed = long ? longForm(item, report) : shortForm(item, report);
    if (parsed === null) continue;
    const name = long ? (readText(at(item, 'name'), report) ?? '') : '';
    const appProtocol = long ? (readText(at(item, 'app_protocol'), report) ?? '') : '';
    for (const entry of published(parsed, item, report)) {
      publish.set(`${entry.hostAddress} ${entry.hostPort} ${entry.containerPort} ${entry.protocol}`, entry);
      if (entry.protocol === 'tcp') hear(entry.containerPort, name, appProtocol);
    }
  }
  for (const item of expose === null ? [] : listItems(expose, report)) {
    if (listen.size > MAX_PUBLISHED) {
      report.error(
        item,
        'compose-invalid-value',
        `${item.path} is more than ${MAX_PUBLISHED} ports of one service`,
        'name fewer',
      );
      break;
    }
    const parsed = parseShort(readText(item, report) ?? '');
    if (parsed === null || parsed.host !== null) report.expected(item, 'a port such as 8080 or "8080-8085/tcp"');
    else if (parsed.protocol === 'tcp') for (const port of numbers(parsed.container)) hear(port);
  }
  return { publish: [...publish.values()], listen: [...listen.values()] };
}

/** `[[address:]host:]container[/protocol]`, each port a number or a range. `null` when it is none of that. */
function parseShort(written: string): Parsed | null {
  const found = /^(?:(?:(\[[^\]]+\]|[^:[\]]*):)?([\d-]*):)?([\d-]+)(?:\/([a-z]+))?$/i.exec(written.trim());
  if (found === null) return null;
  const protocol = (found[4] ?? 'tcp').toLowerCase();
  const container = parseRange(found[3] ?? '');
  const host = found[2] ? parseRange(found[2]) : null;
  const hostAddress = found[1]?.replace(/^\[|\]$/g, '') || null;
  if (container === null || (found[2] && host === null) || (protocol !== 'tcp' && protocol !== 'udp')) return null;
  if (hostAddress !== null && !isIPv4(hostAddress) && !isIPv6(hostAddress)) return null;
  return { hostAddress, host, container, protocol };
}

function shortForm(item: Cursor, report: Report): Parsed | null {
  const written = readText(item, report);
  if (written === null) return null;
  const parsed = parseShort(written);
  if (parsed !== null) return parsed;
  // YAML 1.1 readers take 22:22 for a number of base 60; the text is kept here, so only real mistakes come this far.
  report.expected(item, 'a port mapping', 'write it like "8080:80", "127.0.0.1:8080:80", "3000-3005:3000-3005" or "53:53/udp"');
  return null;
}

function longForm(item: Cursor, report: Report): Parsed | null {
  const target = at(item, 'target');
  if (target === null) {
    report.error(item, 'compose-missing-field', `${item.path} has no target`, 'write the port the app listens on: target: 80');
    return null;
  }
  const container = readInteger(target, report, 1, 65_535);
  const published = at(item, 'published');
  const hostText = readText(published, report) ?? '';
  const host = hostText === '' ? null : parseRange(hostText);
  const protocol = readText(at(item, 'protocol'), report) ?? 'tcp';
  const address = readText(at(item, 'host_ip'), report);
  if (published !== null && hostText !== '' && host === null) report.expected(published, 'a port or a range of ports');
  if (protocol !== 'tcp' && protocol !== 'udp') report.expected(at(item, 'protocol') ?? item, 'tcp or udp');
  const valid = container !== null && (hostText === '' || host !== null) && (protocol === 'tcp' || protocol === 'udp');
  return valid ? { hostAddress: address, host, container: { first: container, last: container }, protocol } : null;
}

function published(parsed: Parsed, item: Cursor, report: Report): readonly PublishConfig[] {
  const hostAddress = parsed.hostAddress ?? DEFAULT_HOST_ADDRESS;
  const containers = numbers(parsed.container);
  const hosts = parsed.host === null ? containers.map(() => 0) : numbers(parsed.host);
  if (containers.length === 1 && hosts.length > 1) {
    report.warn(
      item,
      'compose-port-range',
      `${item.path} asks for any free port of ${hosts[0]}-${hosts.at(-1)}; the mesh takes the first`,
      'leave the host port out to let the engine choose',
    );
  } else if (containers.length !== hosts.length) {
    report.expected(item, 'a mapping with as many host ports as container ports');
    return [];
  }
  return containers.map((containerPort, index) => ({
    hostAddress,
    hostPort: hosts[index] ?? 0,
    containerPort,
    protocol: parsed.protocol,
  }));
}

function parseRange(written: string): Range | null {
  const found = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(written);
  if (found === null) return null;
  const first = Number(found[1]);
  const last = Number(found[2] ?? found[1]);
  return first >= 1 && first <= last && last <= 65_535 && last - first < MAX_RANGE ? { first, last } : null;
}

function numbers(range: Range): readonly number[] {
  return Array.from({ length: range.last - range.first + 1 }, (_, index) => range.first + index);
}

function listItems(cursor: Cursor, report: Report): readonly Cursor[] {
  if (cursor.node.kind !== 'map') return itemsOf(cursor);
  report.expected(cursor, 'a list');
  return [];
}
