import { compilePattern } from '../../pattern/pattern.ts';
import { parseReplacement } from '../../pattern/replacement.ts';
import type { PathMatch, PathRewrite, RouteMatch } from '../../snapshot/route-rule.ts';
import { targetByte } from '../http1/chars.ts';
import { segmentsOf } from './route-match.ts';

/** The new path. `matched`: which of the rule's matches held, -1 for a rule without. */
export type RewritePath = (path: string, matched: number) => string;

/** Compiles a rewrite of paths without query; `matches` are those of the rule. What comes out is always a path that a request line can carry. */
export function compilePathRewrite(rewrite: PathRewrite, matches: readonly RouteMatch[]): RewritePath {
  switch (rewrite.kind) {
    case 'full': {
      const path = asPath(rewrite.value);
      return () => path;
    }
    case 'prefix': {
      const anywhere = replacePrefix(rewrite.value, null);
      const byMatch = matches.map(match => replacePrefix(rewrite.value, match.path));
      return (path, matched) => asPath((byMatch[matched] ?? anywhere)(path));
    }
    case 'regex': {
      const pattern = compilePattern(rewrite.pattern);
      const replacement = parseReplacement(rewrite.value);
      return path => asPath(pattern.replaceAll(path, replacement));
    }
  }
}

/** A prefix of whole segments never leaves two slashes behind (Gateway API); one of text is text (Istio). */
function replacePrefix(value: string, match: PathMatch | null): (path: string) => string {
  switch (match?.kind) {
    case 'exact':
    case 'regex':
      return () => value;
    case 'starts-with':
      return path => value + path.slice(match.value.length);
    default: {
      const cut = segmentsOf(match?.value ?? '').length;
      const head = segmentsOf(value);
      return path => (path.length === cut ? value : head + path.slice(cut));
    }
  }
}

/** With a slash in front, and whatever may not stand in a request target percent-encoded. */
function asPath(text: string): string {
  const path = text.startsWith('/') ? text : `/${text}`;
  for (let i = 0; i < path.length; i++)
    if (targetByte[path.charCodeAt(i)] !== 1 || path.charCodeAt(i) === 63) return encoded(path);
  return path;
}

function encoded(path: string): string {
  let out = '';
  for (const byte of Buffer.from(path)) {
    out +=
      targetByte[byte] === 1 && byte !== 63 ? String.fromCharCode(byte) : `%${byte.toString(16).padStart(2, '0').toUpperCase()}`;
  }
  return out;
}
