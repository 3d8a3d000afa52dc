import { resolve as resolvePath } from 'node:path';
import type { AccessFact } from '../../snapshot/access-policy.ts';
import type { ClaimHeader, TokenPlace } from '../../snapshot/token-policy.ts';
import { compareText } from '../diagnostic.ts';
import { publicKeys } from '../jwks.ts';
import type { AccessRuleConfig, GatewayConfig, ServiceConfig, TokenIssuerConfig } from '../mesh-config.ts';
import { suggest } from '../nearest.ts';
import { speaksOnlyTcp } from '../protocol.ts';
import { readRegularFile } from '../read-file.ts';
import { type TokenIssuerSpec, toldHeaderProblem } from '../schema/token.ts';
import { shown } from '../shown.ts';
import { behindGateway, looksForTokens } from '../token-way.ts';
import { uniqueTexts } from '../unique-texts.ts';
import type { YamlPath } from '../yaml-node.ts';
import { accessPath } from './access.ts';
import type { Report } from './report.ts';

/** A hundred RSA keys of 4096 bits have 90 KiB. */
const maxKeySetBytes = 256 * 1024;
/** Lists of words by custom: OAuth's, and its older cousin. @see Envoy's JWT filter, `normalize_payload_in_metadata` as Istio sets it */
const wordLists = ['permission', 'scope'];
const byDefault: readonly TokenPlace[] = [
  { kind: 'header', name: 'authorization', prefix: 'Bearer ' },
  { kind: 'query', name: 'access_token' },
];

/** What issuers may name, and where their files are. */
export interface TokenSurroundings {
  readonly services: readonly ServiceConfig[];
  readonly gateways: readonly GatewayConfig[];
  readonly baseDir: string;
  /** Absolute paths of the files that were looked for are put here. */
  readonly looked: Set<string>;
}

/** Issuers of tokens in long form; keys in files are read and checked. In the order of the file. */
export function resolveTokens(
  specs: readonly TokenIssuerSpec[],
  around: TokenSurroundings,
  report: Report,
): readonly TokenIssuerConfig[] {
  const known = new Set<string>();
  return specs.map((spec, index): TokenIssuerConfig => {
    const path: YamlPath = ['tokens', index];
    if (known.has(spec.issuer)) {
      const message = `issuer ${shown(spec.issuer)} is there twice`;
      report.error([...path, 'issuer'], { code: 'duplicate-issuer', message, hint: 'one entry per issuer: put them together' });
    }
    known.add(spec.issuer);
    const from = spec.from === undefined ? byDefault : placesOf(spec.from, [...path, 'from'], report);
    const claimHeaders = claimHeadersOf(spec, from, path, report);
    return {
      issuer: spec.issuer,
      keys: keysOf(spec.jwks, [...path, 'jwks'], around, report),
      audiences: uniqueTexts(spec.audiences),
      from,
      to: targetsOf(spec, path, around, report),
      forward: spec.forward ?? false,
      ...(spec.payloadHeader === undefined ? {} : { payloadHeader: spec.payloadHeader }),
      claimHeaders,
      spaceDelimited: uniqueTexts([...wordLists, ...(spec.spaceDelimited ?? [])]),
    };
  });
}

/** A gateway that leads to services of both kinds takes the token out: an app that does not look for it must not get it. */
export function checkForwarding(
  gateways: readonly GatewayConfig[],
  services: readonly ServiceConfig[],
  tokens: readonly TokenIssuerConfig[],
  report: Report,
): void {
  for (const [index, issuer] of tokens.entries()) {
    if (issuer.forward) continue;
    for (const gateway of gateways.filter(({ name }) => looksForTokens(issuer, name))) {
      const { looking, others } = behindGateway(issuer, gateway, services);
      if (looking.length === 0 || others.length === 0) continue;
      const [lost, other] = [looking, others].map(names => names.map(name => `\`${name}\``).join(', '));
      const message = `gateway \`${gateway.name}\` takes the tokens out, as it leads to ${other} too: ${lost} gets none from there`;
      const hint = `write \`forward: true\`, or let ${other} look for them too`;
      report.warning(['tokens', index], { code: 'tokens-end-at-gateway', message, hint });
    }
  }
}

/** A condition on claims where nobody looks for tokens never holds. */
export function checkClaims(gateways: readonly GatewayConfig[], tokens: readonly TokenIssuerConfig[], report: Report): void {
  for (const { name, routes } of gateways) {
    if (tokens.some(issuer => looksForTokens(issuer, name))) continue;
    for (const [index, { matches }] of routes.entries()) {
      if (matches.every(({ claims = [] }) => claims.length === 0)) continue;
      const message = `gateway \`${name}\` looks for no tokens: the conditions on claims never hold`;
      const hint = tokens.length === 0 ? 'write `tokens:` with the issuer' : `add \`${name}\` to its \`to\``;
      report.warning(['gateways', name, 'routes', index], { code: 'claims-never-match', message, hint });
    }
  }
}

/** What only a token can tell, as rules ask for it. */
const ofTokens: Partial<Record<AccessFact, string>> = {
  claim: 'claims',
  'token-principal': 'tokenPrincipals',
  'token-audience': 'audiences',
  'token-presenter': 'presenters',
};

/** An access rule that asks for a token where nobody looks for one never matches. */
export function checkAccessTokens(
  rules: readonly AccessRuleConfig[],
  tokens: readonly TokenIssuerConfig[],
  report: Report,
): void {
  for (const [index, { to, conditions }] of rules.entries()) {
    if (to.length === 0 ? tokens.length > 0 : to.some(name => tokens.some(issuer => looksForTokens(issuer, name)))) continue;
    const fields = conditions.flatMap(({ on, not }) => (not === true ? [] : (ofTokens[on] ?? [])));
    for (const field of new Set(fields)) {
      const message = `nobody looks for tokens ${to.length === 0 ? 'in this mesh' : `at ${to.map(name => `\`${name}\``).join(', ')}`}: the rule never matches`;
      const hint = tokens.length === 0 ? 'write `tokens:` with the issuer' : 'add it to `to` of the issuer in `tokens`';
      report.warning([...accessPath(report), index, field], { code: 'claims-never-match', key: true, message, hint });
    }
  }
}

function keysOf(
  jwks: TokenIssuerSpec['jwks'],
  path: YamlPath,
  around: TokenSurroundings,
  report: Report,
): TokenIssuerConfig['keys'] {
  switch (jwks.kind) {
    case 'url': {
      const { protocol, hostname } = new URL(jwks.url);
      if (protocol === 'http:' && !/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname)) {
        const message = 'the keys come over the network unprotected';
        report.warning(path, {
          code: 'jwks-unprotected',
          message,
          hint: 'whoever is in between can put his own there: use https',
        });
      }
      return { kind: 'url', url: jwks.url };
    }
    case 'file': {
      const file = resolvePath(around.baseDir, jwks.file);
      around.looked.add(file);
      return { kind: 'here', keys: checked(() => JSON.parse(read(file)), path, report, file) };
    }
    case 'inline':
      return { kind: 'here', keys: checked(() => jwks.set, path, report) };
  }
}

/** No message holds anything of what was read: it may be a key that should not be there. */
function checked(
  read: () => unknown,
  path: YamlPath,
  report: Report,
  file = '',
): Extract<TokenIssuerConfig['keys'], { kind: 'here' }>['keys'] {
  let set: unknown;
  try {
    set = read();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const message =
      code === 'ENOENT' ? `${file} was not found` : code === '' ? `${file} is not JSON` : `${file} cannot be read (${code})`;
    const hint = code === '' ? 'a JSON file: `{"keys": […]}`' : 'correct the path; it starts at the folder of mesh.yaml';
    report.error(path, {
      code: code === 'ENOENT' ? 'file-not-found' : code === '' ? 'bad-jwks' : 'file-unreadable',
      message,
      hint,
    });
    return [];
  }
  const keys = publicKeys(set);
  if (typeof keys !== 'string') return keys;
  const hint = 'the public keys of the issuer, as JSON: `{"keys": [{"kty": "EC", …}]}`';
  report.error(path, { code: 'bad-jwks', key: true, message: keys, hint });
  return [];
}

function read(file: string): string {
  const { bytes, size } = readRegularFile(file, maxKeySetBytes);
  if (size > maxKeySetBytes) throw Object.assign(new Error(), { code: 'more than 256 KiB' });
  return bytes.toString('utf8');
}

function placesOf(from: NonNullable<TokenIssuerSpec['from']>, path: YamlPath, report: Report): readonly TokenPlace[] {
  const { headers = [], query = [], cookies = [] } = from;
  const places: TokenPlace[] = [
    ...headers.map(({ name, prefix = '' }): TokenPlace => ({ kind: 'header', name, prefix })),
    ...uniqueTexts(query).map((name): TokenPlace => ({ kind: 'query', name })),
    ...uniqueTexts(cookies).map((name): TokenPlace => ({ kind: 'cookie', name })),
  ];
  if (places.length === 0)
    report.error(path, {
      code: 'missing-field',
      message: '`from` says nothing',
      hint: 'name `headers`, `query` or `cookies`, or leave it out',
    });
  return places;
}

/** Two values for one field, or a field that both brings the token and tells of it, would be nobody's. */
function claimHeadersOf(
  spec: TokenIssuerSpec,
  from: readonly TokenPlace[],
  path: YamlPath,
  report: Report,
): readonly ClaimHeader[] {
  const taken = new Map<string, string>(
    from.flatMap(place => (place.kind === 'header' ? [[place.name, 'a field that brings tokens']] : [])),
  );
  const take = (name: string, at: YamlPath, key: boolean, what: string): void => {
    const holder = taken.get(name);
    if (holder !== undefined)
      report.error(at, {
        code: 'duplicate-header',
        key,
        message: `${shown(name)} is ${holder} already`,
        hint: 'choose another name',
      });
    taken.set(name, what);
  };
  if (spec.payloadHeader !== undefined) take(spec.payloadHeader, [...path, 'payloadHeader'], false, 'the field of the payload');
  return Object.entries(spec.claimsToHeaders ?? {})
    .map(([written, claim]): ClaimHeader => {
      const at = [...path, 'claimsToHeaders', written];
      const problem = toldHeaderProblem(written);
      if (problem !== null) report.error(at, { code: 'bad-name', key: true, message: problem.problem, hint: problem.hint });
      const header = written.toLowerCase();
      take(header, at, true, 'the field of a claim');
      return { header, claim };
    })
    .sort((a, b) => compareText(a.header, b.header));
}

function targetsOf(
  spec: TokenIssuerSpec,
  path: YamlPath,
  { services, gateways }: TokenSurroundings,
  report: Report,
): readonly string[] {
  const names = [...services, ...gateways].map(({ name }) => name);
  for (const [place, name] of (spec.to ?? []).entries()) {
    const at = report.entry([...path, 'to'], place);
    const service = services.find(one => one.name === name);
    const gateway = gateways.find(one => one.name === name);
    if (service === undefined && gateway === undefined)
      report.error(at, { code: 'unknown-service', message: `${shown(name)} is not known`, hint: suggest(name, names) });
    else if (service === undefined ? gateway?.protocol !== 'http' : speaksOnlyTcp(service)) {
      const message = `\`${name}\` does not speak HTTP: nobody finds a token there`;
      report.error(at, { code: 'http-on-tcp', message, hint: 'remove it, or write `protocol: http` for it' });
    }
  }
  return uniqueTexts(spec.to);
}
