import { shown } from '../shown.ts';
import { parseDuration, parsePercent, parseSize } from '../units.ts';
import { field, integer } from './field.ts';

/** Milliseconds from `2s`. */
export const duration = field<number>(value => parseDuration(value), {
  type: 'string',
  pattern: '^((\\d+(\\.\\d+)?(ms|s|m|h|d))+|.*\\$.*)$',
  examples: ['2s', '500ms'],
});

/** Bytes from `64m`. */
export const size = field<number>(parseSize, {
  type: 'string',
  pattern: '^(\\d+(\\.\\d+)?\\s*[bkmgBKMG]i?[bB]?|.*\\$.*)$',
  examples: ['64m'],
});

/** A TCP port. */
export const port = integer(1, 65_535, 'a port', 8080);

/** `90` or `90%`: a share of traffic, relative to its neighbours. */
export const weight = field<number>(
  value => {
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 1_000_000) return value;
    if (typeof value === 'string') return parsePercent(value);
    return { problem: `${shown(value)} is not a weight`, hint: 'a whole number from 0, e.g. `90`, or a percentage, `90%`' };
  },
  { type: ['integer', 'string'], minimum: 0, pattern: '^(\\d+(\\.\\d+)?%|.*\\$.*)$' },
);

/** An HTTP method in upper case. */
export const method = field<string>(
  value => {
    if (typeof value === 'string' && /^[A-Z][A-Z-]{0,31}$/.test(value)) return value;
    const upper = typeof value === 'string' ? value.toUpperCase() : '';
    const hint = /^[A-Z][A-Z-]*$/.test(upper) ? `methods are upper case: \`${upper}\`` : 'a method such as `GET` or `POST`';
    return { problem: `${shown(value)} is not a method`, hint };
  },
  { type: 'string', pattern: '^[A-Z][A-Z-]*$', examples: ['GET'] },
);

/** A host name or `*.suffix`, in any case, without port. Lower case. */
export const host = field<string>(
  value => {
    const name = typeof value === 'string' ? value.toLowerCase() : '';
    if (/^(\*|(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*)$/.test(name) && name.length <= 255)
      return name;
    return {
      problem: `${shown(value)} is not a host`,
      hint: 'a host name without scheme, port or path: `shop.localhost` or `*.localhost`',
    };
  },
  { type: 'string', examples: ['shop.localhost'] },
);

/** A domain that identities are issued in. */
export const trustDomain = field<string>(
  value =>
    typeof value === 'string' && /^[a-z0-9]([a-z0-9._-]{0,253}[a-z0-9])?$/.test(value)
      ? value
      : { problem: `${shown(value)} is not a trust domain`, hint: 'lower case letters, digits, `.`, `-`, `_`: `bookshop.local`' },
  { type: 'string', examples: ['bookshop.local'] },
);

/** Part of identities: a DNS label, as everywhere where there are namespaces. */
export const namespace = field<string>(
  value =>
    typeof value === 'string' && /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(value)
      ? value
      : { problem: `${shown(value)} is not a namespace`, hint: 'lower case letters, digits and `-`, at most 63: `shop`' },
  { type: 'string', pattern: '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?|.*\\$.*)$', examples: ['shop'] },
);

/** Last part of an identity: one segment of a SPIFFE ID. */
export const account = field<string>(
  value =>
    typeof value === 'string' && /^[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?$/.test(value)
      ? value
      : { problem: `${shown(value)} is not an account`, hint: 'letters, digits, `.`, `-` and `_`: `bookinfo`' },
  { type: 'string', examples: ['bookinfo'] },
);

/** An address on this machine to listen at. */
export const address = field<string>(
  value =>
    typeof value === 'string' && /^(\d{1,3}(\.\d{1,3}){3}|\[?[0-9a-f:]*:[0-9a-f:]*\]?)$/i.test(value) && octetsFit(value)
      ? value.replace(/^\[|\]$/g, '')
      : { problem: `${shown(value)} is not an IP address`, hint: '`127.0.0.1` for this machine only, `0.0.0.0` for the network' },
  { type: 'string', examples: ['127.0.0.1', '0.0.0.0'] },
);

/** An IPv4 address of a server. */
export const ipv4 = field<string>(
  value =>
    typeof value === 'string' && /^\d{1,3}(\.\d{1,3}){3}$/.test(value) && octetsFit(value)
      ? value
      : { problem: `${shown(value)} is not an IPv4 address`, hint: 'e.g. `10.1.2.3`' },
  { type: 'string', examples: ['10.1.2.3'] },
);

function octetsFit(value: string): boolean {
  return value.includes(':') || value.split('.').every(octet => Number(octet) <= 255);
}
