import type { JudgedCall, Judgement } from '../snapshot/judgement.ts';
import type { GatewayListener, InboundListener } from '../snapshot/snapshot.ts';
import { HeadRequest } from './access/head-request.ts';
import { closed, judgeCall } from './access/judge-call.ts';
import { ExchangeFacts } from './exchange/exchange-facts.ts';
import type { Caller } from './filters/filter.ts';
import { pathFilter } from './filters/normalise-path.ts';
import { normalizationOf } from './filters/order.ts';
import { headOf } from './route/explain.ts';
import { explainToken } from './token/explain-token.ts';

/** The part of a sidecar's tables that calls are judged by. */
interface JudgedTables {
  readonly inbound: ReadonlyMap<number, { readonly listener: InboundListener }>;
  readonly gateway: ReadonlyMap<number, { readonly listener: GatewayListener }>;
}

/** Says what the running rules of a port of the app, or of the gateway itself, make of a call. Sends nothing, counts nothing, asks no authorizer. `nowMs`: since epoch. */
export function judge({ inbound, gateway }: JudgedTables, call: JudgedCall, nowMs: number): Judgement {
  const edge = gateway.get(call.port)?.listener;
  if (edge?.tls?.clients?.mode === 'required' && call.principal === null)
    return closed('only clients with a certificate come in');
  const listener = edge === undefined ? inbound.get(call.port)?.listener : asInbound(edge);
  if (listener === undefined) return closed(`no service listens on port ${call.port}`);
  if (call.method === '' || listener.protocol === 'tcp') return judgeCall(listener, call, null);
  try {
    return judgeRequest(listener, call, nowMs);
  } catch (error) {
    if (error instanceof TypeError) return closed(error.message);
    throw error;
  }
}

/** Clients of a gateway are judged like callers that need no certificate. */
function asInbound({ port, name, protocol, access, pathNormalization, tokens = [] }: GatewayListener): InboundListener {
  return {
    port,
    protocol: protocol === 'http' ? 'http' : 'tcp',
    mtls: 'permissive',
    published: true,
    cluster: name,
    access: access ?? null,
    tokens,
    ...(pathNormalization === undefined ? {} : { pathNormalization }),
  };
}

function judgeRequest(listener: InboundListener, call: JudgedCall, nowMs: number): Judgement {
  const head = headOf(call);
  const { decision } = new ExchangeFacts();
  const caller: Caller = { principal: call.principal, address: '', scheme: 'http' };
  if ((pathFilter(normalizationOf(listener))?.(head, caller, decision) ?? null) !== null)
    return closed('its path can be read in two ways: it is answered with 400');
  const token = explainToken(listener.tokens ?? [], head, nowMs);
  if (typeof token === 'string') return closed(`its token is refused: ${token}`);
  decision.token = token;
  const judgement = judgeCall(listener, call, new HeadRequest().of(head, caller, decision));
  return token === null ? judgement : { ...judgement, reason: `${judgement.reason}; the token's signature is not checked here` };
}
