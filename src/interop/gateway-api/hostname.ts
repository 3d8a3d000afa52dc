/** Host names of listeners and routes: exact, `*.suffix` (one label or more in place of the star), or `''` for any. */

/** What both let through, `null` for nothing. */
export function intersect(a: string, b: string): string | null {
  if (a === '' || covers(a, b)) return b;
  return covers(b, a) ? a : null;
}

/** Whether `pattern` takes every host that `host` does. */
export function covers(pattern: string, host: string): boolean {
  if (pattern === '' || pattern === host) return true;
  return pattern.startsWith('*.') && host !== '' && host.replace(/^\*/, '').endsWith(pattern.slice(1));
}

/** More exact first: names, then wildcards by length, then any. */
export function compareHosts(a: string, b: string): number {
  return rank(b) - rank(a);
}

function rank(host: string): number {
  if (host === '') return 0;
  return host.startsWith('*') ? host.length : 1000 + host.length;
}
