import type { ForwardAction, RouteRule, WeightedCluster } from '../../snapshot/route-rule.ts';
import type { ClusterRuntime } from '../cluster/cluster-runtime.ts';
import { hashOf } from '../cluster/hash-key.ts';
import type { Decision } from '../exchange/exchange-role.ts';
import type { RuleParts } from '../route/rule-parts.ts';
import { drawnIndex, turnsIndex } from '../route/split.ts';
import { corsAnswerFields } from './cors.ts';
import type { RequestFilter } from './filter.ts';
import { answerEditor, type ComposedEdits, composeEdits, editRequest, hostOfEdits } from './header-edits.ts';

/** One of the places that a rule sends requests to. */
interface Destination {
  readonly cluster: ClusterRuntime | null;
  readonly request: ComposedEdits | null;
  readonly host: string | undefined;
  readonly editAnswer: Decision['editAnswer'];
  /** The same for an answer that gets CORS fields, which a rule's own must not stand beside. */
  readonly editCorsAnswer: Decision['editAnswer'];
}

/** Chooses where a request goes, once for all its tries, and makes the header edits that belong to the rule and to the chosen destination. */
export function destinationFilter(rule: RouteRule, action: ForwardAction, key: string, parts: RuleParts): RequestFilter {
  const { split } = action;
  const destinations = split.map(weighted => compileDestination(rule, action, weighted, parts));
  const choose = compileChoice(action, key, parts);
  const cookies = parts.draws(`cookie ${key}`);
  return (head, caller, decision) => {
    const destination = destinations[choose()];
    const cluster = destination?.cluster ?? null;
    if (destination === undefined || cluster === null) return 'no-cluster';
    decision.cluster = cluster;
    if (destination.request !== null) editRequest(destination.request, head, decision);
    if (destination.host !== undefined) head.setAuthority(destination.host);
    decision.editAnswer = decision.answerLines === '' ? destination.editAnswer : destination.editCorsAnswer;
    // Asked of the running cluster: its policy may be newer than this rule.
    const { hash } = cluster.cluster;
    if (hash !== undefined) decision.hash = hashOf(hash, head, caller, decision, cookies);
    return null;
  };
}

function compileChoice({ split, exact }: ForwardAction, key: string, parts: RuleParts): () => number {
  if (split.length < 2) return () => 0;
  if (exact === true) return turnsIndex(split, key, parts.kept);
  const pick = drawnIndex(split);
  const draw = parts.draws(`split ${key}`);
  return () => pick(draw);
}

/**
 * The same name edited by the rule and by the destination: one destination edits last and wins, of several the rule does. The authority is always the
 * rule's. @see Istio, pilot/pkg/networking/core/route/route.go
 */
function compileDestination(
  rule: RouteRule,
  { split, rewrite }: ForwardAction,
  weighted: WeightedCluster,
  parts: RuleParts,
): Destination {
  const inOrder = <T>(ofRule: T, ofDestination: T): readonly T[] =>
    split.length === 1 ? [ofRule, ofDestination] : [ofDestination, ofRule];
  const answer = inOrder(rule.responseHeaders, weighted.responseHeaders);
  const noCors = { remove: corsAnswerFields, set: [], add: [] };
  return {
    cluster: parts.cluster(weighted.cluster),
    request: composeEdits(inOrder(rule.requestHeaders, weighted.requestHeaders)),
    host: rewrite?.host ?? hostOfEdits(rule.requestHeaders) ?? hostOfEdits(weighted.requestHeaders),
    editAnswer: answerEditor(composeEdits(answer)),
    editCorsAnswer: rule.cors === undefined ? null : answerEditor(composeEdits([...answer, noCors])),
  };
}
