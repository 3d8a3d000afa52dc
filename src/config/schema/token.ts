import type { z } from 'zod';
import { claimPath } from '../claim-path.ts';
import { shown } from '../shown.ts';
import type { Problem } from '../units.ts';
import { field, fields, listOf, namedMap, oneOrMany, text } from './field.ts';
import { cookieName, flag, headerName, headerProblem } from './http-leaves.ts';

/** Where the keys of an issuer are: somewhere to fetch them from, a file, or here. */
export type JwksSpec =
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'file'; readonly file: string }
  | { readonly kind: 'inline'; readonly set: unknown };

const jwksHint = 'a URL, a file, or the key set itself: `https://auth.example/keys`, `./keys.json` or `{keys: […]}`';

const jwks = field<JwksSpec>(
  value => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { kind: 'inline', set: value };
    if (typeof value !== 'string' || value === '') return { problem: `${shown(value)} is no key set`, hint: jwksHint };
    if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(value)) return { kind: 'file', file: value };
    const url = URL.canParse(value) ? new URL(value) : null;
    if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
      return { problem: `${shown(withoutUser(value))} is not a URL that keys can be fetched from`, hint: jwksHint };
    if (url.username !== '' || url.password !== '')
      return { problem: 'the URL holds a user or a password', hint: 'public keys need none: remove what stands before the `@`' };
    return { kind: 'url', url: url.href };
  },
  { type: ['string', 'object'], examples: ['https://auth.example/keys', './keys.json'] },
);

function withoutUser(url: string): string {
  return url.replace(/\/\/[^/]*@/, '//***@');
}

/** Written by sidecars: what an app reads there has to be theirs. */
const ofTheMesh = /^(host|cookie|authorization|x-request-id|x-forwarded-(for|proto|client-cert)|x-mesh-.*|x-envoy-.*)$/;

/** What is wrong with the name of a field that tells an app something; `null` for a good one. */
export function toldHeaderProblem(name: string): Problem | null {
  const problem = headerProblem(name);
  if (problem !== null || !ofTheMesh.test(name.toLowerCase())) return problem;
  return { problem: `${shown(name)} cannot be changed`, hint: 'choose a name of your own: `x-user`' };
}

const toldHeader = field<string>(
  value => {
    if (typeof value !== 'string')
      return { problem: `${shown(value)} is not a header name`, hint: 'letters, digits and `-`: `x-user`' };
    return toldHeaderProblem(value) ?? value.toLowerCase();
  },
  { type: 'string', examples: ['x-user'] },
);

/** A claim, by its names. */
export const claim = field<readonly string[]>(claimPath, { type: 'string', examples: ['sub', 'realm.groups'] });

const from = fields(
  {
    headers: listOf(
      fields(
        {
          name: headerName.describe('Name of the field.'),
          prefix: text('a prefix', { type: 'string' })
            .optional()
            .describe('What stands before the token: `"Bearer "`. Default: nothing.'),
        },
        '`{name: authorization, prefix: "Bearer "}`',
      ),
      '`[{name: authorization, prefix: "Bearer "}]`',
    )
      .optional()
      .describe('Header fields.'),
    query: oneOrMany(text('a parameter', { type: 'string' }), '`[access_token]`')
      .optional()
      .describe('Query parameters.'),
    cookies: oneOrMany(cookieName, '`[session]`').optional().describe('Cookies.'),
  },
  '`{headers: [{name: x-token}]}`',
);

const issuer = fields(
  {
    issuer: text('an issuer', { type: 'string' }).describe('`iss` of the tokens.'),
    jwks: jwks.describe(
      'Its public keys: a URL that they are fetched from, and again every five minutes; a JSON file; or the key set itself.',
    ),
    audiences: oneOrMany(text('an audience', { type: 'string' }), '`[bookshop]`')
      .optional()
      .describe('One of them has to be in `aud`. Default: any token of the issuer will do.'),
    from: from
      .optional()
      .describe('Where tokens are looked for. Default: `authorization: Bearer …` and the query parameter `access_token`.'),
    to: oneOrMany(text('a service', { type: 'string' }), '`[storefront]`')
      .optional()
      .describe('Services and gateways that look for tokens. Default: all that speak HTTP.'),
    forward: flag.optional().describe('`true`: the app gets the token. Default: it is taken out of the request.'),
    payloadHeader: toldHeader.optional().describe('Field that tells the app what the token says: its payload, base64url.'),
    claimsToHeaders: namedMap(claim, '`{x-user: sub, x-group: realm.groups}`')
      .optional()
      .describe('Fields that tell the app single claims. What clients send under these names is thrown away.'),
    spaceDelimited: oneOrMany(text('a claim', { type: 'string' }), '`[teams]`')
      .optional()
      .describe('Claims whose text is a list of words, besides `scope` and `permission`.'),
  },
  '`{issuer: https://auth.example, jwks: https://auth.example/keys}`',
);

/** `tokens:` of mesh.yaml. */
export const tokens = listOf(issuer, '`- {issuer: https://auth.example, jwks: https://auth.example/keys}`');

/** One issuer as written. */
export type TokenIssuerSpec = z.output<typeof issuer>;
