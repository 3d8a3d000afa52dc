import type { JudgedCall, Judgement } from '../snapshot/judgement.ts';
import type { InboundListener } from '../snapshot/snapshot.ts';
import { HeadRequest } from './access/head-request.ts';
import { closed, judgeCall } from './access/judge-call.ts';
import { ExchangeFacts } from './exchange/exchange-facts.ts';
import type { Caller } from './filters/filter.ts';
import { pathFilter } from './filters/normalise-path.ts';
import { normalizationOf } from './filters/order.ts';
import { headOf } from './route/explain.ts';
import type { Tables } from './tables.ts';

/** Says what the running rules of an inbound port make of a call. Sends nothing, counts nothing, asks no authorizer. */
export function judge({ inbound }: Tables, call: JudgedCall): Judgement {
  const listener = inbound.get(call.port)?.listener;
  if (listener === undefined) return closed(`no service listens on port ${call.port}`);
  if (call.method === '' || listener.protocol === 'tcp') return judgeCall(listener, call, null);
  try {
    return judgeRequest(listener, call);
  } catch (error) {
    if (error instanceof TypeError) return closed(error.message);
    throw error;
  }
}

function judgeRequest(listener: InboundListener, call: JudgedCall): Judgement {
  const head = headOf(call);
  const { decision } = new ExchangeFacts();
  const caller: Caller = { principal: call.principal, address: '', scheme: 'http' };
  if ((pathFilter(normalizationOf(listener))?.(head, caller, decision) ?? null) !== null)
    return closed('its path can be read in two ways: it is answered with 400');
  return judgeCall(listener, call, new HeadRequest().of(head, caller, decision));
}
