import type { RouteMatch } from '../../snapshot/route-rule.ts';

/**
 * The one form of a path that rules judge and the app gets: dot segments resolved, slashes merged, needless percent-encoding undone. `null` for a path
 * that servers read in different ways (encoded slash, backslash or NUL, double encoding, parameters on dot segments): it is refused, not guessed.
 */
export function normalPath(path: string): string | null {
  // Nearly every path is normal already.
  if (!/%|\/\/|\/\.|\\|;/.test(path)) return path;
  if (/%(?![0-9a-f]{2})|%2f|%5c|%00|%25|\\/i.test(path)) return null;
  const plain = withoutNeedlessCodes(path);
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

/**
 * The form of a path that conditions of routes judge: dot segments resolved, needless percent-encoding undone, `\` for what it means to many servers. Empty
 * segments and encoded slashes stay: they are names to some services. @see RFC 3986 §6.2.2, Istio's path normalization BASE
 */
export function routedPath(path: string): string {
  if (!/%|\/\.|\\/.test(path)) return path;
  const plain = withoutNeedlessCodes(path).replaceAll('\\', '/');
  const segments = plain.split('/').slice(1);
  const out: string[] = [];
  for (const segment of segments) {
    if (segment === '..') out.pop();
    else if (segment !== '.') out.push(segment);
  }
  const last = segments.at(-1);
  return `/${out.join('/')}${out.length > 0 && (last === '.' || last === '..') ? '/' : ''}`;
}

/** Conditions as they are compared: paths with `routedPath`, headers with heads, which hold the bytes of UTF-8. */
export function judgedMatch(match: RouteMatch): RouteMatch {
  const headers = match.headers.map(one =>
    one.kind === 'regex' || /^[ -~]*$/.test(one.value) ? one : { ...one, value: Buffer.from(one.value).toString('latin1') },
  );
  return judgedPath({ ...match, headers });
}

function judgedPath(match: RouteMatch): RouteMatch {
  if (match.path === null || match.path.kind === 'regex' || !match.path.value.includes('%')) return match;
  return { ...match, path: { ...match.path, value: withoutNeedlessCodes(match.path.value) } };
}

/** A path that was judged, with every code decoded: bytes as latin1, as heads hold text. */
export function decodedPath(path: string): string {
  if (!path.includes('%')) return path;
  return path.replace(/%([0-9a-f]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}

function withoutNeedlessCodes(path: string): string {
  return path.replace(/%([0-9a-f]{2})/gi, (code, digits: string) => {
    const char = String.fromCharCode(Number.parseInt(digits, 16));
    return /[A-Za-z0-9._~-]/.test(char) ? char : code.toUpperCase();
  });
}

/** The path of a request target, without query. */
export function pathOf(target: string): string {
  const query = target.indexOf('?');
  return query < 0 ? target : target.substring(0, query);
}
