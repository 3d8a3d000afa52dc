import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readDocument } from '../../src/dashboard/server/document.ts';
import { jsonText } from '../../src/text/escape.ts';

test('what cannot be seen, or turns the direction of writing, is shown', () => {
  const sent = { name: 'a\u202eb\u001b[31m\u0000', list: ['\u2066x', 'plain ü'], text: 'one\n\ttwo', n: 1, none: null };
  assert.deepEqual(readDocument(jsonText(sent)), {
    ...sent,
    name: 'a\\u202eb\\u001b[31m\\u0000',
    list: ['\\u2066x', 'plain ü'],
  });
});
