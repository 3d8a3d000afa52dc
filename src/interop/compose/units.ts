import type { Cursor } from './cursor.ts';
import type { Report } from './report.ts';
import { readText } from './scalar.ts';

const DURATION_MS: Readonly<Record<string, number>> = {
  d: 86_400_000,
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 1e-3,
  µs: 1e-3,
  ns: 1e-6,
};

/** Compose's durations in milliseconds: `1m30s`, `500ms`, `1.5h`; a bare number only when it is 0. `null` when it is none. */
export function parseDuration(value: string): number | null {
  const written = value.trim();
  if (written === '0') return 0;
  if (!/^(\d+(\.\d+)?(d|h|ms|m|s|us|µs|ns))+$/.test(written)) return null;
  let total = 0;
  for (const [, amount, unit] of written.matchAll(/(\d+(?:\.\d+)?)(d|h|ms|m|s|us|µs|ns)/g)) {
    total += Number(amount) * (DURATION_MS[unit ?? ''] ?? 0);
  }
  return total;
}

/** Compose's byte sizes: `512m`, `1.5GB`, `64kib`, a bare number of bytes. Units are powers of 1024. `null` when it is none. */
export function parseBytes(value: string): number | null {
  const found = /^(\d+(?:\.\d+)?)\s*([kmgtp]?)(i?b)?$/i.exec(value.trim());
  if (found === null) return null;
  const power = ' kmgtp'.indexOf((found[2] || ' ').toLowerCase());
  return Math.round(Number(found[1]) * 1024 ** power);
}

/** Duration of a field in whole milliseconds; an error where it is none. */
export function readDuration(cursor: Cursor | null, report: Report): number | null {
  const value = readText(cursor, report);
  if (cursor === null || value === null) return null;
  const ms = parseDuration(value);
  if (ms === null) report.expected(cursor, 'a duration', 'write it with a unit, such as 30s, 1m30s or 500ms');
  return ms === null ? null : Math.round(ms);
}

/** Size of a field in bytes; an error where it is none. */
export function readBytes(cursor: Cursor | null, report: Report): number | null {
  const value = readText(cursor, report);
  if (cursor === null || value === null) return null;
  const bytes = parseBytes(value);
  if (bytes === null) report.expected(cursor, 'a size', 'write it like 512m, 1g or 64k');
  return bytes;
}
