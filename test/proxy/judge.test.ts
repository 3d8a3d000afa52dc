import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { judge } from '../../src/proxy/judge.ts';
import type { Judgement } from '../../src/snapshot/judgement.ts';
import type { GatewayListener, InboundListener } from '../../src/snapshot/snapshot.ts';
import { mintToken, tokenKey } from '../support/token-issuer.ts';
import { issuerOf } from '../support/token-judge.ts';

const key = await tokenKey();

const shop: InboundListener = {
  port: 80,
  protocol: 'http',
  mtls: 'strict',
  published: false,
  cluster: 'inbound|80||shop',
  tokens: [issuerOf([key], { claimHeaders: [{ header: 'x-user', claim: ['sub'] }] })],
  access: {
    default: 'deny',
    rules: [
      { name: 'by token', action: 'allow', conditions: [{ on: 'token-principal', values: ['*'] }] },
      { name: 'not bob', action: 'deny', conditions: [{ on: 'header', name: ['x-user'], values: ['bob'] }] },
    ],
  },
};

/** What the rules make of a request with these header lines. */
function judged(...headers: readonly (readonly [string, string])[]): Judgement {
  const call = {
    principal: 'spiffe://shop.local/ns/default/sa/web',
    port: 80,
    method: 'GET',
    authority: 'shop',
    path: '/',
    headers,
  };
  return judge({ inbound: new Map([[80, { listener: shop }]]), gateway: new Map() }, call, Date.now());
}

async function bearer(claims: object): Promise<readonly [string, string]> {
  return ['authorization', `Bearer ${await mintToken(key, { iss: 'https://auth.test', sub: 'alice', ...claims })}`];
}

describe('a call that nobody makes', () => {
  test('is judged with what its token says', async () => {
    const { verdict, reason } = judged(await bearer({}));
    assert.equal(verdict, 'allowed');
    assert.equal(reason, 'rule "by token" allows it; the token\'s signature is not checked here');
    assert.equal(judged(await bearer({ sub: 'bob' })).rule, 'not bob');
  });
  test('and without one, whatever it claims', () => {
    assert.deepEqual([judged().verdict, judged().reason], ['denied', 'no rule allows it']);
    assert.equal(judged(['x-user', 'bob']).rule, null);
  });
  test('a bad token is the end of it', async () => {
    const { verdict, reason, rules } = judged(await bearer({ exp: 1 }));
    assert.deepEqual([verdict, reason, rules], ['denied', 'its token is refused: Jwt is expired', []]);
  });
});

test('a client of a gateway is judged by the gateway, and let in only with a certificate where one is asked for', () => {
  const staff: GatewayListener = {
    name: 'staff',
    port: 8443,
    protocol: 'http',
    routeTable: 'staff:8443',
    tcp: [],
    tls: { certificates: ['staff'], minVersion: '1.2', clients: { caPem: '', mode: 'required' } },
    access: {
      default: 'allow',
      rules: [{ name: 'persons', action: 'allow', conditions: [{ on: 'principal', values: ['*alice'] }] }],
    },
  };
  const of = (principal: string | null): readonly [string, string] => {
    const call = { principal, port: 8443, method: 'GET', authority: 'shop', path: '/', headers: [] };
    const { verdict, reason } = judge({ inbound: new Map(), gateway: new Map([[8443, { listener: staff }]]) }, call, Date.now());
    return [verdict, reason];
  };
  assert.deepEqual(of('spiffe://shop.local/person/alice'), ['allowed', 'rule "persons" allows it']);
  assert.deepEqual(of('spiffe://shop.local/person/bob'), ['denied', 'no rule allows it']);
  assert.deepEqual(of(null), ['denied', 'only clients with a certificate come in']);
});
