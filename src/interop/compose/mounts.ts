import type { MountConfig } from '../../config/mesh-config.ts';
import type { Place } from '../../config/service-source.ts';
import { escapeLine } from '../../text/escape.ts';
import { absolutePath, type Context } from './context.ts';
import { at, type Cursor, entriesOf, itemsOf, placeOf } from './cursor.ts';
import { didYouMean } from './did-you-mean.ts';
import { readBoolean, readInteger, readText } from './scalar.ts';
import { readBytes } from './units.ts';

/** What `volumes` comes to; long forms of type tmpfs go to `tmpfs`. */
export interface Mounts {
  readonly mounts: readonly MountConfig[];
  readonly tmpfs: readonly string[];
  /** Where each is written, by its target. */
  readonly places: ReadonlyMap<string, Place>;
}

/** Modes of the short form that change nothing on Linux engines of today. */
const NEUTRAL_MODES = new Set(['rw', 'cached', 'delegated', 'consistent']);
const IGNORED_MODES = new Set(['z', 'Z', 'nocopy', 'copy', 'shared', 'rshared', 'slave', 'rslave', 'private', 'rprivate', 'U']);

/** Reads `volumes` of a service. A later entry for the same target replaces an earlier one. */
export function readMounts(volumes: Cursor | null, context: Context): Mounts {
  const mounts = new Map<string, MountConfig>();
  const places = new Map<string, Place>();
  const tmpfs: string[] = [];
  if (volumes?.node.kind === 'map') context.report.expected(volumes, 'a list');
  else {
    for (const item of volumes === null ? [] : itemsOf(volumes)) {
      const mount = item.node.kind === 'map' ? longForm(item, context, tmpfs) : shortForm(item, context);
      if (mount === null) continue;
      mounts.set(mount.target, mount);
      places.set(mount.target, placeOf(item));
    }
  }
  return { mounts: [...mounts.values()], tmpfs, places };
}

/** `source:target:mode` cut at its colons, but not at that of a Windows drive: `C:\src:/app` and `C:/src:/app`. `d:/data` is the volume d. */
export function splitShort(written: string): readonly string[] {
  const drive = /^[A-Za-z]:(?:\\[^:]*|\/[^:]*(?=:\/))/.exec(written)?.[0];
  if (drive === undefined) return written.split(':');
  return [drive, ...written.slice(drive.length + 1).split(':')];
}

function shortForm(item: Cursor, context: Context): MountConfig | null {
  const written = readText(item, context.report);
  if (written === null) return null;
  const parts = splitShort(written);
  const [first = '', second, modes = ''] = parts;
  if (parts.length > 3 || first === '' || second === '') {
    context.report.expected(item, 'a volume', 'write it like data:/var/lib/data, ./src:/app or ./conf.yaml:/etc/conf.yaml:ro');
    return null;
  }
  if (second === undefined) return targetOf(item, first, context) && { kind: 'anonymous', target: first, readOnly: false };
  if (!targetOf(item, second, context)) return null;
  let readOnly = false;
  for (const mode of modes.split(',').filter(mode => mode !== '')) {
    if (mode === 'ro') readOnly = true;
    else if (IGNORED_MODES.has(mode)) ignored(item, `volume mode ${mode}`, context);
    else if (!NEUTRAL_MODES.has(mode))
      context.report.expected(item, 'a volume whose mode is ro or rw', didYouMean(mode, ['ro', 'rw']));
  }
  if (isPath(first)) {
    return { kind: 'bind', source: absolutePath(first, item, context), target: second, readOnly, createHostPath: true };
  }
  return declared(item, first, context) ? { kind: 'volume', source: first, target: second, readOnly } : null;
}

function longForm(item: Cursor, context: Context, tmpfs: string[]): MountConfig | null {
  const { report } = context;
  const type = readText(at(item, 'type'), report) ?? 'volume';
  const target = readText(at(item, 'target'), report);
  const source = readText(at(item, 'source'), report);
  const readOnly = readBoolean(at(item, 'read_only'), report) ?? false;
  if (target === null || target === '') {
    report.error(item, 'compose-missing-field', `${item.path} has no target`, 'write the path in the container: target: /data');
    return null;
  }
  if (!targetOf(item, target, context)) return null;
  warnOptions(item, context);
  if (type === 'tmpfs') {
    const options = at(item, 'tmpfs');
    const size = options && readBytes(at(options, 'size'), report);
    const mode = options && readInteger(at(options, 'mode'), report, 0, 0o7777);
    const written = [size !== null ? `size=${size}` : '', mode !== null ? `mode=${mode.toString(8)}` : '', readOnly ? 'ro' : ''];
    const text = written.filter(part => part !== '').join(',');
    tmpfs.push(text === '' ? target : `${target}:${text}`);
    return null;
  }
  if (type === 'bind') {
    if (source === null || source === '') {
      report.error(
        item,
        'compose-missing-field',
        `${item.path} is a bind without a source`,
        'write the path on the host: source: ./data',
      );
      return null;
    }
    const bind = at(item, 'bind');
    const createHostPath = (bind && readBoolean(at(bind, 'create_host_path'), report)) ?? true;
    return { kind: 'bind', source: absolutePath(source, item, context), target, readOnly, createHostPath };
  }
  if (type === 'volume') {
    if (source === null || source === '') return { kind: 'anonymous', target, readOnly };
    return declared(item, source, context) ? { kind: 'volume', source, target, readOnly } : null;
  }
  report.expected(at(item, 'type') ?? item, 'volume, bind or tmpfs', didYouMean(type, ['volume', 'bind', 'tmpfs']));
  return null;
}

/** Options of the long form that the mesh does not carry over, each said once. */
function warnOptions(item: Cursor, context: Context): void {
  const known = new Set(['type', 'source', 'target', 'read_only', 'bind', 'volume', 'tmpfs', 'consistency']);
  for (const { name, key, value } of entriesOf(item)) {
    if (!known.has(name) && !name.startsWith('x-')) {
      context.report.error(key, 'unknown-field', `${key.path} is not a field of a volume`, didYouMean(name, known));
    }
    for (const option of entriesOf(value)) {
      if (name === 'bind' && option.name !== 'create_host_path') ignored(option.key, `bind option ${option.name}`, context);
      if (name === 'volume') ignored(option.key, `volume option ${option.name}`, context);
    }
  }
}

function ignored(cursor: Cursor, what: string, context: Context): void {
  context.report.warnOnce(what, cursor, 'compose-key-ignored', `${what} is ignored by the mesh`);
}

function targetOf(item: Cursor, target: string, context: Context): true | null {
  if (target.startsWith('/')) return true;
  context.report.expected(item, 'a volume with an absolute path in the container', 'begin the target with /');
  return null;
}

function declared(item: Cursor, name: string, context: Context): boolean {
  if (context.volumes.has(name)) return true;
  const hint = didYouMean(name, context.volumes) || `declare it at the top level (volumes: {${name}: }), or begin a path with ./`;
  context.report.error(
    item,
    'compose-unknown-volume',
    `${item.path} uses the volume \`${escapeLine(name)}\`, which is not declared`,
    hint,
  );
  return false;
}

function isPath(source: string): boolean {
  return /^[./~\\]|^[A-Za-z]:[\\/]/.test(source);
}
