/**
 * The one form of a path that rules judge and the app gets: dot segments resolved, slashes merged, needless percent-encoding undone. `null` for a path
 * that servers read in different ways (encoded slash, backslash or NUL, double encoding, parameters on dot segments): it is refused, not guessed.
 */
export function normalPath(path: string): string | null {
  // Nearly every path is normal already.
  if (!/%|\/\/|\/\.|\\|;/.test(path)) return path;
  if (/%(?![0-9a-f]{2})|%2f|%5c|%00|%25|\\/i.test(path)) return null;
  const plain = path.replace(/%([0-9a-f]{2})/gi, (code, digits: string) => {
    const byte = Number.parseInt(digits, 16);
    return /[A-Za-z0-9._~-]/.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : code.toUpperCase();
  });
  const out: string[] = [];
  const segments = plain.split('/').slice(1);
  for (const segment of segments) {
    if (/^\.\.?;/.test(segment)) return null;
    if (segment === '..') out.pop();
    else if (segment !== '.' && segment !== '') out.push(segment);
  }
  const last = segments.at(-1);
  const folder = out.length > 0 && (last === '' || last === '.' || last === '..');
  return `/${out.join('/')}${folder ? '/' : ''}`;
}

/** The path of a request target, without query. */
export function pathOf(target: string): string {
  const query = target.indexOf('?');
  return query < 0 ? target : target.substring(0, query);
}
