import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { anyTap, readTapRequest, tapQuery } from '../../src/api/tap.ts';
import { tapText } from '../../src/cli/tap-text.ts';
import { jsonText } from '../../src/text/escape.ts';
import { tappedExchange } from './tapped-exchange.ts';

const at = 'reviews-v1-1';
const plain = (_style: string, text: string): string => text;
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const evil = '\u001b[2J\u001b]0;owned\u0007<script>alert(1)</script>\u202e\u009b31m\r\n';

describe('a tapped request as text', () => {
  test('is one line', () => {
    assert.deepEqual(tapText({ ...tappedExchange, at }, false, plain), [
      '03:04:05.006  storefront → reviews  GET /reviews/1?full=yes&a=b%20c  200  12 ms  reviews[0]  reviews-v1-1  id',
    ]);
    assert.match(
      tapText({ ...tappedExchange, at, status: 503, flag: 'UF', grpcStatus: '14' }, false, plain)[0] ?? '',
      /503 grpc 14 {2}12 ms {2}UF/,
    );
  });
  test('shows heads and bodies where they are wanted', () => {
    const body = { base64: base64('{"a":\n1}'), cut: true };
    const lines = tapText(
      { ...tappedExchange, at, requestBody: { base64: base64('\u0000\xff'), cut: false }, responseBody: body },
      true,
      plain,
    );
    assert.deepEqual(lines.slice(1), [
      '  > host: reviews:9080',
      '  >',
      '  > \\u0000\u00ff',
      '  < content-type: application/json',
      '  <',
      '  < {"a":',
      '  < 1}',
      '  < …',
    ]);
    const binary = { base64: Buffer.from([0xff, 0xfe]).toString('base64'), cut: false };
    assert.equal(tapText({ ...tappedExchange, at, responseBody: binary }, false, plain).at(-1), '  < (2 bytes that are no text)');
  });
  test('a terminal obeys nothing of it; JSON says all of it', () => {
    const hostile = {
      ...tappedExchange,
      at,
      method: evil,
      target: evil,
      caller: evil,
      rule: evil,
      requestId: evil,
      requestHeaders: [[evil, evil]] as const,
      responseBody: { base64: base64(evil), cut: false },
    };
    for (const line of tapText(hostile, true, plain)) assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f\u202e]/);
    assert.deepEqual(JSON.parse(jsonText(hostile)), JSON.parse(JSON.stringify(hostile)));
    assert.doesNotMatch(jsonText(hostile), /[\u0000-\u001f\u007f-\u009f\u202e]/);
  });
  test('connections and what was shed', () => {
    const { side, caller, called, principal, remoteAddress, upstreamAddress, startMs, flag, bytesReceived, bytesSent } =
      tappedExchange;
    const ends = { at, side, caller, called, principal, remoteAddress, upstreamAddress, startMs, flag, bytesReceived, bytesSent };
    assert.deepEqual(tapText({ kind: 'connection', phase: 'opened', durationMs: 0, ...ends }, false, plain), [
      '03:04:05.006  storefront → reviews  TCP opened  reviews-v1-1',
    ]);
    assert.deepEqual(tapText({ kind: 'connection', phase: 'closed', durationMs: 12_345, ...ends }, false, plain), [
      '03:04:05.006  storefront → reviews  TCP closed  12.3 s  0 bytes in, 11 out  reviews-v1-1',
    ]);
    assert.deepEqual(tapText({ kind: 'shed', at, count: 312 }, false, plain), ['312 more at reviews-v1-1 were not shown']);
  });
});

describe('a tap request', () => {
  test('is the same behind a query', () => {
    const request = {
      ...anyTap,
      at: 'both',
      from: 'a',
      to: 'b',
      path: '/p?&=',
      method: 'GET',
      statuses: ['5xx', '404'],
      headers: ['a: b, c'],
      bodyBytes: 9,
      max: 3,
      forMs: 1_000,
    } as const;
    assert.deepEqual(readTapRequest(new URLSearchParams(tapQuery(request))), request);
    assert.deepEqual(readTapRequest(new URLSearchParams(tapQuery(anyTap))), anyTap);
    assert.deepEqual(readTapRequest(new URLSearchParams('status=404,5xx&method=post')), {
      ...anyTap,
      statuses: ['404', '5xx'],
      method: 'POST',
    });
  });
  for (const query of [
    'at=middle',
    'status=6xx',
    'status=500-400',
    'status=',
    'header=%20',
    'header=a%20b',
    'max=-1',
    'max=x',
    'bodyBytes=65537',
    'forMs=1e9',
    'colour=red',
  ])
    test(`wrong: ${query}`, () => assert.throws(() => readTapRequest(new URLSearchParams(query)), { code: 'bad-tap' }));
});
