import type { MountConfig } from '../../config/mesh-config.ts';
import type { Place } from '../../config/service-source.ts';
import { escapeLine } from '../../text/escape.ts';
import type { Context } from './context.ts';
import { at, type Cursor, entriesOf, itemsOf, placeOf } from './cursor.ts';
import { didYouMean } from './did-you-mean.ts';
import { readText } from './scalar.ts';

/** Prefix under which a `configs` entry that comes from a variable travels with the secrets: names of both may be equal. */
export const CONFIG_PREFIX = 'config.';

const FIELDS = ['source', 'target', 'uid', 'gid', 'mode'];

/** Reads `secrets` and `configs` of a service (short and long forms) as mounts; the places go by target. */
export function readGrants(
  service: Cursor,
  context: Context,
): { readonly mounts: readonly MountConfig[]; readonly places: ReadonlyMap<string, Place> } {
  const mounts: MountConfig[] = [];
  const places = new Map<string, Place>();
  const add = (mount: MountConfig, place: Place): void => {
    mounts.push(mount);
    places.set(mount.target, place);
  };
  for (const { source, target, place } of grants(at(service, 'secrets'), 'secret', context.secrets, context)) {
    add({ kind: 'secret', source, target: inFolder(target ?? source, '/run/secrets/') }, place);
  }
  for (const { source, target, place } of grants(at(service, 'configs'), 'config', context.configs, context)) {
    const from = context.configs.get(source);
    const path = inFolder(target ?? source, '/');
    if (from?.kind === 'file')
      add({ kind: 'bind', source: from.path, target: path, readOnly: true, createHostPath: false }, place);
    else if (from !== undefined) add({ kind: 'secret', source: `${CONFIG_PREFIX}${source}`, target: path }, place);
  }
  return { mounts, places };
}

interface Grant {
  readonly source: string;
  readonly target: string | null;
  readonly place: Place;
}

function grants(
  list: Cursor | null,
  what: 'secret' | 'config',
  declared: { has(name: string): boolean; keys(): Iterable<string> },
  context: Context,
): readonly Grant[] {
  const { report } = context;
  const found: Grant[] = [];
  for (const item of list === null ? [] : itemsOf(list)) {
    const long = item.node.kind === 'map';
    for (const { name, key } of entriesOf(item)) {
      if (!FIELDS.includes(name))
        report.error(key, 'unknown-field', `${key.path} is not a field of a ${what}`, didYouMean(name, FIELDS));
      else if (name !== 'source' && name !== 'target') {
        report.warnOnce(
          `${what}.${name}`,
          key,
          'compose-key-ignored',
          `${name} of a ${what} is ignored: the file keeps its owner and mode`,
        );
      }
    }
    const source = readText(long ? at(item, 'source') : item, report);
    if (source === null)
      report.error(item, 'compose-missing-field', `${item.path} names no ${what}`, `write source: name of the ${what}`);
    else if (!declared.has(source)) {
      const hint =
        didYouMean(source, declared.keys()) || `declare it at the top level (${what}s: {${source}: {file: ./${source}.txt}})`;
      report.error(
        item,
        `compose-unknown-${what}`,
        `${item.path} uses the ${what} \`${escapeLine(source)}\`, which is not declared`,
        hint,
      );
    } else found.push({ source, target: long ? readText(at(item, 'target'), report) : null, place: placeOf(item) });
  }
  return found;
}

function inFolder(target: string, folder: string): string {
  return target.startsWith('/') ? target : `${folder}${target}`;
}
