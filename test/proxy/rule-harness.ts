/** Rules compiled and asked as a sidecar does it, without sockets: heads are real bytes. */
import assert from 'node:assert/strict';
import type { Clock } from '../../src/async/clock.ts';
import { systemClock } from '../../src/async/clock.ts';
import { createRandom } from '../../src/async/random.ts';
import type { ClusterRuntime } from '../../src/proxy/cluster/cluster-runtime.ts';
import { ExchangeFacts } from '../../src/proxy/exchange/exchange-facts.ts';
import type { Decision } from '../../src/proxy/exchange/exchange-role.ts';
import { type LocalReply, localReplies } from '../../src/proxy/exchange/failure.ts';
import { type Caller, isWait, type Verdict } from '../../src/proxy/filters/filter.ts';
import { RequestHead } from '../../src/proxy/http1/request-head.ts';
import { ResponseHead } from '../../src/proxy/http1/response-head.ts';
import { pathOf } from '../../src/proxy/route/path.ts';
import { RouteTableRuntime } from '../../src/proxy/route/route-table.ts';
import { RuleParts } from '../../src/proxy/route/rule-parts.ts';
import type { RouteMatch, RouteRule } from '../../src/snapshot/route-rule.ts';
import { createLog } from '../../src/telemetry/log.ts';

export const caller: Caller = { principal: null, address: '10.0.0.9', scheme: 'http' };

/** Names that begin with `no-` have no cluster. Of a cluster, rules ask for its name and its hash policy only. */
const clusters = new Map<string, ClusterRuntime>();
function cluster(name: string): ClusterRuntime | null {
  if (name.startsWith('no-')) return null;
  const known = clusters.get(name) ?? ({ name, cluster: {} } as ClusterRuntime);
  clusters.set(name, known);
  return known;
}

export function ruleParts(
  options: { readonly clock?: Clock; readonly seed?: number; readonly before?: RuleParts; readonly workload?: string } = {},
): RuleParts {
  const { clock = systemClock, seed, before, workload = 'a-1' } = options;
  const snapshot = seed === undefined ? { workload } : { workload, seed };
  return new RuleParts(snapshot, cluster, { clock, random: createRandom(11), log: createLog('proxy', () => {}) }, before ?? null);
}

export function requestHead(line: string, headers: readonly string[] = []): RequestHead {
  const host = headers.some(header => /^host:/i.test(header)) ? [] : ['Host: a'];
  const bytes = Buffer.from(`${[`${line} HTTP/1.1`, ...host, ...headers].join('\r\n')}\r\n\r\n`, 'latin1');
  const head = new RequestHead();
  assert.equal(head.read(bytes, 0, bytes.length), bytes.length, line);
  return head;
}

export function responseHead(status: number, headers: readonly string[] = []): ResponseHead {
  const bytes = Buffer.from(`${[`HTTP/1.1 ${status} X`, ...headers, 'Content-Length: 0'].join('\r\n')}\r\n\r\n`, 'latin1');
  const head = new ResponseHead();
  assert.equal(head.read(bytes, 0, bytes.length), bytes.length);
  return head;
}

export function match(more: Partial<RouteMatch> = {}): RouteMatch {
  return { path: null, methods: [], headers: [], query: [], ...more };
}

export function rule(more: Partial<RouteRule> = {}): RouteRule {
  const split = [{ cluster: 'a', weight: 1 }];
  return { name: 'r', matches: [], action: { kind: 'forward', split }, timeoutMs: null, retry: null, ...more };
}

export function table(rules: readonly RouteRule[], parts: RuleParts = ruleParts(), domains = ['*']): RouteTableRuntime {
  return new RouteTableRuntime({ name: 't', virtualHosts: [{ name: 'h', domains, rules }] }, parts);
}

/** What became of a request: the answer or failure that ended it, what is decided, and the lines that the server would get. */
export interface Outcome {
  readonly reply: LocalReply | null;
  readonly decision: Decision;
  readonly cluster: string;
  readonly sent: readonly string[];
}

/** A request's way through the rules, as `RoutingRole` does it. */
export function send(rules: RouteTableRuntime, line: string, headers: readonly string[] = [], who: Caller = caller): Outcome {
  const head = requestHead(line, headers);
  const { decision } = new ExchangeFacts();
  const end = decide(rules, head, decision, who);
  assert.ok(!isWait(end));
  const reply = typeof end === 'string' ? localReplies[end] : end;
  const sent = reply === null ? head.forward(0, decision.lines).split('\r\n').slice(0, -1) : [];
  return { reply, decision, cluster: decision.cluster?.name ?? '', sent };
}

function decide(rules: RouteTableRuntime, head: RequestHead, decision: Decision, who: Caller): Verdict {
  const found = rules.find(head, pathOf(head.target));
  if (found === null) return 'no-route';
  decision.matched = found.matched;
  decision.route = found.route;
  for (const filter of found.route.filters) {
    const end = filter(head, who, decision);
    if (end !== null) return end;
  }
  return null;
}

/** The lines of an answer after the decision's changes, sorted. */
export function answered(decision: Decision, status: number, headers: readonly string[] = []): readonly string[] {
  const head = responseHead(status, headers);
  const lines = (decision.editAnswer?.(head) ?? '') + decision.answerLines;
  return head
    .forward(0, lines)
    .split('\r\n')
    .slice(1, -1)
    .filter(line => !/^content-length/i.test(line))
    .sort();
}
