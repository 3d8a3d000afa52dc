import { shown } from '../shown.ts';
import { parsePercent } from '../units.ts';
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

/** Value of a header field: one line of text, sent as UTF-8. */
export const headerValue = field<string>(
  value => {
    const line = typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
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

/** A path as it is compared and sent: without query, no spaces. */
export const path = field<string>(
  value => {
    if (typeof value !== 'string' || !value.startsWith('/'))
      return { problem: `${shown(value)} is not a path`, hint: 'a path starts with `/`' };
    if (/[?#]/.test(value)) return { problem: `${shown(value)} holds a query or fragment`, hint: 'only the path is meant here' };
    if (/[\s\x00-\x20\x7f]/.test(value)) return { problem: `${shown(value)} holds a space`, hint: 'write it as `%20`' };
    return value;
  },
  { type: 'string', pattern: '^/', examples: ['/new'] },
);

/** A host to send a request to, with a port if need be. Lower case. */
export const authority = field<string>(
  value => {
    const name = typeof value === 'string' ? value.toLowerCase() : '';
    if (/^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?(:\d{1,5})?$/.test(name) && name.length <= 255) return name;
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
