/** Conditions of a VirtualService's rule. */
import type { MatchDocument, PathDocument, ValueDocument } from '../mesh-document.ts';
import { claimName } from './claim-name.ts';
import type { HttpMatchSpec, StringMatch } from './objects.ts';

/** What a condition looks up and reports. */
export interface MatchContext {
  /** Services whose workloads carry the labels; `null`: that is not known. */
  readonly withLabels: (labels: Readonly<Record<string, string>>) => readonly string[] | null;
  /** Some object has tokens checked: there are claims. */
  readonly tokensChecked: boolean;
  readonly note: (message: string) => void;
}

const claims = '@request.auth.claims';

/** One alternative in the words of mesh.yaml; `null`: no request can match it. */
export function translateMatch(spec: HttpMatchSpec, context: MatchContext): MatchDocument | null {
  const { uri, method, authority, headers = {}, withoutHeaders = {}, queryParams = {}, port, sourceLabels } = spec;
  // Claims are read from a token that was checked.
  if (!context.tokensChecked && Object.keys(headers).some(isClaim)) {
    context.note('conditions on token claims never match without a RequestAuthentication');
    return null;
  }
  const pseudo = (name: string): StringMatch | undefined => headers[`:${name}`];
  const methods = listOf(method ?? pseudo('method'), 'method', context);
  const hosts = listOf(authority ?? pseudo('authority') ?? pseudo('host'), 'authority', context);
  if (methods === null || hosts === null) return null;
  if (spec.scheme !== undefined || pseudo('scheme') !== undefined) context.note('conditions on the scheme are left out');
  const from = sourceLabels === undefined ? undefined : context.withLabels(sourceLabels);
  if (from === null) context.note('it is not known whose labels `sourceLabels` are: the rule is for all callers');
  return {
    path: pathOf(uri ?? pseudo('path'), spec.ignoreUriCase === true),
    methods,
    hosts,
    headers: valuesOf(headers, withoutHeaders, isHeader),
    query: valuesOf(queryParams, {}, () => true),
    claims: claimsOf(headers, withoutHeaders),
    ports: port === undefined ? undefined : [port],
    from: from ?? undefined,
  };
}

function isClaim(name: string): boolean {
  return name.startsWith(claims);
}

function isHeader(name: string): boolean {
  return !name.startsWith(':') && !isClaim(name);
}

/** Istio's `prefix` is about text, not segments: `/foo` takes `/foobar` as well. */
function pathOf(uri: StringMatch | undefined, ignoreCase: boolean): PathDocument | undefined {
  if (uri === undefined) return undefined;
  const { exact, prefix, regex } = uri;
  if (ignoreCase && exact !== undefined) return { regex: `(?i)${escaped(exact)}` };
  if (ignoreCase && prefix !== undefined) return { regex: `(?i)${escaped(prefix)}.*` };
  if (exact !== undefined) return { exact };
  if (prefix !== undefined) return prefix === '/' ? undefined : { startsWith: prefix };
  return regex === undefined || regex === '.*' ? undefined : { regex };
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** For what mesh.yaml only compares whole. `null`: something else is asked. */
function listOf(match: StringMatch | undefined, what: string, context: MatchContext): readonly string[] | undefined | null {
  if (match === undefined) return undefined;
  if (match.exact !== undefined) return [match.exact];
  const words = match.regex?.split('|') ?? [];
  if (words.length > 0 && words.every(word => /^[\w.-]+$/.test(word))) return words;
  context.note(`a ${what} can only be compared whole: the alternative is left out`);
  return null;
}

type Values = Readonly<Record<string, StringMatch>>;

function valuesOf(having: Values, lacking: Values, wanted: (name: string) => boolean): Record<string, ValueDocument> | undefined {
  const kept = (values: Values) => Object.entries(values).filter(([name]) => wanted(name));
  const found: [string, ValueDocument][] = [
    ...kept(having).map(([name, match]): [string, ValueDocument] => [name, positive(match)]),
    ...kept(lacking).map(([name, match]): [string, ValueDocument] => [name, negative(match)]),
  ];
  return found.length === 0 ? undefined : Object.fromEntries(found);
}

/** `@request.auth.claims.realm.groups`, or with brackets. */
function claimsOf(having: Values, lacking: Values): Record<string, ValueDocument> | undefined {
  const found = valuesOf(having, lacking, isClaim);
  if (found === undefined) return undefined;
  return Object.fromEntries(
    Object.entries(found).map(([name, value]) => [claimName(name.slice(claims.length).replace(/^\./, '')), value]),
  );
}

type Comparison = { readonly exact: string } | { readonly prefix: string } | { readonly regex: string };

/** `null`: presence only. */
function comparison({ exact, prefix, regex }: StringMatch): Comparison | null {
  if (exact !== undefined) return { exact };
  if (prefix !== undefined) return { prefix };
  return regex === undefined || regex === '*' ? null : { regex };
}

function positive(match: StringMatch): ValueDocument {
  return comparison(match) ?? { present: true };
}

function negative(match: StringMatch): ValueDocument {
  const found = comparison(match);
  return found === null ? { absent: true } : { not: found };
}
