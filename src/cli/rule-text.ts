import type { RunningConfig } from '../api/types.ts';
import { ruleExtrasText, ruleMatchText } from '../text/rule-text.ts';

/** A rule as a sidecar runs it. */
export type RunningRule = RunningConfig['routeTables'][number]['virtualHosts'][number]['rules'][number];

/** What a rule asks of a request; `all` for nothing. */
export function matchText({ matches }: RunningRule): string {
  return ruleMatchText(matches);
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
  const mirrors = (rule.mirrors ?? []).map(({ cluster, percent }) => ({ to: cluster, percent }));
  return ruleExtrasText(rule, mirrors) || '-';
}
