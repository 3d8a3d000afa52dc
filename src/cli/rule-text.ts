import type { RunningConfig } from '../api/types.ts';

/** A rule as a sidecar runs it. */
export type RunningRule = RunningConfig['routeTables'][number]['virtualHosts'][number]['rules'][number];

type Match = RunningRule['matches'][number];

/** What a rule asks of a request; `all` for nothing. */
export function matchText({ matches }: RunningRule): string {
  return matches.map(conditionsText).join(' or ') || 'all';
}

function conditionsText({ path, methods, headers, query, hosts = [], claims = [] }: Match): string {
  const all = [
    ...(path === null ? [] : [`path ${path.kind} ${path.value}`]),
    ...(methods.length === 0 ? [] : [methods.join('|')]),
    ...headers.map(each => `header ${each.name} ${valueText(each)}`),
    ...query.map(each => `query ${each.name} ${valueText(each)}`),
    ...claims.map(each => `claim ${each.claim.join('.')} ${valueText(each)}`),
    ...(hosts.length === 0 ? [] : [`host ${hosts.join('|')}`]),
  ];
  return all.join(' and ') || 'all';
}

function valueText({ kind, value, not }: Pick<Match['headers'][number], 'kind' | 'value' | 'not'>): string {
  return `${not ? 'not ' : ''}${kind}${value === '' ? '' : ` ${value}`}`;
}

/** Where a rule sends requests, or what it answers. */
export function actionText({ action }: RunningRule): string {
  switch (action.kind) {
    case 'forward':
      return weights(action.split) + (action.exact ? ' in turns' : '');
    case 'redirect':
      return `redirect ${action.status}`;
    case 'respond':
      return `respond ${action.status}`;
  }
}

/** Destinations with their weights. */
export function weights(split: readonly { readonly cluster: string; readonly weight: number }[]): string {
  if (split.length === 1) return split[0]?.cluster ?? '-';
  return split.map(({ cluster, weight }) => `${weight} ${cluster}`).join(', ') || '-';
}

/** All that a rule does besides, in a few words; `-` for nothing. */
export function extrasText(rule: RunningRule): string {
  const { timeoutMs, idleTimeoutMs, retry, action, cors, mirrors = [], faults = [], rateLimits = [] } = rule;
  const rewrite = action.kind === 'forward' ? action.rewrite : undefined;
  const edits = rule.requestHeaders !== undefined || rule.responseHeaders !== undefined;
  const parts = [
    timeoutMs === null ? '' : `timeout ${timeoutMs} ms`,
    idleTimeoutMs === undefined ? '' : `idle ${idleTimeoutMs} ms`,
    retry === null || retry.attempts === 0 ? '' : `retries ${retry.attempts}`,
    rewrite?.path === undefined ? '' : `path to ${rewrite.path.value}`,
    rewrite?.host === undefined ? '' : `host to ${rewrite.host}`,
    edits ? 'header edits' : '',
    cors === undefined ? '' : 'CORS',
    ...mirrors.map(({ cluster, percent }) => `mirror ${percent} % ${cluster}`),
    ...faults.map(({ kind, percent, id }) => `${kind} ${percent} %${id === undefined ? '' : ' (live)'}`),
    ...rateLimits.map(({ requests, perMs }) => `limit ${requests} in ${perMs} ms`),
  ];
  return parts.filter(part => part !== '').join(', ') || '-';
}
