import type { Log } from '../../telemetry/log.ts';
import type { Downstream, TcpUpstream } from '../data-plane.ts';
import { type AccessJudge, ruleName } from './access-judge.ts';
import type { AccessCaller } from './access-request.ts';

/** The rules of an inbound port at this moment; `null`: it has none. */
export type FindJudge = (port: number) => AccessJudge | null;

/** Who is at the other end of a connection. */
export function callerOf({ peer, remoteAddress, localAddress, serverName = '' }: Downstream): AccessCaller {
  return { principal: peer?.spiffeId ?? null, address: remoteAddress, destination: localAddress, serverName };
}

interface Admitted {
  readonly caller: AccessCaller;
  /** Who judged it last. */
  access: AccessJudge | null;
}

/** Raw connections that access rules have let in, for as long as they are open: rules that change are for them too. */
export class AdmittedConnections {
  readonly #open = new Map<Downstream, Admitted>();
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Those that are open now. */
  get open(): Iterable<Downstream> {
    return this.#open.keys();
  }

  /** Judges a connection: `null` where it is refused, else what `dial` makes, watched until it is closed. */
  admit(downstream: Downstream, access: AccessJudge | null, dial: () => TcpUpstream): TcpUpstream | null {
    const caller = callerOf(downstream);
    if (!this.#judge(downstream, caller, access, true)) return null;
    const upstream = dial();
    this.#open.set(downstream, { caller, access });
    return {
      name: upstream.name,
      open: (onConnected, onFailed) => upstream.open(onConnected, onFailed),
      closed: (received, sent) => {
        this.#open.delete(downstream);
        upstream.closed(received, sent);
      },
    };
  }

  /** Resets those whom the rules of this moment refuse. */
  judgeAnew(find: FindJudge): void {
    for (const [downstream, admitted] of this.#open) {
      const access = find(downstream.localPort);
      if (access === admitted.access) continue;
      admitted.access = access;
      if (!this.#judge(downstream, admitted.caller, access, false)) downstream.stream.reset();
    }
  }

  /** `counts`: the connection is new; one that stays open is counted once. */
  #judge({ localPort }: Downstream, caller: AccessCaller, access: AccessJudge | null, counts: boolean): boolean {
    if (access === null) return true;
    const rules = access.of(caller);
    const verdict = rules.connection();
    if (counts || !verdict.allowed) verdict.counter.count++;
    if (counts) for (const shadow of rules.connectionShadows()) shadow.counter.count++;
    if (verdict.allowed) return true;
    const peer = caller.principal ?? 'plaintext';
    this.#log.info('refused a connection', { reason: 'rbac_access_denied', rule: ruleName(verdict), port: localPort, peer });
    return false;
  }
}
