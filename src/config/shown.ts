import { escapeLine } from '../text/escape.ts';

const secretName = /pass(word|wd|phrase)?|secret|token|credential|api[-_]?key|private[-_]?key|access[-_]?key/i;
const longest = 60;

/** Whether a variable or field of this name probably holds a secret. */
export function isSecretName(name: string): boolean {
  return secretName.test(name);
}

/** A value as it may appear in a message: quoted, shortened, control characters escaped, secrets masked by the name of their field. */
export function shown(value: unknown, field = ''): string {
  if (isSecretName(field)) return '`***`';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (value === null || value === undefined) return 'nothing';
  if (typeof value === 'object') return 'a mapping';
  const text = escapeLine(String(value));
  return `\`${text.length > longest ? `${text.slice(0, longest)}…` : text}\``;
}

/** Whether `text` holds characters that a terminal would act on. Tabs and newlines do not count. */
export function hasControlCharacter(text: string): boolean {
  const rest = text.replace(/[\t\n\r]/g, '');
  return escapeLine(rest) !== rest;
}
