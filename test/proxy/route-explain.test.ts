import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type ExplainedRequest, explainRoute } from '../../src/proxy/route/explain.ts';
import { explainText } from '../../src/proxy/route/explain-text.ts';
import { match, rule, ruleParts, send, table } from './rule-harness.ts';

const request: ExplainedRequest = { method: 'GET', authority: 'reviews:9080', path: '/reviews/0?x=1', headers: [] };
const forward = {
  kind: 'forward',
  split: [
    { cluster: 'v1', weight: 9 },
    { cluster: 'v2', weight: 1 },
  ],
} as const;
const rules = table([
  rule({
    name: 'beta',
    matches: [
      match({ headers: [{ name: 'end-user', kind: 'exact', value: 'jason' }] }),
      match({ path: { kind: 'prefix', value: '/beta' }, methods: ['GET'] }),
    ],
  }),
  rule({
    name: 'split',
    matches: [match({ path: { kind: 'prefix', value: '/reviews' }, query: [{ name: 'x', kind: 'present', value: '' }] })],
    action: { ...forward, rewrite: { path: { kind: 'prefix', value: '/' }, host: 'other' } },
    timeoutMs: 2_000,
    idleTimeoutMs: 9_000,
    retry: { attempts: 2, on: ['5xx'], statusCodes: [], perTryTimeoutMs: 500, methods: ['GET'], backoffBaseMs: 25 },
    faults: [{ kind: 'delay', ms: 100, jitterMs: 20, percent: 50, first: 3, id: 'f1' }],
    mirrors: [{ cluster: 'v3', percent: 10 }],
    rateLimits: [{ name: 'l', requests: 5, perMs: 1_000, burst: 5, by: { kind: 'all' } }],
  }),
  rule({ name: 'rest' }),
]);

test('every rule says why it is taken or not', () => {
  const { rules: explained, virtualHost } = explainRoute(rules, request);
  assert.equal(virtualHost, 'h');
  assert.deepEqual(
    explained.map(({ name, verdict, matches }) => [name, verdict, matches.map(({ failed }) => failed)]),
    [
      [
        'beta',
        'no match',
        [
          { held: false, part: 'header end-user', wanted: 'exactly "jason"', found: null },
          { held: false, part: 'path', wanted: '/beta or below', found: '/reviews/0' },
        ],
      ],
      ['split', 'taken', [null]],
      ['rest', 'shadowed', []],
    ],
  );
});

test('a secret that a rule looks at is not told', () => {
  const secret = [
    match({
      headers: [{ name: 'x-api-key', kind: 'exact', value: 's3cret' }],
      query: [{ name: 'token', kind: 'prefix', value: 's3cret' }],
    }),
  ];
  const asked = { ...request, path: '/?token=t0ken', headers: [['x-api-key', 'k3y']] } as const;
  const told = JSON.stringify(explainRoute(table([rule({ name: 'guarded', matches: secret })]), asked));
  assert.doesNotMatch(told, /s3cret|t0ken|k3y/);
  assert.match(told, /exactly/);
});

test('and the one that is taken, what it does', () => {
  assert.deepEqual(explainText(explainRoute(rules, request)), [
    '✖ beta',
    '    header end-user has to be exactly "jason", is missing',
    '    path has to be /beta or below, is "/reviews/0"',
    '✔ split',
    '· rest would match, but a rule before it does',
    '→ 90% v1',
    '→ 10% v2',
    '  as /0?x=1 for other',
    '  timeout 2000 ms',
    '  idle timeout 9000 ms',
    '  retries: up to 2 on 5xx for GET, 500 ms each',
    '  fault: delay 100–120 ms, 50 %, first 3 (live: f1)',
    '  rate limit l: 5 per 1000 ms, burst 5',
    '  mirror: 10% to v3',
  ]);
});

describe('other ends', () => {
  const text = (more: Parameters<typeof rule>[0], asked: Partial<ExplainedRequest> = {}): readonly string[] =>
    explainText(explainRoute(table([rule(more)]), { ...request, ...asked }));
  test('redirect', () =>
    assert.deepEqual(
      text({ action: { kind: 'redirect', status: 301, scheme: 'https', path: { kind: 'full', value: '/new' } } }),
      ['✔ r takes every request', '→ 301 to https://reviews:9080/new?x=1'],
    ));
  test('direct answer', () =>
    assert.deepEqual(
      text({ action: { kind: 'respond', status: 503, body: 'closed', contentType: 'text/plain' } }).at(-1),
      '→ 503 "closed"',
    ));
  test('no rule', () =>
    assert.deepEqual(text({ matches: [match({ methods: ['PUT', 'POST'] })] }), [
      '✖ r: method has to be PUT or POST, is "GET"',
      'no rule takes the request: 404, NR',
    ]));
  test('what lies below the rule that is taken is told in short', () => {
    const named = (name: string, methods: readonly string[]): ReturnType<typeof rule> =>
      rule({ name, ...(methods.length === 0 ? {} : { matches: [match({ methods })] }) });
    const all = table([named('a', ['GET']), named('b', ['PUT']), named('c', ['POST']), named('d', [])]);
    assert.deepEqual(explainText(explainRoute(all, request)).slice(0, 3), [
      '✔ a',
      '· d would match, but a rule before it does',
      '✖ 2 more below',
    ]);
  });
  test('no virtual host', () =>
    assert.deepEqual(explainText(explainRoute(table([rule()], ruleParts(), ['a.test']), request)), [
      'no virtual host of t takes this authority: 404, NR',
    ]));
  test('what is not a request is refused', () => {
    for (const bad of [
      { method: 'GE T' },
      { path: 'x' },
      { authority: 'a b' },
      { headers: [['a', 'b\r\n\r\nGET / HTTP/1.1']] },
    ] as const)
      assert.throws(() => explainRoute(rules, { ...request, ...bad }), TypeError);
  });
});

test('explaining changes nothing: no token is taken, no fault counts, no turn passes', () => {
  const limited = table(
    [
      rule({
        action: { ...forward, exact: true },
        rateLimits: [{ name: 'l', requests: 1, perMs: 60_000, burst: 1, by: { kind: 'all' } }],
        faults: [{ kind: 'abort', status: 500, percent: 100, first: 1 }],
      }),
    ],
    ruleParts({ seed: 1 }),
  );
  for (let i = 0; i < 5; i++) explainRoute(limited, request);
  assert.equal(send(limited, 'GET /').reply?.flag, 'FI');
  assert.equal(send(limited, 'GET /').cluster, 'v1');
  assert.equal(send(limited, 'GET /').reply?.flag, 'RL');
});
