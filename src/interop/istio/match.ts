/** Conditions of a VirtualService's rule. */
import type { MatchDocument, PathDocument, ValueDocument } from '../mesh-document.ts';
import type { HttpMatchSpec, StringMatch } from './objects.ts';

/** What a condition looks up and reports. */
export interface MatchContext {
  /** Services whose workloads carry the labels; `null`: that is not known. */
  readonly withLabels: (labels: Readonly<Record<string, string>>) => readonly string[] | null;
  readonly note: (message: string) => void;
}

/** One alternative in the words of mesh.yaml; `null`: no request can match it. */
export function translateMatch(spec: HttpMatchSpec, context: MatchContext): MatchDocument | null {
  const { uri, method, authority, headers = {}, withoutHeaders = {}, queryParams = {}, port, sourceLabels } = spec;
  const names = [...Object.keys(headers), ...Object.keys(withoutHeaders)];
  // Claims are read from a token that was checked; nobody checks one here.
  if (Object.keys(headers).some(isClaim)) {
    context.note('conditions on token claims never match without a RequestAuthentication');
    return null;
  }
  if (names.some(isClaim)) context.note('`withoutHeaders` on a token claim holds for every request');
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
    headers: valuesOf(headers, withoutHeaders),
    query: valuesOf(queryParams, {}),
    ports: port === undefined ? undefined : [port],
    from: from ?? undefined,
  };
}

function isClaim(name: string): boolean {
  return name.startsWith('@request.auth.claims');
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

function valuesOf(
  having: Readonly<Record<string, StringMatch>>,
  lacking: Readonly<Record<string, StringMatch>>,
): Record<string, ValueDocument> | undefined {
  const kept = (values: Readonly<Record<string, StringMatch>>) =>
    Object.entries(values).filter(([name]) => !name.startsWith(':') && !isClaim(name));
  const found: [string, ValueDocument][] = [
    ...kept(having).map(([name, match]): [string, ValueDocument] => [name, positive(match)]),
    ...kept(lacking).map(([name, match]): [string, ValueDocument] => [name, negative(match)]),
  ];
  return found.length === 0 ? undefined : Object.fromEntries(found);
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
