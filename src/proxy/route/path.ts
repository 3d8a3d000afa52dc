import type { RouteMatch } from '../../snapshot/route-rule.ts';
import { isFolder, joined, withoutDots, withoutNeedlessCodes } from './normal-path.ts';

/**
 * The form of a path that conditions of routes judge: dot segments resolved, needless percent-encoding undone, `\` for what it means to many servers. Empty
 * segments and encoded slashes stay: they are names to some services. @see RFC 3986 §6.2.2, Istio's path normalization BASE
 */
export function routedPath(path: string): string {
  if (!/%|\/\.|\\/.test(path)) return path;
  const segments = withoutNeedlessCodes(path).replaceAll('\\', '/').split('/').slice(1);
  return joined(withoutDots(segments), isFolder(segments.at(-1), false));
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

/** The path of a request target, without query. */
export function pathOf(target: string): string {
  const query = target.indexOf('?');
  return query < 0 ? target : target.substring(0, query);
}
