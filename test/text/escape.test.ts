import assert from 'node:assert/strict';
import { test } from 'node:test';
import { escapeKeepingColours, escapeLine, escapeLines, jsonText } from '../../src/text/escape.ts';

/** All that somebody could send to a terminal: each control, direction and line separator, alone and in the sequences people use. */
const hostile = [
  ...Array.from({ length: 0x20 }, (_, code) => String.fromCharCode(code)),
  ...Array.from({ length: 0x21 }, (_, code) => String.fromCharCode(0x7f + code)),
  ...['\u061c', '\u200e', '\u200f', '\u2028', '\u2029', '\u202a', '\u202e', '\u2066', '\u2069', '\ufeff'],
  ...['\u001b[2J', '\u001b]0;owned\u0007', '\u009b31m', '\u001bP$q"p\u001b\\', '\r\nHTTP/1.1 200 OK\r\n'],
];
const raw = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/;

test('nothing that steers is left, and the reader still sees what it was', () => {
  for (const one of hostile) {
    assert.doesNotMatch(escapeLine(`a${one}b`), raw, JSON.stringify(one));
    const shown = escapeLine(one).replace(/\\u([0-9a-f]{4})/g, (_, code: string) =>
      String.fromCharCode(Number.parseInt(code, 16)),
    );
    assert.equal(shown, one);
  }
});

test('text of people, in every script, stays as it is', () => {
  for (const text of ['plain', 'naïve', '日本語', 'עברית', 'مرحبا', '👩‍💻', '"quoted" \\ back'])
    assert.deepEqual([escapeLine(text), escapeLines(text), escapeKeepingColours(text)], [text, text, text]);
});

test('lines and tabs stay where they are meant, colours where they are allowed', () => {
  assert.equal(escapeLines('a\n\tb\r\u001b[1m'), 'a\n\tb\\u000d\\u001b[1m');
  assert.equal(escapeKeepingColours('\u001b[31;1mred\u001b[0m\u001b[2J'), '\u001b[31;1mred\u001b[0m\\u001b[2J');
});

test('JSON means the same and shows nothing raw', () => {
  const value = { [hostile.join('')]: hostile };
  const text = jsonText(value);
  assert.doesNotMatch(text, raw);
  assert.deepEqual(JSON.parse(text), value);
  assert.deepEqual(JSON.parse(jsonText(value, 2)), value);
  assert.doesNotMatch(jsonText(value, 2).replaceAll('\n', ''), raw);
});
