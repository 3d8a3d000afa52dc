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
  const text = printable(String(value));
  return `\`${text.length > longest ? `${text.slice(0, longest)}…` : text}\``;
}

/** Text that cannot steer a terminal: control and bidirectional characters written as escapes. */
export function printable(text: string): string {
  return text.replace(unsafe, char => `\\u{${char.codePointAt(0)?.toString(16)}}`);
}

/** Whether `text` holds characters that a terminal would act on. Tabs and newlines do not count. */
export function hasControlCharacter(text: string): boolean {
  return text.replace(/[\t\n\r]/g, '').search(unsafe) >= 0;
}

const unsafe = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;
