/** Certificates of attackers: each is what its case says, and nothing else is wrong with it. */
import type { KeyObject } from 'node:crypto';
import { createTestCa, type LeafOptions, newKey, type TestCa } from '../../support/test-ca.ts';
import type { Credentials } from './attacker.ts';
import type { BypassCase } from './corpus.ts';

const minuteMs = 60_000;
/** A CA of somebody else, with the same name. */
const foreign = createTestCa(Date.now());

/** The certificate for the principal, as odd as the case asks. */
export function credentialsOf({ request }: BypassCase, ca: TestCa): Credentials {
  if (request.tls === 'plaintext') return null;
  const { principal, sans, cn, chain, notAfter } = request;
  const key = newKey();
  const id = sans === undefined ? principal : null;
  const options: LeafOptions = {
    names: (sans ?? []).map(san => {
      const [, kind, value = ''] = /^(URI|DNS):([\s\S]*)$/.exec(san) ?? [];
      return { type: kind === 'URI' ? 'url' : 'dns', value };
    }),
    ...(cn === undefined ? {} : { commonName: cn }),
    ...(notAfter === undefined ? {} : { notBeforeMs: Date.now() - 10 * minuteMs, expiresAtMs: Date.now() - minuteMs }),
    ...(request.basicConstraintsCA === true ? { isCa: true } : {}),
    ...(request.eku === undefined ? {} : { extendedKeyUsage: ['serverAuth'] as const }),
  };
  if (request.ca === 'self') return pair(key, ca.issue(key, id, { ...options, signer: { key, commonName: 'test root' } }));
  if (request.ca !== undefined) return pair(key, foreign.issue(key, id, options));
  if (chain === undefined) return pair(key, ca.issue(key, id, options));
  // Another workload's own certificate, used as if it were one of a CA.
  const other = newKey();
  const commonName = 'another workload';
  const between = ca.issue(other, 'spiffe://mesh.local/ns/default/sa/batch', { commonName });
  return pair(key, ca.issue(key, id, { ...options, signer: { key: other, commonName } }) + between);
}

function pair(key: KeyObject, cert: string): Credentials {
  return { key: key.export({ type: 'pkcs8', format: 'pem' }) as string, cert };
}
