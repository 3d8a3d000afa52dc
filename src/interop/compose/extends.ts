import type { YamlMap, YamlNode } from '../../config/yaml-node.ts';
import { escapeLine } from '../../text/escape.ts';
import { at, type Cursor, entriesOf, isNull } from './cursor.ts';
import { didYouMean } from './did-you-mean.ts';
import { mergeServices } from './merge.ts';
import type { Report } from './report.ts';
import { readText } from './scalar.ts';

/** Longer chains are a mistake; without an end a file of ten thousand links would stall the daemon. */
const MAX_CHAIN = 50;

/** What following `extends` needs. */
export interface ExtendsPort {
  readonly report: Report;
  /** Opens another compose file, named as written; `null` (with a diagnostic) where it cannot be read. */
  readonly open: (file: string, by: Cursor) => YamlMap | null;
}

/** The `services` of a document with every `extends` followed and merged; mistakes leave the service as it is written. */
export function resolveExtends(document: YamlMap, port: ExtendsPort): YamlNode {
  const services = document.entries.get('services')?.value;
  if (services?.kind !== 'map') return services ?? document;
  const cursor = { node: services, path: 'services' };
  const entries = new Map(services.entries);
  for (const { name, value } of entriesOf(cursor)) {
    const entry = entries.get(name);
    if (entry !== undefined) entries.set(name, { ...entry, value: extended(value, document, [], port) });
  }
  return { ...services, entries };
}

function extended(service: Cursor, document: YamlMap, chain: readonly YamlNode[], port: ExtendsPort): YamlNode {
  const clause = at(service, 'extends');
  if (clause === null || isNull(clause) || service.node.kind !== 'map') return service.node;
  const { report } = port;
  const entries = new Map(service.node.entries);
  entries.delete('extends');
  const own: YamlMap = { ...service.node, entries };
  const long = clause.node.kind === 'map';
  const name = readText(long ? at(clause, 'service') : clause, report);
  const file = long ? readText(at(clause, 'file'), report) : null;
  if (name === null) {
    report.error(clause, 'compose-missing-field', `${clause.path} names no service`, 'write extends: {service: name}');
    return own;
  }
  if (chain.length > MAX_CHAIN) {
    report.error(
      clause,
      'compose-extends-cycle',
      `${clause.path} is the end of a chain of more than ${MAX_CHAIN} services`,
      'shorten it',
    );
    return own;
  }
  if (chain.includes(service.node)) {
    report.error(
      clause,
      'compose-extends-cycle',
      `${clause.path} extends a service that extends this one`,
      'remove one of the two',
    );
    return own;
  }
  const from = file === null ? document : port.open(file, at(clause, 'file') ?? clause);
  if (from === null) return own;
  const services = at({ node: from, path: '' }, 'services');
  const base = services && at(services, name);
  if (services === null || base === null || base.node.kind !== 'map') {
    const known = services === null ? [] : entriesOf(services).map(entry => entry.name);
    report.error(
      clause,
      'compose-unknown-service',
      `${clause.path}: there is no service \`${escapeLine(name)}\` to extend`,
      didYouMean(name, known),
    );
    return own;
  }
  const resolved = extended(base, from, [...chain, service.node], port);
  return resolved.kind === 'map' ? mergeServices(resolved, own) : own;
}
