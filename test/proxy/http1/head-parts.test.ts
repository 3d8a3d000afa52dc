/** Heads that are kept, read again, and told from. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bit, field, knownField } from '../../../src/proxy/http1/known-field.ts';
import { RequestHead } from '../../../src/proxy/http1/request-head.ts';
import { requestHead } from '../rule-harness.ts';

describe('a head that was kept', () => {
  test('is read again as it came, whatever was done to it', () => {
    const head = requestHead('POST /a/../b?c=1', [
      'x-user: a',
      'X_User: b',
      'Connection: close, x-hop',
      'x-hop: 1',
      'Content-Length: 5',
    ]);
    const before = head.forward(0, '');
    const kept = head.keep();
    head.set('x-user', 'c');
    head.drop('content-length');
    head.setPath('/other');
    head.setAuthority('elsewhere');
    assert.notEqual(head.forward(0, ''), before);
    const again = new RequestHead();
    again.restore(kept);
    assert.equal(again.forward(0, ''), before);
    assert.deepEqual(
      [again.method, again.target, again.authority, again.body, again.keepAlive, again.named('x-user')],
      ['POST', '/a/../b?c=1', 'a', 5, false, 'a'],
    );
  });

  test('keeps what HTTP/2 told of its body, and what HTTP/1.0 is', () => {
    const head = requestHead('POST /');
    head.body = -1 as typeof head.body;
    const again = new RequestHead();
    again.restore(head.keep());
    assert.equal(again.body, head.body);
  });
});

describe('lines chosen by name', () => {
  const head = requestHead('GET /', [
    'X-A: 1',
    'x-a:   2  ',
    'Cookie: c',
    'Connection: x-hop',
    'x-hop: 1',
    'X_Request_Id: forged',
    'Transfer-Encoding: chunked',
  ]);
  head.set('x-set', 'here');
  const select = (wanted: (name: string) => boolean, cut = 0): string => head.select(cut, wanted);
  test('are as they were sent, each of them', () =>
    assert.equal(
      select(name => name === 'x-a'),
      'X-A: 1\r\nx-a:   2  \r\n',
    ));
  test('are without those of this hop and those that only look like known ones', () =>
    assert.equal(
      select(name => name !== 'host' && name !== 'x-a'),
      'Cookie: c\r\nx-set: here\r\n',
    ));
  test('are without those that are cut', () =>
    assert.equal(
      select(name => name === 'cookie', bit(field.cookie)),
      '',
    ));
});

describe('names', () => {
  const idOf = (name: string): number => knownField(Buffer.from(name), 0, name.length);
  for (const name of ['x-envoy-internal', 'X-Envoy-Anything', 'x_envoy_internal', 'X.Envoy-a', `x-envoy-${'a'.repeat(60)}`])
    test(`${name} is Envoy's`, () => assert.equal(idOf(name), field.envoy));
  for (const name of ['x-envoyage', 'x-envoy-', 'y-envoy-internal', 'xenvoy-internal', 'x-env'])
    test(`${name} is anybody's`, () => assert.equal(idOf(name), field.other));
  test('those that the sidecar understands stay themselves', () =>
    assert.deepEqual(['x-envoy-attempt-count', 'X-Envoy-Original-Path'].map(idOf), [field.attemptCount, field.originalPath]));
});
