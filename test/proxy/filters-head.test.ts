/** What rules change about heads: edits, rewrites, redirects, answers of their own. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Caller } from '../../src/proxy/filters/filter.ts';
import type { HeaderEdits, PathMatch, PathRewrite, RedirectAction, WeightedCluster } from '../../src/snapshot/route-rule.ts';
import { answered, caller, match, rule, send, table } from './rule-harness.ts';

const field = (text: string): { readonly name: string; readonly value: string } => {
  const [name = '', value = ''] = text.split(': ');
  return { name, value };
};
const edits = (more: { readonly remove?: string[]; readonly set?: string[]; readonly add?: string[] }): HeaderEdits => ({
  remove: more.remove ?? [],
  set: (more.set ?? []).map(field),
  add: (more.add ?? []).map(field),
});
/** The lines that the server gets, without the request line and host, sorted. */
const lines = (sent: readonly string[]): readonly string[] =>
  sent
    .slice(1)
    .filter(line => !/^host:/i.test(line))
    .sort();

describe('header edits', () => {
  const headers = ['x-a: 1', 'x-a: 2', 'x-b: 1'];
  for (const [title, edit, expected] of [
    ['remove takes out every field of the name', edits({ remove: ['x-a'] }), ['x-b: 1']],
    ['set stands instead', edits({ set: ['x-a: 9'] }), ['x-a: 9', 'x-b: 1']],
    ['add stands beside', edits({ add: ['x-b: 2'] }), ['x-a: 1', 'x-a: 2', 'x-b: 1', 'x-b: 2']],
    ['removes first: what is set stays', edits({ remove: ['x-a'], set: ['x-a: 9'] }), ['x-a: 9', 'x-b: 1']],
    ['then sets, then adds', edits({ set: ['x-a: 8', 'x-a: 9'], add: ['x-a: 10'] }), ['x-a: 10', 'x-a: 9', 'x-b: 1']],
    ['host cannot be removed', edits({ remove: ['host'] }), ['x-a: 1', 'x-a: 2', 'x-b: 1']],
    [
      'nor anything that frames the message',
      edits({ set: ['content-length: 5', 'connection: x-a'], add: ['transfer-encoding: chunked'] }),
      ['x-a: 1', 'x-a: 2', 'x-b: 1'],
    ],
    ['no value ends its line', edits({ set: ['x-b: 1\r\nx-evil: 1'] }), ['x-a: 1', 'x-a: 2', 'x-b: 1x-evil']],
  ] as const) {
    test(`of a request: ${title}`, () =>
      assert.deepEqual(lines(send(table([rule({ requestHeaders: edit })]), 'GET /', headers).sent), expected));
    test(`of an answer: ${title}`, () => {
      const { decision } = send(table([rule({ responseHeaders: edit })]), 'GET /');
      assert.deepEqual(answered(decision, 200, headers), expected);
    });
  }

  const both = (destinations: number): { readonly sent: readonly string[]; readonly answer: readonly string[] } => {
    const split: readonly WeightedCluster[] = Array.from({ length: destinations }, (_, i) => ({
      cluster: `c${i}`,
      weight: 1,
      requestHeaders: edits({ set: ['x-a: destination'], add: ['x-b: destination'] }),
      responseHeaders: edits({ set: ['x-a: destination'] }),
    }));
    const ofRule = edits({ set: ['x-a: rule'], add: ['x-b: rule'] });
    const { sent, decision } = send(
      table([rule({ action: { kind: 'forward', split }, requestHeaders: ofRule, responseHeaders: ofRule })]),
      'GET /',
    );
    return { sent: lines(sent), answer: answered(decision, 200) };
  };
  test('the same name set by the rule and its only destination: the destination is last', () => {
    assert.deepEqual(both(1).sent, ['x-a: destination', 'x-b: destination', 'x-b: rule']);
    assert.deepEqual(both(1).answer, ['x-a: destination', 'x-b: rule']);
  });
  test('… and one of several destinations: the rule is last', () => {
    assert.deepEqual(both(2).sent, ['x-a: rule', 'x-b: destination', 'x-b: rule']);
    assert.deepEqual(both(2).answer, ['x-a: rule', 'x-b: rule']);
  });

  for (const destinations of [1, 2]) {
    test(`the authority of the rule beats that of ${destinations} destination(s)`, () => {
      const split = Array.from({ length: destinations }, (_, i) => ({
        cluster: `c${i}`,
        weight: 1,
        requestHeaders: edits({ set: ['host: destination.test'] }),
      }));
      const forward = { action: { kind: 'forward', split } } as const;
      const host = (more: object): string =>
        send(table([rule({ ...forward, ...more })]), 'GET /').sent.find(line => /^host:/i.test(line)) ?? '';
      assert.equal(host({}), 'Host: destination.test');
      assert.equal(host({ requestHeaders: edits({ set: ['host: rule.test'] }) }), 'Host: rule.test');
      assert.equal(host({ action: { ...forward.action, rewrite: { host: 'rewritten.test' } } }), 'Host: rewritten.test');
    });
  }
});

describe('rewritten paths', () => {
  const prefix = (value: string): PathRewrite => ({ kind: 'prefix', value });
  for (const [path, rewrite, target, expected] of [
    [null, { kind: 'full', value: '/new' }, '/foo?key=value', '/new?key=value'],
    // The table of Gateway API's ReplacePrefixMatch.
    [{ kind: 'prefix', value: '/foo' }, prefix('/xyz'), '/foo/bar', '/xyz/bar'],
    [{ kind: 'prefix', value: '/foo' }, prefix('/xyz/'), '/foo/bar', '/xyz/bar'],
    [{ kind: 'prefix', value: '/foo/' }, prefix('/xyz'), '/foo/bar', '/xyz/bar'],
    [{ kind: 'prefix', value: '/foo/' }, prefix('/xyz/'), '/foo/bar', '/xyz/bar'],
    [{ kind: 'prefix', value: '/foo' }, prefix('/xyz'), '/foo', '/xyz'],
    [{ kind: 'prefix', value: '/foo' }, prefix('/xyz'), '/foo/', '/xyz/'],
    [{ kind: 'prefix', value: '/foo' }, prefix('/xyz/'), '/foo', '/xyz/'],
    [{ kind: 'prefix', value: '/foo' }, prefix('/'), '/foo/bar', '/bar'],
    [{ kind: 'prefix', value: '/foo' }, prefix('/'), '/foo/', '/'],
    [{ kind: 'prefix', value: '/foo' }, prefix('/'), '/foo?x=/y', '/?x=/y'],
    [{ kind: 'prefix', value: '/' }, prefix('/xyz'), '/foo', '/xyz/foo'],
    [null, prefix('/xyz'), '/foo', '/xyz/foo'],
    [{ kind: 'exact', value: '/foo' }, prefix('/xyz'), '/foo?x', '/xyz?x'],
    [{ kind: 'regex', value: '/f.*' }, prefix('/xyz'), '/foo', '/xyz'],
    // Istio's prefix is text.
    [{ kind: 'starts-with', value: '/foo' }, prefix('/xyz'), '/foobar', '/xyzbar'],
    [null, { kind: 'regex', pattern: '^/v1/(.*)', value: '/\\1' }, '/v1/users?x', '/users?x'],
    [null, { kind: 'regex', pattern: '/(\\w+)/(\\w+)', value: '/\\2/\\1' }, '/a/b', '/b/a'],
    [null, { kind: 'regex', pattern: '^/', value: '' }, '/a', '/a'],
    [null, { kind: 'full', value: 'no slash ? ü' }, '/', '/no%20slash%20%3F%20%C3%BC'],
  ] as const satisfies readonly (readonly [PathMatch | null, PathRewrite, string, string])[]) {
    test(`${path === null ? 'any path' : `${path.kind} ${path.value}`}, ${JSON.stringify(rewrite)}: ${target} becomes ${expected}`, () => {
      const split = [{ cluster: 'a', weight: 1 }];
      const action = { kind: 'forward', split, rewrite: { path: rewrite } } as const;
      const { sent } = send(table([rule({ action, matches: [match({ path })] })]), `GET ${target}`);
      assert.equal(sent[0], `GET ${expected} HTTP/1.1`);
      assert.deepEqual(lines(sent), [`x-envoy-original-path: ${target}`]);
    });
  }

  test('the prefix is that of the match that held', () => {
    const of = (value: string) => match({ path: { kind: 'prefix', value } });
    const action = { kind: 'forward', split: [{ cluster: 'a', weight: 1 }], rewrite: { path: prefix('/x') } } as const;
    const rules = table([rule({ action, matches: [of('/a'), of('/b/c')] })]);
    assert.equal(send(rules, 'GET /a/b/c').sent[0], 'GET /x/b/c HTTP/1.1');
    assert.equal(send(rules, 'GET /b/c/d').sent[0], 'GET /x/d HTTP/1.1');
  });

  test('OPTIONS * has no path to rewrite', () => {
    const action = { kind: 'forward', split: [{ cluster: 'a', weight: 1 }], rewrite: { path: prefix('/x') } } as const;
    assert.equal(send(table([rule({ action })]), 'OPTIONS *').sent[0], 'OPTIONS * HTTP/1.1');
  });
});

describe('redirects', () => {
  const tls: Caller = { ...caller, scheme: 'https' };
  for (const [more, who, host, target, location] of [
    [{}, caller, 'b', '/foo?x=1', 'http://b/foo?x=1'],
    [{ scheme: 'https' }, caller, 'b', '/foo', 'https://b/foo'],
    [{ scheme: 'https' }, caller, 'b:80', '/foo', 'https://b/foo'],
    [{ scheme: 'https' }, caller, 'b:8080', '/foo', 'https://b:8080/foo'],
    [{ scheme: 'http' }, tls, 'b:443', '/', 'http://b/'],
    [{}, tls, 'b:443', '/', 'https://b:443/'],
    // A port that the client wrote is kept, one of the scheme is never added.
    [{ path: { kind: 'full', value: '/foo' } }, caller, 'b:80', '/', 'http://b:80/foo'],
    [{ port: 80 }, caller, 'b:8080', '/', 'http://b/'],
    [{ port: 8083 }, caller, 'b:8080', '/', 'http://b:8083/'],
    [{ scheme: 'https', port: 443 }, caller, 'b', '/', 'https://b/'],
    [{ scheme: 'https', port: 80 }, caller, 'b', '/foo', 'https://b:80/foo'],
    [{ host: 'example.org' }, caller, 'b:8080', '/foo', 'http://example.org/foo'],
    [{ host: 'example.org', port: 8083 }, caller, 'b', '/', 'http://example.org:8083/'],
    [{ port: 8083 }, caller, '[::1]:80', '/', 'http://[::1]:8083/'],
    [{ path: { kind: 'prefix', value: '/new' } }, caller, 'b', '/old/x?q', 'http://b/new/x?q'],
  ] as const satisfies readonly (readonly [Partial<RedirectAction>, Caller, string, string, string])[]) {
    test(`${JSON.stringify(more)}: ${who.scheme}://${host}${target} goes to ${location}`, () => {
      const matches = [match({ path: { kind: 'prefix', value: '/old' } }), match()];
      const { reply } = send(
        table([rule({ action: { kind: 'redirect', status: 302, ...more }, matches })]),
        `GET ${target}`,
        [`Host: ${host}`],
        who,
      );
      assert.equal(reply?.lines, `location: ${location}\r\n`);
      assert.deepEqual([reply?.status, reply?.reason, reply?.flag, reply?.details], [302, 'Found', '-', 'direct_response']);
    });
  }
});

test('no value of the configuration ends its line, also by the bytes that its characters would lose', () => {
  // U+010D and U+010A, cut to one byte, are CR and LF.
  const contentType = 'text/\u010d\u010ax-evil: 1';
  const action = { kind: 'respond', status: 200, body: '', contentType } as const;
  assert.equal(send(table([rule({ action })]), 'GET /').reply?.contentType, Buffer.from(contentType).toString('latin1'));
  const { sent } = send(table([rule({ requestHeaders: edits({ set: ['host: a b', 'x-a: \u010d\u010a'] }) })]), 'GET /');
  assert.deepEqual(sent.slice(1), ['Host: a', `x-a: ${Buffer.from('\u010d\u010a').toString('latin1')}`]);
});

test('a rule answers itself, with header edits of its own', () => {
  const action = { kind: 'respond', status: 418, body: 'tea: ☕', contentType: 'text/plain; charset=utf-8' } as const;
  const { reply } = send(
    table([rule({ action, responseHeaders: edits({ set: ['x-pot: short', 'content-type: text/tea'], add: ['x-pot: stout'] }) })]),
    'GET /',
  );
  assert.deepEqual(reply, {
    status: 418,
    reason: "I'm a Teapot",
    body: 'tea: ☕',
    contentType: 'text/tea',
    flag: '-',
    details: 'direct_response',
    close: false,
    lines: 'x-pot: short\r\nx-pot: stout\r\n',
    told: '',
  });
});
