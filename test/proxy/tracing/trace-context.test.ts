import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { contextLines, readContext } from '../../../src/proxy/tracing/trace-context.ts';
import { requestHead } from '../rule-harness.ts';

const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
const span = '00f067aa0ba902b7';
const short = '64fe8b2a57d3eff7';

describe('trace context that is read', () => {
  for (const [title, headers, expected] of [
    ['traceparent, sampled', [`traceparent: 00-${trace}-${span}-01`], [trace, span, true]],
    ['traceparent, not sampled', [`traceparent: 00-${trace}-${span}-00`], [trace, span, false]],
    ['of flags only the first bit is about sampling', [`TraceParent: 00-${trace}-${span}-02`], [trace, span, false]],
    ['of a later version, with more behind it', [`traceparent: 01-${trace}-${span}-01-more`], [trace, span, true]],
    ['version 00 has nothing behind it', [`traceparent: 00-${trace}-${span}-01-more`], null],
    ['version ff is none', [`traceparent: ff-${trace}-${span}-01`], null],
    ['a trace id of zeros is none', [`traceparent: 00-${'0'.repeat(32)}-${span}-01`], null],
    ['nor is a span id', [`traceparent: 00-${trace}-${'0'.repeat(16)}-01`], null],
    ['upper case is not allowed', [`traceparent: 00-${trace.toUpperCase()}-${span}-01`], null],
    ['two of them are none', [`traceparent: 00-${trace}-${span}-01`, `traceparent: 00-${trace}-${span}-00`], null],
    ['b3', [`b3: ${trace}-${span}-1`], [trace, span, true]],
    ['b3 with its parent', [`b3: ${trace}-${span}-0-${span}`], [trace, span, false]],
    ['b3 that leaves the decision open', [`b3: ${trace}-${span}`], [trace, span, null]],
    ['b3 of a short trace id', [`b3: ${short}-${span}-d`], [`${'0'.repeat(16)}${short}`, span, true]],
    ['b3 that only decides', ['b3: 0'], ['', '', false]],
    ['b3 that only asks for a trace', ['b3: d'], ['', '', true]],
    ['b3 that is something else', ['b3: hello'], null],
    ['x-b3', [`x-b3-traceid: ${trace}`, `X-B3-SpanId: ${span}`, 'x-b3-sampled: 1'], [trace, span, true]],
    [
      'x-b3 as old libraries write it',
      [`x-b3-traceid: ${short}`, `x-b3-spanid: ${span}`, 'x-b3-sampled: false'],
      [`${'0'.repeat(16)}${short}`, span, false],
    ],
    ['x-b3-flags is debug', [`x-b3-traceid: ${trace}`, `x-b3-spanid: ${span}`, 'x-b3-flags: 1'], [trace, span, true]],
    ['x-b3 that only decides', ['x-b3-sampled: 0'], ['', '', false]],
    ['x-b3 without a span', [`x-b3-traceid: ${trace}`], null],
    ['W3C before B3', [`b3: ${trace}-${span}-1`, `traceparent: 00-${trace}-${span}-00`], [trace, span, false]],
    ['B3 where W3C is broken', ['traceparent: x', `b3: ${trace}-${span}-1`], [trace, span, true]],
    ['nothing', ['x-request-id: 1'], null],
  ] as const)
    test(title, () => {
      const found = readContext(requestHead('GET /', headers));
      assert.deepEqual(found === null ? null : [found.traceId, found.spanId, found.sampled], expected);
    });
});

test('what is written is read again, whatever the form', () => {
  for (const form of ['w3c', 'b3', 'b3-multi'] as const)
    for (const sampled of [true, false]) {
      const lines = contextLines(trace, span, sampled, [form]).trimEnd().split('\r\n');
      assert.deepEqual(readContext(requestHead('GET /', lines)), { traceId: trace, spanId: span, sampled }, form);
    }
});
