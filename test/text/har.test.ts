import assert from 'node:assert/strict';
import { STATUS_CODES } from 'node:http';
import { describe, test } from 'node:test';
import { harOf } from '../../src/text/har.ts';
import { tappedExchange } from '../cli/tapped-exchange.ts';

const at = 'reviews-v1-1';
const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('an HTTP archive', () => {
  interface Entry {
    readonly startedDateTime: string;
    readonly request: Record<string, unknown>;
    readonly response: Record<string, unknown>;
    readonly [field: string]: unknown;
  }
  const log = (...all: (typeof tappedExchange)[]): { readonly version: string; readonly entries: readonly Entry[] } =>
    (
      harOf(
        all.map(each => ({ ...each, at })),
        '1.0.0',
        STATUS_CODES,
      ) as { log: { version: string; entries: Entry[] } }
    ).log;

  test('has the fields that HAR 1.2 asks for, of their types', () => {
    const [entry] = log(tappedExchange).entries;
    assert.ok(entry !== undefined);
    for (const field of ['startedDateTime', 'time', 'request', 'response', 'cache', 'timings']) assert.ok(field in entry, field);
    for (const field of ['method', 'url', 'httpVersion', 'cookies', 'headers', 'queryString', 'headersSize', 'bodySize'])
      assert.ok(field in entry.request, field);
    for (const field of [
      'status',
      'statusText',
      'httpVersion',
      'cookies',
      'headers',
      'content',
      'redirectURL',
      'headersSize',
      'bodySize',
    ])
      assert.ok(field in entry.response, field);
    assert.equal(entry.startedDateTime, '2026-01-02T03:04:05.006Z');
    assert.equal(entry.request['url'], 'http://reviews:9080/reviews/1?full=yes&a=b%20c');
    assert.deepEqual(entry.request['queryString'], [
      { name: 'full', value: 'yes' },
      { name: 'a', value: 'b c' },
    ]);
    assert.deepEqual(entry.response['content'], { size: 11, mimeType: 'application/json' });
    assert.equal(entry.response['statusText'], 'OK');
    assert.equal(entry['serverIPAddress'], '127.0.0.1');
    assert.doesNotThrow(() => new URL(String(entry.request['url'])));
  });
  test('is in the order of time, with bodies as text or base64', () => {
    const binary = Buffer.from([0xff, 0xfe]).toString('base64');
    const { entries } = log(
      {
        ...tappedExchange,
        startMs: 2_000,
        method: 'POST',
        requestBody: { base64: base64('a=1'), cut: true },
        responseBody: { base64: binary, cut: false },
      },
      { ...tappedExchange, startMs: 1_000, status: 0, responseHeaders: [], responseBody: { base64: base64('{}'), cut: false } },
    );
    assert.deepEqual(
      entries.map(({ startedDateTime }) => startedDateTime),
      ['1970-01-01T00:00:01.000Z', '1970-01-01T00:00:02.000Z'],
    );
    assert.deepEqual(entries[0]?.response['content'], { size: 11, mimeType: 'x-unknown', text: '{}' });
    assert.deepEqual(entries[1]?.response['content'], {
      size: 11,
      mimeType: 'application/json',
      text: binary,
      encoding: 'base64',
    });
    assert.deepEqual(entries[1]?.request['postData'], {
      mimeType: 'application/octet-stream',
      params: [],
      text: 'a=1',
      comment: 'only the beginning',
    });
  });
});
