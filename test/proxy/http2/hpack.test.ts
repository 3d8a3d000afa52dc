import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { HeaderField } from '../../../src/proxy/http2/header-field.ts';
import { HpackDecoder } from '../../../src/proxy/http2/hpack-decoder.ts';
import { HpackEncoder } from '../../../src/proxy/http2/hpack-encoder.ts';
import { decodeHuffman } from '../../../src/proxy/http2/huffman.ts';

function decoded(decoder: HpackDecoder, hex: string): string[] | null {
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  const out: string[] = [];
  const proper = decoder.decode(bytes, 0, bytes.length, {
    field: (field: HeaderField) => out.push(`${field.name}: ${field.value}`),
  });
  return proper ? out : null;
}

const requests = [
  [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com'],
  [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com', 'cache-control: no-cache'],
  [':method: GET', ':scheme: https', ':path: /index.html', ':authority: www.example.com', 'custom-key: custom-value'],
];

describe('examples of RFC 7541 appendix C', () => {
  test('C.2 single fields', () => {
    const literal = '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572';
    assert.deepEqual(decoded(new HpackDecoder(), literal), ['custom-key: custom-header']);
    assert.deepEqual(decoded(new HpackDecoder(), '040c 2f73 616d 706c 652f 7061 7468'), [':path: /sample/path']);
    assert.deepEqual(decoded(new HpackDecoder(), '1008 7061 7373 776f 7264 0673 6563 7265 74'), ['password: secret']);
    assert.deepEqual(decoded(new HpackDecoder(), '82'), [':method: GET']);
  });

  test('C.3 requests on one connection', () => {
    const decoder = new HpackDecoder();
    const blocks = [
      '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      '8286 84be 5808 6e6f 2d63 6163 6865',
      '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
    ];
    assert.deepEqual(
      blocks.map(block => decoded(decoder, block)),
      requests,
    );
  });

  test('C.4 the same with Huffman coding', () => {
    const decoder = new HpackDecoder();
    const blocks = [
      '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
      '8286 84be 5886 a8eb 1064 9cbf',
      '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
    ];
    assert.deepEqual(
      blocks.map(block => decoded(decoder, block)),
      requests,
    );
  });

  test('C.6 answers with eviction, in a table of 256 bytes', () => {
    const decoder = new HpackDecoder();
    const date = (second: number): string => `date: Mon, 21 Oct 2013 20:13:${second} GMT`;
    const blocks = [
      '3fe101 4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3',
      '4883 640e ffc1 c0bf',
      '88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07',
    ];
    assert.deepEqual(
      blocks.map(block => decoded(decoder, block)),
      [
        [':status: 302', 'cache-control: private', date(21), 'location: https://www.example.com'],
        [':status: 307', 'cache-control: private', date(21), 'location: https://www.example.com'],
        [
          ':status: 200',
          'cache-control: private',
          date(22),
          'location: https://www.example.com',
          'content-encoding: gzip',
          'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
        ],
      ],
    );
  });
});

describe('what is not properly coded', () => {
  const broken: Readonly<Record<string, string>> = {
    'index 0': '80',
    'index after the last': 'be',
    'number without end': 'ff8080808080808001',
    'number cut off': 'ff',
    'text longer than the block': '0005 6162',
    'name of an index after the last': '7f01 0161',
    'table larger than we allow': '3fe2 1f',
    'size of the table after a field': '8220',
    'end of string in Huffman coding': '0084 ffff ffff 0161',
    'padding of more than seven bits': '0082 1fff 0161',
    'padding that is not all ones': '0081 18 0161',
  };
  for (const [what, hex] of Object.entries(broken)) test(what, () => assert.equal(decoded(new HpackDecoder(), hex), null));
});

test('a block over the limits keeps the table right', () => {
  const decoder = new HpackDecoder();
  const encoder = new HpackEncoder();
  const big = Buffer.from(encoder.begin() + encoder.lines(`x-big: ${'b'.repeat(3000)}\r\n`.repeat(30), 0), 'latin1');
  let fields = 0;
  assert.ok(decoder.decode(big, 0, big.length, { field: () => fields++ }));
  assert.ok(decoder.tooLarge);
  assert.equal(fields, 20);
  const next = Buffer.from(encoder.begin() + encoder.lines(`x-big: ${'b'.repeat(3000)}\r\n`, 0), 'latin1');
  assert.equal(next.length, 1);
  assert.deepEqual(decoded(decoder, next.toString('hex')), [`x-big: ${'b'.repeat(3000)}`]);
  assert.ok(!decoder.tooLarge);
});

test('more than 256 fields are too many', () => {
  const decoder = new HpackDecoder();
  assert.equal(decoded(decoder, '82'.repeat(300))?.length, 256);
  assert.ok(decoder.tooLarge);
});

describe('the encoder', () => {
  const lines =
    'Content-Type:  text/plain \r\nX-Id: \xa01\xff\r\ncookie: a=1\r\nConnection: close\r\nHost: a\r\nTE: trailers\r\n';

  test('lower-cases names, trims values, and leaves out what is of HTTP/1', () => {
    const encoder = new HpackEncoder();
    const decoder = new HpackDecoder();
    for (let i = 0; i < 2; i++) {
      const block = Buffer.from(encoder.begin() + encoder.status(201) + encoder.lines(lines, 0), 'latin1');
      assert.deepEqual(decoded(decoder, block.toString('hex')), [
        ':status: 201',
        'content-type: text/plain',
        'x-id: \xa01\xff',
        'cookie: a=1',
      ]);
    }
  });

  test('indexes what comes again, but never secrets', () => {
    const encoder = new HpackEncoder();
    encoder.lines(lines, 0);
    assert.equal(encoder.lines('Content-Type:  text/plain \r\n', 0), '\xbf');
    assert.equal(encoder.lines('cookie: a=1\r\n', 0).charCodeAt(0), 0x1f);
    assert.equal(encoder.lines('authorization: Basic x\r\n', 0).charCodeAt(0), 0x1f);
  });

  test('follows the table of a peer that makes it smaller and larger again', () => {
    const encoder = new HpackEncoder();
    const decoder = new HpackDecoder();
    for (const size of [4096, 100, 0, 64, 4096, 70_000]) {
      encoder.tableSize = 0;
      encoder.tableSize = size;
      for (let i = 0; i < 50; i++) {
        const text = `x-a: ${i % 7}\r\nx-b: ${'c'.repeat(i)}\r\n`;
        const block = Buffer.from(encoder.begin() + encoder.lines(text, 0), 'latin1');
        assert.deepEqual(decoded(decoder, block.toString('hex')), [`x-a: ${i % 7}`, `x-b: ${'c'.repeat(i)}`]);
      }
    }
  });

  test('survives a long run of lines that all differ', () => {
    const encoder = new HpackEncoder();
    const decoder = new HpackDecoder();
    for (let i = 0; i < 5000; i++) {
      const block = Buffer.from(encoder.begin() + encoder.lines(`x-a: ${i}\r\nx-b: ${i % 40}\r\n`, 0), 'latin1');
      assert.deepEqual(decoded(decoder, block.toString('hex')), [`x-a: ${i}`, `x-b: ${i % 40}`]);
    }
  });
});

test('Huffman coding of every symbol is read as its code tells', () => {
  // '0' is 00000, 'a' 00011, padded with ones.
  assert.equal(decodeHuffman(Buffer.from([0b00000_000, 0b11_111111]), 0, 2), '0a');
  assert.equal(decodeHuffman(Buffer.from([]), 0, 0), '');
});
