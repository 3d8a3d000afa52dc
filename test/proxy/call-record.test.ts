import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CallRecord, pathTemplate } from '../../src/proxy/call-record.ts';
import type { Downstream } from '../../src/proxy/data-plane.ts';
import { manualClock } from '../support/manual-clock.ts';

describe('record of calls', () => {
  test('begins with the first question and counts calls of one kind together', () => {
    const record = new CallRecord(manualClock());
    record.request('spiffe://a/ns/default/sa/web', 80, 'GET', '/', true);
    assert.equal(record.watched, false);
    assert.deepEqual(record.read(), { more: false, calls: [] });
    assert.equal(record.watched, true);
    record.request('spiffe://a/ns/default/sa/web', 80, 'GET', '/carts/17', true);
    record.request('spiffe://a/ns/default/sa/web', 80, 'GET', '/carts/18', true);
    record.request(null, 80, 'GET', '/carts/18', false);
    record.connection(null, 6379, true);
    assert.deepEqual(record.read().calls, [
      { principal: 'spiffe://a/ns/default/sa/web', port: 80, method: 'GET', path: '/carts/{*}', allowed: true, calls: 2 },
      { principal: null, port: 80, method: 'GET', path: '/carts/{*}', allowed: false, calls: 1 },
      { principal: null, port: 6379, method: '', path: '', allowed: true, calls: 1 },
    ]);
  });

  test('raw connections that are open already are there from the first question on, once', () => {
    const record = new CallRecord(manualClock());
    const open = { peer: { spiffeId: 'spiffe://a/ns/default/sa/web', certificateHash: '' }, localPort: 6379 } as Downstream;
    const noted = { principal: 'spiffe://a/ns/default/sa/web', port: 6379, method: '', path: '', allowed: true, calls: 1 };
    assert.deepEqual(record.read([open]).calls, [noted]);
    assert.deepEqual(record.read([open]).calls, [noted]);
  });

  test('ends when nobody asks any more, and begins empty', () => {
    const clock = manualClock();
    const record = new CallRecord(clock);
    record.read();
    record.connection(null, 1, true);
    clock.advance(20_000);
    assert.equal(record.read().calls.length, 1);
    clock.advance(29_999);
    assert.equal(record.watched, true);
    clock.advance(1);
    assert.equal(record.watched, false);
    assert.deepEqual(record.read().calls, []);
  });

  test('keeps so many kinds, and says that there were more', () => {
    const record = new CallRecord(manualClock());
    record.read();
    for (let i = 0; i < 6_000; i++) record.request(null, 80, 'GET', `/word${'abcdefghij'[i % 10]}/${i.toString(36)}x`, true);
    const { more, calls } = record.read();
    assert.equal(more, true);
    assert.equal(calls.length, 5_000);
  });

  test('calls that nobody would write a rule for are only told to be there', () => {
    const record = new CallRecord(manualClock());
    record.request(null, 80, 'GET', `/${'a/'.repeat(5_000)}`, true);
    assert.equal(record.read().more, false);
    record.request(null, 80, 'GET', `/${'a/'.repeat(5_000)}`, true);
    record.request(null, 80, 'A'.repeat(1_000), '/', true);
    assert.deepEqual(record.read(), { more: true, calls: [] });
  });

  for (const [path, template] of [
    ['/', '/'],
    ['/productpage', '/productpage'],
    ['/api/v1/products/0/reviews', '/api/v1/products/{*}/reviews'],
    ['/o/7f1c2b34-1111-2222-3333-444455556666', '/o/{*}'],
    ['/c/deadbeef01', '/c/{*}'],
    ['/o/deadbeef-cafe-babe-dead-beefcafebabe', '/o/{*}'],
    [`/${'word'.repeat(10)}/x`, `/${'word'.repeat(10)}/x`],
    [`/${'word'.repeat(10)}s/x`, '/{*}/x'],
    ['/facade/decade', '/facade/decade'],
    ['/proto.Service/GetThing', '/proto.Service/GetThing'],
    ['/static/a*b/{x}', '/static/{*}/{*}'],
    ['/a//b/', '/a//b/'],
  ] as const)
    test(`${path} is ${template}`, () => assert.equal(pathTemplate(path), template));

  test('paths beyond ASCII are text again', () => {
    const record = new CallRecord(manualClock());
    record.read();
    record.request(null, 80, 'GET', Buffer.from('/café').toString('latin1'), true);
    assert.equal(record.read().calls[0]?.path, '/café');
  });
});
