import { parseEnvFile } from '../../config/env-file.ts';
import { escapeLine } from '../../text/escape.ts';
import { absolutePath, type Context } from './context.ts';
import { at, type Cursor, entriesOf, isNull, itemsOf } from './cursor.ts';
import { didYouMean } from './did-you-mean.ts';
import { readBoolean, readPairs, readText, sorted } from './scalar.ts';

const FIELDS = ['path', 'required', 'format'];

/**
 * The app's environment: `env_file`s in order, then `environment` on top. A name without a value is taken from the shell
 * (or `.env`) and left out where it is not set there.
 */
export function readEnvironment(
  environment: Cursor | null,
  envFiles: Cursor | null,
  context: Context,
): Readonly<Record<string, string>> {
  const fromShell = (name: string) => context.variable(name) ?? null;
  const values = new Map<string, string>();
  for (const file of envFiles === null ? [] : envFileEntries(envFiles)) {
    for (const [name, value] of readEnvFile(file, context)) {
      const found = value ?? fromShell(name);
      if (found !== null) values.set(name, found);
    }
  }
  for (const [name, value] of Object.entries(readPairs(environment, context.report, fromShell))) values.set(name, value);
  return sorted(values);
}

/** The files themselves. Absolute; mistakes are told by `readEnvironment`. */
export function envFilePaths(envFiles: Cursor | null, context: Context): readonly string[] {
  return (envFiles === null ? [] : envFileEntries(envFiles)).flatMap(entry => {
    const { node } = entry;
    const path = node.kind === 'map' ? at(entry, 'path') : entry;
    return path?.node.kind === 'scalar' && typeof path.node.value === 'string'
      ? [absolutePath(path.node.value, path, context)]
      : [];
  });
}

function envFileEntries(cursor: Cursor): readonly Cursor[] {
  return cursor.node.kind === 'map' ? [cursor] : itemsOf(cursor);
}

function readEnvFile(entry: Cursor, context: Context): ReadonlyMap<string, string | null> {
  const { report } = context;
  const long = entry.node.kind === 'map';
  if (long) {
    for (const { name, key } of entriesOf(entry)) {
      if (!FIELDS.includes(name))
        report.error(key, 'unknown-field', `${key.path} is not a field of an env file`, didYouMean(name, FIELDS));
    }
  }
  const pathCursor = long ? at(entry, 'path') : entry;
  const written = readText(pathCursor, report);
  if (pathCursor === null || written === null || isNull(pathCursor)) {
    report.error(entry, 'compose-missing-field', `${entry.path} names no file`, 'write the path of the env file');
    return new Map();
  }
  const required = long ? (readBoolean(at(entry, 'required'), report) ?? true) : true;
  const raw = long && readText(at(entry, 'format'), report) === 'raw';
  const text = context.readFile(absolutePath(written, pathCursor, context));
  if (text === null) {
    if (required) {
      const hint = 'create it, correct the path, or write {path: …, required: false}';
      const path = absolutePath(written, pathCursor, context);
      const message = `the env file \`${escapeLine(written)}\` was not found: ${path}`;
      report.errorOnce(`env_file ${path}`, pathCursor, 'compose-missing-file', message, hint);
    }
    return new Map();
  }
  if (raw) return rawLines(text);
  const parsed = parseEnvFile(text, written, context.variable);
  report.add(parsed.diagnostics);
  return parsed.values;
}

/** `format: raw`: everything behind the first `=` is the value, quotes and `$` included. */
function rawLines(text: string): ReadonlyMap<string, string | null> {
  const values = new Map<string, string | null>();
  for (const line of text.split(/\r?\n/)) {
    if (line.trim() === '' || line.trimStart().startsWith('#')) continue;
    const equals = line.indexOf('=');
    if (equals < 0) values.set(line.trim(), null);
    else values.set(line.slice(0, equals).trim(), line.slice(equals + 1));
  }
  return values;
}
