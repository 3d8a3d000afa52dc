import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ExchangeFacts } from '../../src/proxy/exchange/exchange-facts.ts';
import { isWait } from '../../src/proxy/filters/filter.ts';
import { inboundFilters } from '../../src/proxy/filters/order.ts';
import { RequestHead } from '../../src/proxy/http1/request-head.ts';
import type { AccessPolicy } from '../../src/snapshot/access-policy.ts';
import type { InboundListener } from '../../src/snapshot/snapshot.ts';
import { rule } from './access/rules.ts';
import { ruleParts } from './rule-harness.ts';

const noAdmin: AccessPolicy = {
  default: 'allow',
  rules: [rule('deny', { path: ['/admin*'] }, { name: 'no admin' })],
};

function listener(access: AccessPolicy | null): InboundListener {
  return { port: 80, protocol: 'http', mtls: 'strict', published: false, cluster: 'inbound|80||a', access };
}

/** Sends a request through the chain: why it was stopped (`null`: it passed) and the target that the app would get. */
function pass(access: AccessPolicy | null, target: string, method = 'GET'): readonly [string | null, string] {
  const bytes = Buffer.from(`${method} ${target} HTTP/1.1\r\nHost: a\r\n\r\n`, 'latin1');
  const head = new RequestHead();
  assert.equal(head.read(bytes, 0, bytes.length), bytes.length);
  for (const filter of inboundFilters(listener(access), ruleParts())) {
    const verdict = filter(head, { principal: null, address: '10.0.0.9', scheme: 'http' }, new ExchangeFacts().decision);
    if (verdict === null) continue;
    assert.ok(!isWait(verdict));
    return [typeof verdict === 'string' ? verdict : verdict.details, head.target];
  }
  return [null, head.target];
}

describe('filters of inbound requests', () => {
  test('without rules there is no filter and the app gets the path as it was sent', () => {
    assert.deepEqual(inboundFilters(listener(null), ruleParts()), []);
    assert.deepEqual(pass(null, '/a/%61//b?c=/../d'), [null, '/a/%61//b?c=/../d']);
  });

  test('the path is brought to its one form before it is judged, and the app gets that form', () => {
    assert.deepEqual(pass(noAdmin, '/%61dmin'), ['rbac_access_denied_matched_policy[no_admin]', '/admin']);
    assert.deepEqual(pass(noAdmin, '/x/..//admin/users?y=1'), [
      'rbac_access_denied_matched_policy[no_admin]',
      '/admin/users?y=1',
    ]);
    assert.deepEqual(pass(noAdmin, '/x/../%61?y=%61'), [null, '/a?y=%61']);
  });

  test('a path that servers read in different ways is refused before anybody judges it', () => {
    assert.deepEqual(pass(noAdmin, '/a%2fadmin'), ['bad-path', '/a%2fadmin']);
  });

  test('OPTIONS * has no path to judge; rules about everything hold for it too', () => {
    assert.deepEqual(pass(noAdmin, '*', 'OPTIONS'), [null, '*']);
    assert.deepEqual(pass({ default: 'deny', rules: [] }, '*', 'OPTIONS'), ['rbac_access_denied_matched_policy[none]', '*']);
  });
});
