import type { Cursor } from './cursor.ts';
import { entriesOf, isNull, itemsOf } from './cursor.ts';
import type { Report } from './report.ts';

/** Text of a scalar, numbers and booleans as written; `null` where absent or, with an error, where something else stands. */
export function readText(cursor: Cursor | null, report: Report): string | null {
  if (cursor === null || isNull(cursor)) return null;
  if (cursor.node.kind === 'scalar') return cursor.node.source;
  report.expected(cursor, 'text');
  return null;
}

/** Compose's booleans: YAML's, and the words that variables bring as text. */
export function readBoolean(cursor: Cursor | null, report: Report): boolean | null {
  const value = readText(cursor, report);
  if (cursor === null || value === null) return null;
  if (/^(true|yes|on|y|1)$/i.test(value)) return true;
  if (/^(false|no|off|n|0)$/i.test(value)) return false;
  report.expected(cursor, 'true or false');
  return null;
}

/** A whole number within bounds, also when a variable made it text. */
export function readInteger(cursor: Cursor | null, report: Report, min: number, max = Number.MAX_SAFE_INTEGER): number | null {
  const value = readText(cursor, report);
  if (cursor === null || value === null) return null;
  const number = /^-?\d+$/.test(value.trim()) ? Number(value) : Number.NaN;
  if (number >= min && number <= max) return number;
  report.expected(
    cursor,
    max === Number.MAX_SAFE_INTEGER ? `a whole number from ${min}` : `a whole number from ${min} to ${max}`,
  );
  return null;
}

/** A number with or without a fraction, at least zero. */
export function readNumber(cursor: Cursor | null, report: Report): number | null {
  const value = readText(cursor, report);
  if (cursor === null || value === null) return null;
  if (/^\d+(\.\d+)?$|^\.\d+$/.test(value.trim())) return Number(value);
  report.expected(cursor, 'a number such as 0.5');
  return null;
}

/** A list of texts; one text counts as a list of one. */
export function readTexts(cursor: Cursor | null, report: Report): readonly string[] {
  if (cursor === null) return [];
  if (cursor.node.kind === 'map') {
    report.expected(cursor, 'a list');
    return [];
  }
  return itemsOf(cursor).flatMap(item => readText(item, report) ?? []);
}

/**
 * Compose's "map or list of NAME=value": labels, build args, sysctls, driver options. A name without a value is the empty text,
 * or what `missing` gives for it (`null` leaves it out).
 */
export function readPairs(
  cursor: Cursor | null,
  report: Report,
  missing: (name: string) => string | null = () => '',
): Readonly<Record<string, string>> {
  const pairs = new Map<string, string>();
  const put = (name: string, value: string | null) => {
    const found = value ?? missing(name);
    if (found === null) pairs.delete(name);
    else pairs.set(name, found);
  };
  if (cursor?.node.kind === 'map') {
    for (const { name, value } of entriesOf(cursor)) put(name, readText(value, report));
  } else if (cursor !== null) {
    for (const item of readTexts(cursor, report)) {
      const equals = item.indexOf('=');
      if (equals < 0) put(item, null);
      else put(item.slice(0, equals), item.slice(equals + 1));
    }
  }
  return sorted(pairs);
}

/** A record in the order of its names: the same input in another order is the same configuration. */
export function sorted<T>(entries: Iterable<readonly [string, T]>): Readonly<Record<string, T>> {
  return Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}
