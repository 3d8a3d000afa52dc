import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashText } from '../../src/proxy/cluster/hash.ts';
import { hashOf } from '../../src/proxy/cluster/hash-key.ts';
import { ExchangeFacts } from '../../src/proxy/exchange/exchange-facts.ts';
import { RequestHead } from '../../src/proxy/http1/request-head.ts';
import type { HashPolicy } from '../../src/snapshot/cluster-policy.ts';

const caller = { principal: null, address: '10.0.0.9', scheme: 'http' } as const;

function ask(by: HashPolicy['by'], target: string, ...lines: readonly string[]) {
  const head = new RequestHead();
  const bytes = Buffer.from(`GET ${target} HTTP/1.1\r\nHost: shop\r\n${lines.map(line => `${line}\r\n`).join('')}\r\n`);
  assert.ok(head.read(bytes, 0, bytes.length) > 0);
  const { decision } = new ExchangeFacts();
  const hash = hashOf({ by, minRingSize: 1024 }, head, caller, decision, () => 0.5);
  return { hash, lines: decision.answerLines };
}

test('a header, all its fields together; none: nothing to tell by', () => {
  const by = { kind: 'header', name: 'x-user' } as const;
  assert.equal(ask(by, '/', 'X-User: ada').hash, hashText('ada'));
  assert.equal(ask(by, '/', 'X-User: ada', 'x-user: b').hash, hashText('ada,b'));
  assert.equal(ask(by, '/', 'X-User:').hash, hashText(''));
  assert.equal(ask(by, '/').hash, null);
  assert.equal(ask({ kind: 'header', name: 'host' }, '/').hash, hashText('shop'));
});

test('a query parameter, decoded', () => {
  const by = { kind: 'query', name: 'user' } as const;
  assert.equal(ask(by, '/?a=1&user=a%20b').hash, hashText('a b'));
  assert.equal(ask(by, '/?users=1').hash, null);
});

test('the address of the caller', () => {
  assert.equal(ask({ kind: 'source' }, '/').hash, hashText('10.0.0.9'));
});

test('a cookie of exactly that name, with or without quotes', () => {
  const by = { kind: 'cookie', name: 'seat', path: '/' } as const;
  for (const line of ['Cookie: seat=7', 'Cookie: a=b; seat="7"; c=d', 'Cookie: myseat=1; seat=7'])
    assert.deepEqual(ask(by, '/', line), { hash: hashText('7'), lines: '' }, line);
  for (const line of ['Cookie: myseat=7', 'Cookie: seat', 'Cookie: Seat=7']) assert.equal(ask(by, '/', line).hash, null, line);
  assert.deepEqual(ask(by, '/'), { hash: null, lines: '' });
});

test('a client without the cookie gets one for as long as the policy says, and is told by it at once', () => {
  const { hash, lines } = ask({ kind: 'cookie', name: 'seat', path: '/shop', ttlMs: 1500 }, '/');
  assert.equal(lines, 'set-cookie: seat="8000000080000000"; Max-Age=2; Path=/shop; HttpOnly\r\n');
  assert.equal(hash, hashText('8000000080000000'));
});
