import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { hitsIn, jsonSections, piecesOf, yamlSections } from '../../src/dashboard/pages/config/text-sections.ts';

const yaml = `name: shop
services:
  - name: reviews
    ports:
      - name: http
  - name: "a: b"
    ports: []
gateways: []
tokens:
  - issuer: https://a
  - issuer: https://b
`;

describe('parts of a text', () => {
  test('of YAML are its fields and the named things in them', () => {
    const sections = yamlSections(yaml);
    assert.deepEqual(
      sections.map(({ name, line }) => [name, line]),
      [
        ['name', 1],
        ['services', 2],
        ['services/reviews', 3],
        ['services/a: b', 6],
        ['gateways', 8],
        ['tokens', 9],
      ],
    );
    assert.equal(sections.map(({ text }) => text).join('\n'), yaml.trimEnd());
  });

  test('of JSON are its fields', () => {
    const json = JSON.stringify({ version: 'a', routeTables: [{ name: 'x' }] }, null, 2);
    const sections = jsonSections(json);
    assert.deepEqual(
      sections.map(({ name }) => name),
      ['', 'version', 'routeTables'],
    );
    assert.equal(sections.map(({ text }) => text).join('\n'), json);
  });

  test('of anything else are one', () => {
    assert.deepEqual(jsonSections('a 1\nb 2\n'), [{ name: '', line: 1, text: 'a 1\nb 2' }]);
  });
});

describe('looking for a word', () => {
  test('finds it in any case and loses nothing', () => {
    const pieces = piecesOf('Timeout: 1, timeout', 'timeout');
    assert.deepEqual(
      pieces.map(({ text, hit }) => `${hit ? '!' : ''}${text}`),
      ['!Timeout', ': 1, ', '!timeout'],
    );
    assert.equal(hitsIn('aaaa', 'aa'), 2);
    assert.equal(hitsIn('a.b', '.'), 1);
    assert.equal(hitsIn('abc', ''), 0);
  });

  test('is not misled by letters whose lower case is longer', () => {
    const text = 'İİ timeout';
    assert.equal(
      piecesOf(text, 'timeout')
        .map(({ text: each }) => each)
        .join(''),
      text,
    );
    assert.equal(hitsIn(text, 'timeout'), 1);
  });
});
