import type { PathNormalization } from '../../snapshot/access-policy.ts';

/** Gives a path (without query) its one form; `null`: it is refused. */
export type NormalizePath = (path: string) => string | null;

/** The normaliser of a mode. */
export function pathNormalizer(mode: PathNormalization): NormalizePath {
  switch (mode) {
    case 'strict':
      return strict;
    case 'none':
      return path => path;
    case 'base':
      return base;
    case 'merge-slashes':
      return path => mergeSlashes(base(path));
    case 'decode-and-merge-slashes':
      return path => mergeSlashes(base(path.replace(/%2f/gi, '/').replace(/%5c/gi, '\\')));
  }
}

/**
 * Refuses what two servers could read in different ways, resolves dot segments, merges slashes, undoes needless codes. What is left has one reading, also for
 * who decodes once more, takes `;` for the end of a segment, or maps `\` to `/`.
 * @see RFC 3986 §6.2.2
 */
function strict(path: string): string | null {
  // Nearly every path is normal already.
  if (/^\/[!$&-;=@-[\]_a-z~]*$/.test(path) && !/\/[/.]/.test(path)) return path;
  if (!/^\/[!$-;=@-[\]_a-z~]*$/.test(path)) return null;
  // Broken codes, control characters and separators.
  if (/%(?![0-9a-f]{2})|%[01]|%7f|%2f|%5c/i.test(path)) return null;
  const plain = withoutNeedlessCodes(path);
  // After decoding, else `%25%32%65` would be `%2e` to who decodes twice.
  if (/%25(?:[01]|[0-9A-F]{2})/i.test(plain)) return null;
  if (/%[89A-F]/.test(plain) && !isUtf8(plain)) return null;
  const out: string[] = [];
  const segments = plain.split('/').slice(1);
  for (const segment of segments) {
    // What follows is the end of the segment to some servers.
    if (/^\.\.?(?:;|%3B|%23|%3F)/.test(segment)) return null;
    if (segment !== '..') {
      if (segment !== '.' && segment !== '') out.push(segment);
    } else if (out.pop() === undefined) return null;
  }
  return joined(out, isFolder(segments.at(-1), true));
}

/** As Envoy's `normalize_path`: dot segments resolved, needless codes undone, `\` is `/`. */
function base(path: string): string | null {
  if (!/%|\/\.|\\/.test(path)) return path;
  if (path.includes('%00')) return null;
  const segments = decodeNeedless(path, code => code)
    .replaceAll('\\', '/')
    .split('/')
    .slice(1);
  return joined(withoutDots(segments), isFolder(segments.at(-1), false));
}

function mergeSlashes(path: string | null): string | null {
  return path === null ? null : path.replace(/\/{2,}/g, '/');
}

/** Dot segments resolved; more `..` than there are folders end at the root. @see RFC 3986 §5.2.4 */
export function withoutDots(segments: readonly string[]): readonly string[] {
  const out: string[] = [];
  for (const segment of segments) {
    if (segment === '..') out.pop();
    else if (segment !== '.') out.push(segment);
  }
  return out;
}

/** Codes of characters that need none are undone, the others are written in one way. */
export function withoutNeedlessCodes(path: string): string {
  return decodeNeedless(path, code => code.toUpperCase());
}

function decodeNeedless(path: string, keep: (code: string) => string): string {
  return path.replace(/%([0-9a-f]{2})/gi, (code, digits: string) => {
    const char = String.fromCharCode(Number.parseInt(digits, 16));
    return /[A-Za-z0-9._~-]/.test(char) ? char : keep(code);
  });
}

function isUtf8(path: string): boolean {
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}

/** Whether what was left out at the end leaves a slash there. An empty last segment is one that was kept, unless slashes are merged. */
export function isFolder(last: string | undefined, merged: boolean): boolean {
  return last === '.' || last === '..' || (merged && last === '');
}

/** Segments as a path; `folder`: with a slash at the end. */
export function joined(segments: readonly string[], folder: boolean): string {
  return `/${segments.join('/')}${folder && segments.length > 0 ? '/' : ''}`;
}
