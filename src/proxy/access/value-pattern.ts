import { type AccessValue, accessValue } from '../../access/access-value.ts';
import type { AccessFact } from '../../snapshot/access-policy.ts';

/** A value of a condition, taken apart. `template`: of paths, with `{*}` and `{**}`; `text` is what stands before the first of them. */
export type ValuePattern = Omit<AccessValue, 'kind'> & { readonly kind: AccessValue['kind'] | 'template' };

/** Facts that are bytes on the wire: heads hold them as latin1, rules are written as text. */
const inBytes: ReadonlySet<AccessFact> = new Set<AccessFact>(['path', 'header', 'query']);

/** Compiles one value. */
export function compileValue(fact: AccessFact, written: string): ValuePattern {
  const cased = fact === 'host' || fact === 'server-name' ? written.toLowerCase() : written;
  const value = inBytes.has(fact) ? Buffer.from(cased).toString('latin1') : cased;
  return fact === 'path' && /\{\*{1,2}\}/.test(value) ? template(value) : accessValue(value);
}

/** `{**}` is the last operator, so that walking the path once is enough. @see `accessPath` of the configuration */
function template(value: string): ValuePattern {
  const [front = '', tail] = value.split('{**}');
  const [start = '', ...pieces] = front.split('{*}');
  const test = (path: string): boolean => {
    if (!path.startsWith(start)) return false;
    let at = start.length;
    for (const piece of pieces) {
      const slash = path.indexOf('/', at);
      const end = slash < 0 ? path.length : slash;
      if (end === at || !path.startsWith(piece, end)) return false;
      at = end + piece.length;
    }
    return tail === undefined ? at === path.length : path.length - at >= tail.length && path.endsWith(tail);
  };
  return { kind: 'template', text: start, test };
}
