/** Conditions of an AuthorizationPolicy's rule in the words of mesh.yaml. */
import type { AccessList, AccessRuleDocument } from '../mesh-document.ts';
import { claimName } from './claim-name.ts';
import type { AuthorizationRuleSpec, FieldsSpec } from './security-objects.ts';

type Keyed = 'headers' | 'claims';

/** One condition: one of the values, or with `not` none of them. `null` as field: mesh.yaml cannot say it. */
interface Condition {
  readonly field: AccessList | 'ports' | Keyed | null;
  /** Of `headers` and `claims`. */
  readonly name: string;
  readonly values: readonly string[];
  readonly not: boolean;
}

/** What a rule asks for. */
export interface Conditions {
  readonly document: AccessRuleDocument;
  /** Two conditions contradict each other: nothing matches. */
  readonly never: boolean;
  /** What could not be said, one sentence each. */
  readonly unsaid: readonly string[];
}

const sourceFields: Readonly<Record<string, AccessList>> = {
  principals: 'principals',
  namespaces: 'namespaces',
  serviceAccounts: 'accounts',
  trustDomains: 'trustDomains',
  ipBlocks: 'ips',
  remoteIpBlocks: 'remoteIps',
  requestPrincipals: 'tokenPrincipals',
};
const operationFields: Readonly<Record<string, AccessList | 'ports'>> = {
  hosts: 'hosts',
  ports: 'ports',
  methods: 'methods',
  paths: 'paths',
};
const whenKeys: Readonly<Record<string, AccessList | 'ports'>> = {
  'source.principal': 'principals',
  'source.namespace': 'namespaces',
  'source.serviceAccount': 'accounts',
  'source.trustDomain': 'trustDomains',
  'source.ip': 'ips',
  'remote.ip': 'remoteIps',
  'destination.ip': 'destinationIps',
  'destination.port': 'ports',
  'connection.sni': 'serverNames',
  'request.auth.principal': 'tokenPrincipals',
  'request.auth.audiences': 'audiences',
  'request.auth.presenter': 'presenters',
};

/** Every pair of a source and an operation, each with all of `when`: rules of mesh.yaml have one of each. */
export function translateConditions({ from = [], to = [], when = [] }: AuthorizationRuleSpec, namespace: string): Conditions[] {
  const sources = from.length === 0 ? [[]] : from.map(({ source = {} }) => conditionsOf(source, sourceFields, 'source'));
  const operations =
    to.length === 0 ? [[]] : to.map(({ operation = {} }) => conditionsOf(operation, operationFields, 'operation'));
  const shared = when.flatMap(({ key, values = [], notValues = [] }) => [
    ...whenCondition(key, values, false),
    ...whenCondition(key, notValues, true),
  ]);
  return sources.flatMap(source => operations.map(operation => join([...source, ...operation, ...shared], namespace)));
}

function conditionsOf(
  fields: FieldsSpec,
  known: Readonly<Record<string, AccessList | 'ports'>>,
  where: string,
): readonly Condition[] {
  return Object.entries(fields).flatMap(([written, values = []]) => {
    const not = /^not[A-Z]/.test(written);
    const positive = not ? `${written.charAt(3).toLowerCase()}${written.slice(4)}` : written;
    const field = known[positive] ?? null;
    return values.length === 0 ? [] : [{ field, name: field === null ? `${where}.${written}` : '', values, not }];
  });
}

function whenCondition(key: string, values: readonly string[], not: boolean): readonly Condition[] {
  if (values.length === 0) return [];
  const header = /^request\.headers\[([^:\]][^\]]*)\]$/.exec(key)?.[1];
  if (header !== undefined) return [{ field: 'headers', name: header.toLowerCase(), values, not }];
  const claim = /^request\.auth\.claims(\[.+\])$/.exec(key)?.[1];
  if (claim !== undefined) return [{ field: 'claims', name: claimName(claim), values, not }];
  const field = whenKeys[key] ?? null;
  return [{ field, name: field === null ? key : '', values, not }];
}

/** All conditions as the lists of one rule. */
function join(conditions: readonly Condition[], namespace: string): Conditions {
  const lists = new Map<string, { readonly condition: Condition; values: readonly string[] }>();
  const unsaid: string[] = [];
  let never = false;
  for (const condition of conditions) {
    if (condition.field === null) {
      unsaid.push(`there is no condition like ${condition.name}`);
      continue;
    }
    if (condition.field === 'methods' && condition.values.some(method => method.includes('*'))) {
      // Every request has a method.
      if (condition.not || !condition.values.includes('*')) unsaid.push('methods are compared whole');
      continue;
    }
    const values = condition.values.flatMap(value => inOurWords(condition.field, value, namespace) ?? []);
    if (values.length < condition.values.length) unsaid.push('paths are compared decoded, without query');
    if (values.length === 0) continue;
    const key = `${condition.field} ${condition.name} ${condition.not}`;
    const before = lists.get(key);
    if (before === undefined) lists.set(key, { condition, values });
    else if (condition.not) before.values = [...before.values, ...values];
    else {
      const both = inBoth(condition, before.values, values);
      if (both === null) unsaid.push(`two conditions on \`${condition.field}\` cannot be one`);
      else before.values = both;
      never ||= both?.length === 0;
    }
  }
  return { document: documentOf([...lists.values()]), never, unsaid };
}

/** Values of two lists that both must hold; `null`: that is no list. */
function inBoth({ field }: Condition, one: readonly string[], other: readonly string[]): readonly string[] | null {
  const exact = (list: readonly string[]): boolean => list.every(value => !/[*{]/.test(value));
  const single = field !== 'headers' && field !== 'claims' && field !== 'audiences' && !/ips$/i.test(field ?? '');
  return single && exact(one) && exact(other) ? one.filter(value => other.includes(value)) : null;
}

/** Istio writes principals without their scheme, accounts of the policy's namespace without namespace, paths as they are sent. `null`: it cannot be said. */
function inOurWords(field: Condition['field'], value: string, namespace: string): string | null {
  if (field === 'principals' && !value.startsWith('*')) return `spiffe://${value}`;
  if (field === 'accounts' && !value.includes('/')) return `${namespace}/${value}`;
  return field === 'paths' ? decoded(value) : value;
}

function decoded(path: string): string | null {
  if (/[?#]|%(2f|5c|25|00)/i.test(path)) return null;
  try {
    return decodeURIComponent(path);
  } catch {
    return null;
  }
}

function documentOf(lists: readonly { readonly condition: Condition; readonly values: readonly string[] }[]): AccessRuleDocument {
  const document: Record<string, unknown> = {};
  for (const { condition, values } of lists) {
    const { field, name, not } = condition;
    const key = not ? `not${(field ?? '').charAt(0).toUpperCase()}${(field ?? '').slice(1)}` : (field ?? '');
    if (field === 'headers' || field === 'claims') document[key] = { ...(document[key] as object | undefined), [name]: values };
    else document[key] = field === 'ports' ? values.map(Number) : values;
  }
  return document;
}
