import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { CorsPolicy } from '../../src/snapshot/route-rule.ts';
import { answered, rule, send, table } from './rule-harness.ts';

const policy: CorsPolicy = {
  allowOrigins: [
    { kind: 'exact', value: 'https://a.test' },
    { kind: 'prefix', value: 'http://localhost:' },
    { kind: 'regex', value: 'https://[a-z]+\\.b\\.test' },
  ],
  allowMethods: ['GET', 'POST'],
  allowHeaders: ['x-one', 'x-two'],
  exposeHeaders: ['x-trace'],
  maxAgeSeconds: 86_400,
  allowCredentials: true,
  unmatchedPreflights: 'forward',
};
const rules = (more: Partial<CorsPolicy> = {}) => table([rule({ cors: { ...policy, ...more } })]);
const asked = (origin: string): readonly string[] => [`Origin: ${origin}`, 'Access-Control-Request-Method: POST'];

describe('preflights', () => {
  test('of an origin that may call are answered here with 200', () => {
    const { reply, cluster } = send(rules(), 'OPTIONS /', asked('https://a.test'));
    assert.equal(cluster, '');
    assert.deepEqual([reply?.status, reply?.body, reply?.flag], [200, '', '-']);
    assert.deepEqual(reply?.lines?.split('\r\n').sort(), [
      '',
      'access-control-allow-credentials: true',
      'access-control-allow-headers: x-one,x-two',
      'access-control-allow-methods: GET,POST',
      'access-control-allow-origin: https://a.test',
      'access-control-expose-headers: x-trace',
      'access-control-max-age: 86400',
      'vary: Origin',
    ]);
  });

  for (const [origin, allowed] of [
    ['http://localhost:3000', true],
    ['https://shop.b.test', true],
    ['https://shop.b.test.evil', false],
    ['https://A.test', false],
    ['null', false],
  ] as const)
    test(`${origin} ${allowed ? 'may' : 'may not'} call`, () =>
      assert.equal(send(rules(), 'OPTIONS /', asked(origin)).reply !== null, allowed));

  test('of other origins go to the service, or are answered without a word of CORS', () => {
    assert.equal(send(rules(), 'OPTIONS /', asked('https://other.test')).cluster, 'a');
    const { reply } = send(rules({ unmatchedPreflights: 'ignore' }), 'OPTIONS /', asked('https://other.test'));
    assert.deepEqual([reply?.status, reply?.lines], [200, '']);
  });

  test('an OPTIONS that asks for nothing is a request like any other', () => {
    assert.equal(send(rules(), 'OPTIONS /', ['Origin: https://a.test']).cluster, 'a');
    assert.equal(send(rules(), 'OPTIONS /', ['Access-Control-Request-Method: POST']).cluster, 'a');
  });

  test('`*` stands for what was asked for, and for every origin', () => {
    const any = { allowOrigins: [{ kind: 'exact', value: '*' }], allowMethods: ['*'], allowHeaders: ['*'] } as const;
    const { reply } = send(rules(any), 'OPTIONS /', [...asked('https://x.test'), 'Access-Control-Request-Headers: x-a, x-b']);
    assert.match(reply?.lines ?? '', /allow-methods: POST\r\naccess-control-allow-headers: x-a, x-b\r\n/);
    assert.match(reply?.lines ?? '', /allow-origin: https:\/\/x\.test\r\n/);
  });
});

describe('answers', () => {
  test('to an origin that may call say so, in place of what the service says', () => {
    const { decision } = send(rules(), 'GET /', ['Origin: https://a.test']);
    assert.deepEqual(answered(decision, 200, ['Access-Control-Allow-Origin: *', 'Vary: Accept']), [
      'Vary: Accept',
      'access-control-allow-credentials: true',
      'access-control-allow-origin: https://a.test',
      'access-control-expose-headers: x-trace',
      'vary: Origin',
    ]);
  });

  test("also in place of the rule's own header edits, which otherwise stay", () => {
    const responseHeaders = {
      remove: [],
      set: [
        { name: 'access-control-allow-origin', value: '*' },
        { name: 'x-a', value: '1' },
      ],
      add: [],
    };
    const both = table([rule({ cors: { ...policy, allowCredentials: false, exposeHeaders: [] }, responseHeaders })]);
    assert.deepEqual(answered(send(both, 'GET /', ['Origin: https://a.test']).decision, 200), [
      'access-control-allow-origin: https://a.test',
      'vary: Origin',
      'x-a: 1',
    ]);
    assert.deepEqual(answered(send(both, 'GET /').decision, 200), ['access-control-allow-origin: *', 'x-a: 1']);
  });

  for (const headers of [[], ['Origin: https://other.test']])
    test(`to ${headers[0] ?? 'no origin'} are left as they are`, () => {
      const { decision } = send(rules(), 'GET /', headers);
      assert.deepEqual(answered(decision, 200, ['X-A: 1']), ['X-A: 1']);
    });
});

test('a service that fails on purpose does not answer preflights', () => {
  const faults = [{ kind: 'abort', status: 503, percent: 100 }] as const;
  const { reply } = send(table([rule({ cors: policy, faults })]), 'OPTIONS /', asked('https://a.test'));
  assert.deepEqual([reply?.status, reply?.flag], [503, 'FI']);
});
