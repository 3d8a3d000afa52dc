/** Route rules in words, the same for those of mesh.yaml and those that a sidecar runs. Text of others in them is as it came. */

interface Value {
  readonly kind: string;
  readonly value: string;
  readonly not?: true;
}

interface NamedValue extends Value {
  readonly name: string;
}

/** What a rule asks of a request. */
export interface RuleMatch {
  readonly path: Value | null;
  readonly methods: readonly string[];
  readonly headers: readonly NamedValue[];
  readonly query: readonly NamedValue[];
  readonly claims?: readonly (Value & { readonly claim: readonly string[] })[];
  readonly hosts?: readonly string[];
  readonly ports?: readonly number[];
  readonly from?: readonly string[];
}

/** What a rule does besides sending requests on. */
export interface RuleExtras {
  readonly timeoutMs: number | null;
  readonly idleTimeoutMs?: number;
  readonly retry: { readonly attempts: number } | null;
  readonly action: { readonly rewrite?: { readonly path?: { readonly value: string }; readonly host?: string } } | object;
  readonly requestHeaders?: object;
  readonly responseHeaders?: object;
  readonly cors?: object;
  /** `id`: of one that was put on the running mesh. */
  readonly faults?: readonly { readonly kind: string; readonly percent: number; readonly id?: string }[];
  readonly rateLimits?: readonly { readonly requests: number; readonly perMs: number }[];
}

/** What a rule asks of a request; `all` for nothing. */
export function ruleMatchText(matches: readonly RuleMatch[]): string {
  return matches.map(conditionsText).join(' or ') || 'all';
}

function conditionsText({ path, methods, headers, query, claims = [], hosts = [], ports = [], from = [] }: RuleMatch): string {
  const listed = (what: string, values: readonly (string | number)[]): readonly string[] =>
    values.length === 0 ? [] : [`${what}${values.join('|')}`];
  const all = [
    ...(path === null ? [] : [`path ${valueText(path)}`]),
    ...listed('', methods),
    ...headers.map(each => `header ${each.name} ${valueText(each)}`),
    ...query.map(each => `query ${each.name} ${valueText(each)}`),
    ...claims.map(each => `claim ${each.claim.join('.')} ${valueText(each)}`),
    ...listed('host ', hosts),
    ...listed('port ', ports),
    ...listed('from ', from),
  ];
  return all.join(' and ') || 'all';
}

function valueText({ kind, value, not }: Value): string {
  return `${not ? 'not ' : ''}${kind}${value === '' ? '' : ` ${value}`}`;
}

/** All that a rule does besides, in a few words; the empty string for nothing. `mirrors`: where copies go. */
export function ruleExtrasText(
  { timeoutMs, idleTimeoutMs, retry, action, cors, faults = [], rateLimits = [], ...edits }: RuleExtras,
  mirrors: readonly { readonly to: string; readonly percent: number }[],
): string {
  const rewrite = 'rewrite' in action ? action.rewrite : undefined;
  const parts = [
    timeoutMs === null ? '' : `timeout ${timeoutMs} ms`,
    idleTimeoutMs === undefined ? '' : `idle ${idleTimeoutMs} ms`,
    retry === null || retry.attempts === 0 ? '' : `retries ${retry.attempts}`,
    rewrite?.path === undefined ? '' : `path to ${rewrite.path.value}`,
    rewrite?.host === undefined ? '' : `host to ${rewrite.host}`,
    edits.requestHeaders === undefined && edits.responseHeaders === undefined ? '' : 'header edits',
    cors === undefined ? '' : 'CORS',
    ...mirrors.map(({ to, percent }) => `mirror ${percent} % ${to}`),
    ...faults.map(({ kind, percent, id }) => `${kind} ${percent} %${id === undefined ? '' : ' (live)'}`),
    ...rateLimits.map(({ requests, perMs }) => `limit ${requests} in ${perMs} ms`),
  ];
  return parts.filter(part => part !== '').join(', ');
}
