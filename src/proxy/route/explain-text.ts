import { faultText } from '../../snapshot/fault-text.ts';
import type { RetryPolicy } from '../../snapshot/route-rule.ts';
import type { ActionExplanation, MatchExplanation, OutcomeExplanation, RouteExplanation, RuleExplanation } from './explain.ts';

/** An explanation as lines for people. */
export function explainText({ table, virtualHost, rules, outcome }: RouteExplanation): readonly string[] {
  if (virtualHost === null) return [`no virtual host of ${table} takes this authority: 404, NR`];
  return [...rulesLines(rules), ...(outcome === null ? ['no rule takes the request: 404, NR'] : outcomeLines(outcome))];
}

const signs = { taken: '✔', shadowed: '·', 'no match': '✖' } as const;

/** All rules down to the one that is taken; of those below it the ones that would match, the others as a number. */
function rulesLines(rules: readonly RuleExplanation[]): readonly string[] {
  const end = rules.findIndex(({ verdict }) => verdict === 'taken') + 1 || rules.length;
  const below = rules.slice(end);
  const others = below.filter(({ verdict }) => verdict === 'no match').length;
  const shown = [...rules.slice(0, end), ...below.filter(({ verdict }) => verdict !== 'no match')];
  return [...shown.flatMap(ruleLines), ...(others === 0 ? [] : [`✖ ${others} more below`])];
}

function ruleLines({ name, verdict, matches }: RuleExplanation): readonly string[] {
  const why =
    verdict === 'shadowed'
      ? ' would match, but a rule before it does'
      : verdict === 'taken' && matches.length === 0
        ? ' takes every request'
        : '';
  const line = `${signs[verdict]} ${name}${why}`;
  const [first, ...others] = verdict === 'no match' ? matches.map(failedText) : [];
  if (first === undefined) return [line];
  return others.length === 0 ? [`${line}: ${first}`] : [line, ...[first, ...others].map(each => `    ${each}`)];
}

function failedText({ failed }: MatchExplanation): string {
  if (failed === null) return '';
  const found = failed.found === null ? 'is missing' : `is ${JSON.stringify(failed.found)}`;
  return `${failed.part} has to be ${failed.wanted}, ${found}`;
}

function outcomeLines(outcome: OutcomeExplanation): readonly string[] {
  const { action, timeoutMs, idleTimeoutMs, retry, faults, rateLimits, mirrors, cors } = outcome;
  return [
    ...actionLines(action),
    ...(timeoutMs === null ? [] : [`  timeout ${timeoutMs} ms`]),
    ...(idleTimeoutMs === null ? [] : [`  idle timeout ${idleTimeoutMs} ms`]),
    ...(retry === null ? [] : [`  ${retryText(retry)}`]),
    ...faults.map(fault => `  fault: ${faultText(fault)}${fault.id === undefined ? '' : ` (live: ${fault.id})`}`),
    ...rateLimits.map(({ name, requests, perMs, burst }) => `  rate limit ${name}: ${requests} per ${perMs} ms, burst ${burst}`),
    ...mirrors.map(({ cluster, percent }) => `  mirror: ${percent}% to ${cluster}`),
    ...(cors ? ['  CORS policy'] : []),
  ];
}

function actionLines(action: ActionExplanation): readonly string[] {
  switch (action.kind) {
    case 'redirect':
      return [`→ ${action.status} to ${action.location}`];
    case 'respond':
      return [`→ ${action.status} ${JSON.stringify(action.body)}`];
    case 'forward':
      return [
        ...action.destinations.map(({ cluster, odds }) => `→ ${percent(odds)} ${cluster}${action.exact ? ', in turns' : ''}`),
        `  as ${action.path}${action.authority === null ? '' : ` for ${action.authority}`}`,
      ];
  }
}

function retryText({ attempts, on, perTryTimeoutMs, methods }: RetryPolicy): string {
  const perTry = perTryTimeoutMs === null ? '' : `, ${perTryTimeoutMs} ms each`;
  return `retries: up to ${attempts} on ${on.join(', ')}${methods.length === 0 ? '' : ` for ${methods.join(', ')}`}${perTry}`;
}

function percent(odds: number): string {
  return `${Number((odds * 100).toFixed(2))}%`;
}
