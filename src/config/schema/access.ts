import { z } from 'zod';
import type { AccessFact } from '../../snapshot/access-policy.ts';
import { accessHost, accessPath, addressBlock, principal, valuePattern } from './access-leaves.ts';
import { fields, listOf, namedMap, oneOf, oneOrMany, text } from './field.ts';
import { flag } from './http-leaves.ts';
import { method, port } from './leaves.ts';

const service = text('a service', { type: 'string' });

interface ListField {
  readonly fact: AccessFact;
  readonly value: z.ZodType<string, unknown>;
  readonly example: string;
  readonly meaning: string;
}

/** Conditions that are lists of texts. Each has a twin `not…`: none of its values may match. */
export const accessLists = {
  principals: {
    fact: 'principal',
    value: principal,
    example: '["*"]',
    meaning: 'Callers by SPIFFE ID; together with `from`: one of both.',
  },
  namespaces: { fact: 'namespace', value: valuePattern, example: '[shop]', meaning: 'Namespaces of callers.' },
  accounts: {
    fact: 'account',
    value: valuePattern,
    example: '[shop/web]',
    meaning: 'Accounts of callers, `<namespace>/<account>`.',
  },
  trustDomains: { fact: 'trust-domain', value: valuePattern, example: '[bookshop.local]', meaning: 'Trust domains of callers.' },
  ips: { fact: 'ip', value: addressBlock, example: '[10.0.0.0/8]', meaning: 'Addresses that connections come from.' },
  remoteIps: {
    fact: 'remote-ip',
    value: addressBlock,
    example: '[203.0.113.0/24]',
    meaning: 'Addresses of the real client: at a gateway with `trustedHops` from `x-forwarded-for`, else as `ips`.',
  },
  destinationIps: {
    fact: 'destination-ip',
    value: addressBlock,
    example: '[172.20.0.7]',
    meaning: 'Addresses that were called.',
  },
  serverNames: { fact: 'server-name', value: valuePattern, example: '[shop.localhost]', meaning: 'Server names (SNI) of TLS.' },
  methods: { fact: 'method', value: method, example: '[GET]', meaning: 'HTTP methods.' },
  hosts: { fact: 'host', value: accessHost, example: '[shop.localhost]', meaning: 'Hosts of the request, with port or without.' },
  paths: {
    fact: 'path',
    value: accessPath,
    example: '[/public/*]',
    meaning:
      '`/a` exact, `/a*` prefix, `*.css` suffix, `/users/{*}/cart` with any one segment, `/x/{**}` with any; decoded, without query.',
  },
  tokenPrincipals: {
    fact: 'token-principal',
    value: valuePattern,
    example: '["*"]',
    meaning: '`<iss>/<sub>` of the verified token; `*`: a token is required.',
  },
  audiences: { fact: 'token-audience', value: valuePattern, example: '[bookshop]', meaning: '`aud` of the token.' },
  presenters: { fact: 'token-presenter', value: valuePattern, example: '[app]', meaning: '`azp` of the token.' },
} as const satisfies Readonly<Record<string, ListField>>;

type ListName = keyof typeof accessLists;
type OptionalList = z.ZodOptional<z.ZodType<string[], unknown>>;

/** `notPaths` of `paths`. */
export function negative<N extends string>(name: N): `not${Capitalize<N>}` {
  return `not${name.charAt(0).toUpperCase()}${name.slice(1)}` as `not${Capitalize<N>}`;
}

const lists = Object.fromEntries(
  Object.entries(accessLists).flatMap(([name, { value, example, meaning }]) => [
    [name, oneOrMany(value, `\`${example}\``).optional().describe(meaning)],
    [negative(name), oneOrMany(value, `\`${example}\``).optional().describe(`None of these \`${name}\`.`)],
  ]),
) as unknown as Record<ListName | `not${Capitalize<ListName>}`, OptionalList>;

const named = (example: string) => namedMap(oneOrMany(valuePattern, '`[admin, "ops*"]`'), example).optional();

const rule = fields(
  {
    name: text('a name').optional().describe('Name in logs and metrics. Default `access[<index>]`.'),
    action: oneOf(['allow', 'deny', 'audit'])
      .optional()
      .describe('Default `allow`. `deny` goes before `allow`; `audit` only counts and logs what matches.'),
    authorizer: text('an authorizer', { type: 'string' })
      .optional()
      .describe(
        'Instead of `action`: one of `authorizers` is asked about what matches. Its no is final, its yes goes on to the other rules.',
      ),
    dryRun: flag.optional().describe('`true`: the rule is judged and reported, never enforced.'),
    from: oneOrMany(service, '`[storefront]`')
      .optional()
      .describe('Calling services and gateways; `*` is any identity of the mesh. Default: anyone.'),
    notFrom: oneOrMany(service, '`[storefront]`').optional().describe('None of these callers.'),
    to: oneOrMany(service, '`[reviews]`')
      .optional()
      .describe('Services and gateways that the rule protects. Default: all services.'),
    ports: oneOrMany(port, '`[9080]`').optional().describe('Ports of the app.'),
    notPorts: oneOrMany(port, '`[9080]`').optional().describe('None of these `ports`.'),
    ...lists,
    headers: named('`{x-role: [admin, "ops*"]}`').describe('All of these headers, one value of each.'),
    notHeaders: named('`{x-role: admin}`').describe('None of these values of any of these headers.'),
    query: named('`{debug: "*"}`').describe('All of these query parameters.'),
    notQuery: named('`{debug: "*"}`').describe('None of these values of any of these parameters.'),
    claims: named('`{groups: [admin]}`').describe(
      'All of these claims of the verified token; `realm.groups` is one within another, `[a.b][c]` where names have dots.',
    ),
    notClaims: named('`{groups: [admin]}`').describe('None of these values of any of these claims.'),
  },
  '`{from: storefront, to: [reviews, details]}`',
);

const rules = listOf(rule, '`- {from: storefront, to: reviews}`');

/** What becomes of calls that no rule speaks of. */
export const accessDefault = oneOf(['allow', 'deny']);

/** `access:` as a list of rules, or with a default. */
export const access = z.union([
  listOf(rule, '`- {from: storefront, to: reviews}`, or `{default: deny}`').transform(rules => ({
    default: undefined,
    list: true,
    rules,
  })),
  fields(
    {
      default: accessDefault.optional().describe('For what no rule speaks of. Default `allow`.'),
      rules: rules.optional(),
    },
    '`[{from: storefront, to: reviews}]`',
  ).transform(written => ({ ...written, list: false })),
]);

/** `access` as written. `list`: without a word on the default. */
export type AccessSpec = z.output<typeof access>;
/** One access rule as written. */
export type AccessRuleSpec = z.output<typeof rule>;
