import type { Fault } from '../../snapshot/route-rule.ts';
import type { Decision } from '../exchange/exchange-role.ts';
import type { LocalReply } from '../exchange/failure.ts';
import { reasonPhrase } from '../exchange/reason-phrase.ts';
import type { RuleParts } from '../route/rule-parts.ts';
import type { RequestFilter } from './filter.ts';

/** Does what a fault does. Returns what ends the request, `null` when it goes on. */
type Act = (decision: Decision) => LocalReply | null;

/** Makes failures on purpose: each fault draws for itself, delays add up, the first that ends the request does. @see Envoy, fault filter */
export function faultFilter(faults: readonly Fault[], key: string, parts: RuleParts): RequestFilter {
  const compiled = faults.map((fault, i) => {
    // One that was put there live stays itself when its place in the list changes.
    const own = fault.id === undefined ? `${key} ${i}` : `live ${key} ${fault.id}`;
    return { hits: compileHits(fault, own, parts), act: compileAct(fault, own, parts) };
  });
  return (_head, _caller, decision) => {
    for (const { hits, act } of compiled) {
      if (!hits()) continue;
      const reply = act(decision);
      if (reply !== null) return reply;
    }
    return null;
  };
}

/** Whether a fault hits the request at hand, with its percentage and its count. */
export function compileHits(fault: Fault, key: string, parts: RuleParts): () => boolean {
  const { percent, first } = fault;
  const draw = parts.draws(`fault ${key}`);
  const drawn = percent >= 100 ? () => true : () => draw() * 100 < percent;
  if (first === undefined) return drawn;
  const count = parts.kept.keep(`fault ${key} ${JSON.stringify(fault)}`, () => ({ hits: 0 }));
  return () => {
    if (count.hits >= first || !drawn()) return false;
    count.hits++;
    return true;
  };
}

function compileAct(fault: Fault, key: string, parts: RuleParts): Act {
  switch (fault.kind) {
    case 'delay': {
      const { ms, jitterMs } = fault;
      const draw = parts.draws(`jitter ${key}`);
      return decision => {
        decision.delayMs += jitterMs === 0 ? ms : ms + draw() * jitterMs;
        return null;
      };
    }
    case 'abort': {
      const reply = faultReply(fault.status, 'fault filter abort', 'fault_filter_abort', fault.grpcStatus);
      return () => reply;
    }
    case 'reset':
    case 'blackhole': {
      const reply = faultReply(0, '', `fault_filter_${fault.kind}`);
      return decision => {
        decision.cut = fault.kind;
        return reply;
      };
    }
    case 'bandwidth': {
      const { bytesPerSecond } = fault;
      return decision => {
        decision.bandwidth = decision.bandwidth === 0 ? bytesPerSecond : Math.min(decision.bandwidth, bytesPerSecond);
        return null;
      };
    }
  }
}

function faultReply(status: number, body: string, details: string, grpcStatus?: number): LocalReply {
  const grpc = grpcStatus === undefined ? {} : { grpcStatus };
  return { status, reason: reasonPhrase(status), body, flag: 'FI', details, close: false, ...grpc };
}
