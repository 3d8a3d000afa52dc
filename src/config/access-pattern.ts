/** Whether a value of an access rule matches, as sidecars compare it: `abc`, `abc*`, `*abc`, `*` for anything but the empty string. */
export function matchesValue(pattern: string, value: string): boolean {
  if (pattern === '*') return value !== '';
  if (pattern.endsWith('*')) return value.startsWith(pattern.slice(0, -1));
  if (pattern.startsWith('*')) return value.endsWith(pattern.slice(1));
  return pattern === value;
}
