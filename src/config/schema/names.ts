import { nearest } from '../nearest.ts';
import { shown } from '../shown.ts';
import type { Problem } from '../units.ts';

/** Names that mean something else inside a pod or to the mesh. */
const reserved = new Set(['localhost', 'mesh', 'admin', '__proto__', 'constructor', 'prototype', 'host', 'gateway']);

/** What is wrong with the name of a service, gateway or version; `null` for a good one. It is a DNS name and a part of SPIFFE IDs. */
export function nameProblem(name: string, what: string): Problem | null {
  const example = nearest(name, ['web']) ?? 'web';
  if (name.length > 63)
    return { problem: `${what} ${shown(name)} is ${name.length} characters long`, hint: 'at most 63 (a DNS label)' };
  if (!/^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/.test(name) || name.includes('..')) {
    const odd = [...name].find(char => char > '\u007f');
    const why =
      odd === undefined ? '' : ` (${shown(odd)} is U+${odd.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')})`;
    return {
      problem: `${shown(name)} is not a ${what} name${why}`,
      hint: `ASCII letters, digits, \`-\`, \`_\`, \`.\`: \`${example}\``,
    };
  }
  if (reserved.has(name.toLowerCase()) || /\.(internal|local|localhost|mesh)$/i.test(name)) {
    return {
      problem: `${what} name \`${name}\` is reserved`,
      hint: 'choose another name; `localhost` and the like never leave the pod',
    };
  }
  return null;
}
