import { shown } from '../shown.ts';
import { type Problem, parsePercent } from '../units.ts';
import { field, text } from './field.ts';

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Fields of one hop, those that frame the message, and the count of tries: sidecars write them as they need them. */
const ofOneHop = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'x-envoy-attempt-count',
]);

/** What is wrong with the name of a header field that a rule changes; `null` for a good one. `host` is left to the caller. */
export function headerProblem(name: string): { readonly problem: string; readonly hint: string } | null {
  if (name.startsWith(':'))
    return {
      problem: `${shown(name)} is a pseudo header`,
      hint: '`rewrite: {path: …, host: …}` changes path and host',
    };
  if (!token.test(name)) return { problem: `${shown(name)} is not a header name`, hint: 'letters, digits and `-`' };
  if (ofOneHop.has(name.toLowerCase()))
    return { problem: `${shown(name)} cannot be changed`, hint: 'sidecars write it themselves' };
  return null;
}

/** The name of a header field. Lower case. */
export const headerName = field<string>(
  value =>
    typeof value === 'string' && token.test(value)
      ? value.toLowerCase()
      : { problem: `${shown(value)} is not a header name`, hint: 'letters, digits and `-`: `x-user`' },
  { type: 'string', examples: ['x-user'] },
);

/** The name of a header field as it is written, for lists that are sent. */
export const headerText = field<string>(
  value =>
    typeof value === 'string' && token.test(value)
      ? value
      : { problem: `${shown(value)} is not a header name`, hint: 'letters, digits and `-`: `x-user`' },
  { type: 'string', examples: ['x-user'] },
);

/** Most servers refuse heads of more than 8 to 16 KiB: a longer value would make every request fail. */
const maxHeaderValue = 4096;

/** The name of a cookie (RFC 6265 section 4.1.1). */
export const cookieName = field<string>(
  value =>
    typeof value === 'string' && token.test(value)
      ? value
      : { problem: `${shown(value)} is not the name of a cookie`, hint: 'letters, digits, `-` and `_`: `user`' },
  { type: 'string', examples: ['user'] },
);

/** Value of a header field: one line of text, sent as UTF-8. */
export const headerValue = field<string>(
  value => {
    const line = typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
    if (typeof line === 'string' && line.length > maxHeaderValue)
      return { problem: `the header value is ${line.length} characters long`, hint: `at most ${maxHeaderValue}` };
    if (typeof line === 'string' && /^[^\0-\x08\x0a-\x1f\x7f]+$/.test(line)) return line.trim();
    return { problem: `${shown(value)} is not a header value`, hint: 'one line of text' };
  },
  { type: ['string', 'number', 'boolean'] },
);

/** 0 to 100 from `10%`. */
export const percent = field<number>(parsePercent, {
  type: 'string',
  pattern: '^(\\d+(\\.\\d+)?\\s*%|.*\\$.*)$',
  examples: ['10%'],
});

/** What is wrong with a path: it is compared and sent as clients write it. `null` for a good one. */
export function pathProblem(value: string): Problem | null {
  if (/[?#]/.test(value)) return { problem: `${shown(value)} holds a query or fragment`, hint: 'only the path is meant here' };
  if (/[\s\x00-\x20\x7f]/.test(value)) return { problem: `${shown(value)} holds a space`, hint: 'write it as `%20`' };
  if (/^[!-~]*$/.test(value)) return null;
  const hint = `write \`${encodeURI(value.toWellFormed())}\``;
  return { problem: `${shown(value)} holds a character that clients send encoded`, hint };
}

/** A path as it is compared and sent: without query, no spaces. */
export const path = field<string>(
  value => {
    if (typeof value !== 'string' || !value.startsWith('/'))
      return { problem: `${shown(value)} is not a path`, hint: 'a path starts with `/`' };
    return pathProblem(value) ?? value;
  },
  { type: 'string', pattern: '^/', examples: ['/new'] },
);

/** A host to send a request to, with a port if need be. Lower case. */
export const authority = field<string>(
  value => {
    const name = typeof value === 'string' ? value.toLowerCase() : '';
    const parts = /^[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?(?::(\d{1,5}))?$/.exec(name);
    if (parts !== null && !name.includes('..') && Number(parts[1] ?? 1) <= 65_535 && name.length <= 255) return name;
    return { problem: `${shown(value)} is not a host`, hint: 'a host name, with a port if need be: `other` or `other:8080`' };
  },
  { type: 'string', examples: ['other.example'] },
);

/** A switch that can only be turned on. */
export const yes = field<true>(
  value => (value === true ? true : { problem: `${shown(value)} is not \`true\``, hint: 'write `true`' }),
  {
    const: true,
  },
);

/** On or off. */
export const flag = field<boolean>(
  value =>
    typeof value === 'boolean' ? value : { problem: `${shown(value)} is not \`true\` or \`false\``, hint: 'write `true`' },
  { type: 'boolean' },
);

/** A regular expression; `resolve` checks it. */
export const regex = text('a regular expression');
