/** Values of access rules: what they are compared with, and how. */
import { isIP } from 'node:net';
import { shown } from '../shown.ts';
import type { Problem } from '../units.ts';
import { field } from './field.ts';

const starHint = '`*` stands at one end: `abc*` is a prefix, `*abc` a suffix, `*` anything but nothing';

/** What is wrong with the stars of a value; `null`: nothing. */
function starProblem(value: string): Problem | null {
  return value.slice(1, -1).includes('*') || value === '**' || (value.length > 1 && value.startsWith('*') && value.endsWith('*'))
    ? { problem: `${shown(value)} has a \`*\` in the wrong place`, hint: starHint }
    : null;
}

/** A value, `prefix*`, `*suffix`, or `*`. */
export const valuePattern = field<string>(
  value => {
    const text = typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
    if (typeof text !== 'string' || text === '')
      return { problem: `${shown(value)} is no value to compare with`, hint: starHint };
    return starProblem(text) ?? text;
  },
  { type: ['string', 'number', 'boolean'], examples: ['admin', 'ops*'] },
);

/** A path: `/a` exact, `/a*` prefix, `*.css` suffix, or a template with `{*}` and `{**}`; decoded, as it is judged. */
export const accessPath = field<string>(
  value => {
    if (typeof value !== 'string' || !/^(\/|\*)/.test(value)) {
      return { problem: `${shown(value)} is not a path`, hint: 'a path starts with `/`: `/public/*`; `*.css` is a suffix' };
    }
    if (/%[0-9a-f]{2}/i.test(value)) {
      return {
        problem: `${shown(value)} is percent-encoded`,
        hint: 'paths are compared decoded: write the character itself, not e.g. %2f',
      };
    }
    if (/[?#]/.test(value)) return { problem: `${shown(value)} holds a query or fragment`, hint: 'only the path is compared' };
    if (value.includes('{*')) return templateProblem(value) ?? value;
    if (value.slice(1, -1).includes('*'))
      return {
        problem: `${shown(value)} has a \`*\` inside`,
        hint: '`*` stands at the start or the end; `{*}` is any one segment',
      };
    return starProblem(value) ?? value;
  },
  { type: 'string', examples: ['/public/*'] },
);

/** @see Istio, AuthorizationPolicy, Operation.paths */
function templateProblem(path: string): Problem | null {
  const segments = path.split('/');
  const operators = segments.filter(segment => segment.includes('{*'));
  const whole = operators.every(segment => segment === '{*}' || segment === '{**}');
  const last = operators.indexOf('{**}');
  const stars = segments.some(segment => segment.includes('*') && !segment.includes('{*'));
  if (whole && !stars && (last < 0 || last === operators.length - 1)) return null;
  return {
    problem: `${shown(path)} is not a path template`,
    hint: '`{*}` is one whole segment, `{**}` any number and the last of them; no other `*` beside them: `"/users/{*}/cart"`, in quotes',
  };
}

/** A SPIFFE ID, with `*` at one end, or `*` for any authenticated caller. Its scheme may be left out. */
export const principal = field<string>(
  value => {
    const hint = 'e.g. `spiffe://bookshop.local/ns/default/sa/storefront`, `*/sa/storefront` or `spiffe://bookshop.local/*`';
    const problem = { problem: `${shown(value)} is not a SPIFFE ID`, hint };
    if (typeof value !== 'string') return problem;
    if (value === '*') return value;
    const stars = starProblem(value);
    if (stars !== null) return stars;
    if (value.startsWith('*')) return /^\*[A-Za-z0-9._/-]+$/.test(value) ? value : problem;
    const id = value.startsWith('spiffe://') ? value : `spiffe://${value}`;
    const form = /^spiffe:\/\/[a-z0-9._-]{1,255}((?:\/[A-Za-z0-9._-]+)+|(?:\/[A-Za-z0-9._-]+)*\/?[A-Za-z0-9._-]*\*)$/.exec(id);
    const dots = form?.[1]?.split('/').some(segment => segment === '.' || segment === '..');
    return form !== null && dots === false ? id : problem;
  },
  { type: 'string', examples: ['spiffe://bookshop.local/ns/default/sa/storefront'] },
);

/** An IP address or a block of them. */
export const addressBlock = field<string>(
  value => {
    const [address = '', bits, ...more] = typeof value === 'string' ? value.split('/') : [];
    const version = isIP(address);
    const most = version === 6 ? 128 : 32;
    const fits = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most);
    return version !== 0 && fits && more.length === 0
      ? (value as string)
      : { problem: `${shown(value)} is not an IP address or block`, hint: 'e.g. `10.1.2.3`, `10.0.0.0/8` or `2001:db8::/32`' };
  },
  { type: 'string', examples: ['10.0.0.0/8'] },
);

/** A host name, with port or without, `*.suffix`, `prefix*` or `*`. Lower case. */
export const accessHost = field<string>(
  value => {
    const host = typeof value === 'string' ? value.toLowerCase() : '';
    return /^(\*|\*?[a-z0-9_.-]*[a-z0-9_](:\d{1,5})?|[a-z0-9_][a-z0-9_.:-]*\*|\[[0-9a-f:.]+\](:\d{1,5})?)$/.test(host)
      ? host
      : {
          problem: `${shown(value)} is not a host`,
          hint: 'without scheme and path: `shop.localhost`, `*.localhost`, `shop.localhost:8080`',
        };
  },
  { type: 'string', examples: ['shop.localhost'] },
);
