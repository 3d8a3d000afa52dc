/** What access rules can ask, and who can tell. */
import { accountOf } from '../identity/spiffe-id.ts';
import type { AccessFact } from '../snapshot/access-policy.ts';

/** Facts that every byte of a connection shares: conditions on them are judged once for it. */
const connectionFacts: ReadonlySet<AccessFact> = new Set<AccessFact>([
  'principal',
  'namespace',
  'account',
  'trust-domain',
  'ip',
  'destination-ip',
  'port',
  'server-name',
]);

/** Whether the connection alone tells the fact. `remote-ip` does where nobody stands between the client and the listener (`direct`). */
export function isOfConnection(fact: AccessFact, direct: boolean): boolean {
  return connectionFacts.has(fact) || (fact === 'remote-ip' && direct);
}

/** What an identity tells; empty where there is none, or another one than services have. */
export interface IdentityFacts {
  readonly principal: string;
  readonly 'trust-domain': string;
  readonly namespace: string;
  /** `<namespace>/<account>` */
  readonly account: string;
}

/** Takes an identity apart. `null`: there is none. */
export function identityFacts(spiffeId: string | null): IdentityFacts {
  const principal = spiffeId ?? '';
  const { namespace = '', account = '' } = accountOf(principal) ?? {};
  return {
    principal,
    'trust-domain': /^spiffe:\/\/([^/]+)/.exec(principal)?.[1] ?? '',
    namespace,
    account: account === '' ? '' : `${namespace}/${account}`,
  };
}

/** Whether an identity tells the fact. */
export function isOfIdentity(fact: AccessFact): fact is keyof IdentityFacts {
  return fact === 'principal' || fact === 'trust-domain' || fact === 'namespace' || fact === 'account';
}
