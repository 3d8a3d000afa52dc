import { shown } from './shown.ts';

/** A value that is not what a field takes: what is wrong, and what would be right. */
export interface Problem {
  readonly problem: string;
  readonly hint: string;
}

/** Above this a Node timer overflows 31 bits and fires at once. */
const maxDurationMs = 24 * 24 * 3_600_000;

const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const sizeUnits: Readonly<Record<string, number>> = { b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** `500ms`, `2s`, `1m30s`, `1.5h` in milliseconds; between 1 ms and 24 days unless other bounds are given. */
export function parseDuration(value: unknown, { minMs = 1, maxMs = maxDurationMs } = {}): number | Problem {
  const example = 'write a number with a unit, `5s` or `500ms` (ms, s, m, h)';
  if (typeof value === 'number')
    return { problem: `\`${value}\` has no unit`, hint: `write \`${Math.abs(value)}s\` or \`500ms\`` };
  if (typeof value !== 'string') return { problem: 'not a duration', hint: example };
  const text = value.trim();
  if (text.startsWith('-'))
    return { problem: `\`${text.slice(0, 20)}\` is below zero`, hint: 'a duration is positive, e.g. `5s`' };
  if (/^\d+$/.test(text))
    return { problem: `\`${text.slice(0, 20)}\` has no unit`, hint: `write \`${text.slice(0, 9)}s\` or \`500ms\`` };
  if (!/^(\d{1,12}(\.\d{1,9})?(ms|s|m|h|d))+$/.test(text))
    return { problem: `\`${text.slice(0, 20)}\` is not a duration`, hint: example };
  let total = 0;
  for (const [, number = '0', unit = 'ms'] of text.matchAll(/([\d.]+)(ms|s|m|h|d)/g))
    total += Number(number) * (durationUnits[unit] ?? 0);
  if (total > maxMs) {
    const why = maxMs === maxDurationMs ? ' (a timer cannot wait longer)' : '';
    return { problem: `\`${text}\` is too long`, hint: `at most ${maxMs / 86_400_000}d${why}` };
  }
  if (total < minMs) {
    const hint = minMs === 1 ? 'a duration is positive, at least 1ms' : `at least ${minMs / 1000}s`;
    return { problem: `\`${text}\` is too short`, hint };
  }
  return Math.round(total);
}

/** `64m`, `1.5gb`, `512k` in bytes; powers of 1024 as in compose. */
export function parseSize(value: unknown): number | Problem {
  const hint = 'write a number with a unit, `64m` or `1g` (b, k, m, g)';
  if (typeof value === 'number') return { problem: `\`${value}\` has no unit`, hint };
  const match = typeof value === 'string' ? /^(\d{1,12}(?:\.\d{1,9})?)\s*([bkmg])(?:i?b)?$/i.exec(value.trim()) : null;
  if (match === null) return { problem: `${shown(value)} is not a size`, hint };
  const bytes = Math.round(Number(match[1]) * (sizeUnits[(match[2] ?? 'b').toLowerCase()] ?? 1));
  return bytes > 0 ? bytes : { problem: 'the size is zero', hint };
}

/** `90%` or `90` as 90; between 0 and 100. */
export function parsePercent(value: unknown): number | Problem {
  const hint = 'a percentage from 0% to 100%, e.g. `20%`';
  const match = typeof value === 'string' ? /^(\d{1,9}(?:\.\d{1,6})?)\s*%$/.exec(value.trim()) : null;
  if (match === null) return { problem: `${shown(value)} is not a percentage`, hint };
  const percent = Number(match[1]);
  return percent <= 100 ? percent : { problem: `\`${String(value).trim()}\` is above 100%`, hint };
}

/** Whether a parse came to a problem. */
export function isProblem(value: unknown): value is Problem {
  return typeof value === 'object' && value !== null && 'problem' in value;
}
