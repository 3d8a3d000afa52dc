/** The readers against Node's own parser and against themselves under every split of the input. */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ChunkReader, chunkDone } from '../../../src/proxy/http1/chunk-reader.ts';
import { chunkedBody } from '../../../src/proxy/http1/framing.ts';
import { RequestHead } from '../../../src/proxy/http1/request-head.ts';
import { ResponseHead } from '../../../src/proxy/http1/response-head.ts';

interface Reading {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly string[];
  readonly body: string;
}

const head = new RequestHead();

/** What our readers make of a request, `null` when it is refused or not complete. */
function ours(bytes: Buffer): Reading | null {
  const end = head.read(bytes, 0, bytes.length);
  if (end <= 0) return null;
  const { method, target, body, fields } = head;
  const headers = Array.from({ length: fields.count }, (_, i) => [
    bytes.toString('latin1', fields.nameStart(i), fields.nameEnd(i)),
    bytes.toString('latin1', fields.valueStart(i), fields.valueEnd(i)),
  ]).flat();
  if (body !== chunkedBody)
    return end + body > bytes.length ? null : { method, target, headers, body: bytes.toString('latin1', end, end + body) };
  const data = readChunks([bytes.subarray(end)]);
  return data.result === chunkDone ? { method, target, headers, body: data.data } : null;
}

/** What Node makes of it. */
async function nodes(bytes: Buffer): Promise<Reading | null> {
  const server = createServer({ maxHeaderSize: 64 * 1024, requestTimeout: 0, headersTimeout: 0 });
  return new Promise(resolve => {
    const pipe = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
    const settle = (reading: Reading | null): void => {
      pipe.destroy();
      resolve(reading);
    };
    server.on('clientError', () => settle(null));
    const take = (req: IncomingMessage): void => {
      let body = '';
      req.on('data', (part: Buffer) => {
        body += part.toString('latin1');
      });
      req.on('end', () => settle({ method: req.method ?? '', target: req.url ?? '', headers: req.rawHeaders, body }));
      req.on('error', () => settle(null));
      req.on('aborted', () => settle(null));
    };
    server.on('request', take).on('checkContinue', take).on('checkExpectation', take);
    server.on('upgrade', () => settle(null)).on('connect', () => settle(null));
    pipe.on('close', () => resolve(null));
    server.emit('connection', pipe);
    pipe.push(bytes);
    pipe.push(null);
  });
}

function readChunks(parts: readonly Buffer[]): {
  readonly result: number;
  readonly data: string;
  readonly lines: string;
  readonly used: number;
} {
  const reader = new ChunkReader();
  reader.reset();
  let data = '';
  let lines = '';
  let used = 0;
  const sink = {
    piece: (bytes: Buffer, from: number, to: number): void => {
      data += bytes.toString('latin1', from, to);
    },
    trailers: (section: string): void => {
      lines += section;
    },
  };
  for (const part of parts) {
    const result = reader.read(part, 0, part.length, sink);
    if (result < 0) return { result: -1, data: '', lines: '', used: 0 };
    used += reader.position;
    if (result === chunkDone) return { result, data, lines, used };
  }
  return { result: 0, data, lines, used };
}

const oneOf = (...values: readonly string[]): fc.Arbitrary<string> => fc.constantFrom(...values);
const space = oneOf(' ', ' ', ' ', '  ', '\t', '');
const eol = oneOf('\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\n', '\r', '\r\r\n', '\r\n ', '\n\r');
const field = fc.oneof(
  {
    weight: 3,
    arbitrary: oneOf('Host: a', 'X-A: b', 'Accept: */*', 'Content-Length: 5', 'Transfer-Encoding: chunked', 'Connection: close'),
  },
  oneOf(
    'Content-Length: 05',
    'Content-Length: 5, 5',
    'Content-Length: +5',
    'Content-Length:\t5 ',
    'Transfer-Encoding: Chunked',
    'Transfer-Encoding: gzip, chunked',
    'Transfer-Encoding: \x0bchunked',
    'Transfer-Encoding : chunked',
    'Host : b',
    'X:',
    ': v',
    'X A: b',
    'X-A: b\x00c',
    'X-A: \x80\xff',
    'Connection: X-A, keep-alive',
    'Expect: 100-continue',
    'X_A: \t v \t ',
  ),
  fc.string({ maxLength: 12, unit: 'binary-ascii' }),
);
const chunkedText = fc
  .array(
    oneOf(
      '5\r\nhello\r\n',
      'a;x=y\r\n0123456789\r\n',
      '1;q="\\""\r\nx\r\n',
      '0\r\n',
      '\r\n',
      '005\r\nhello\r\n',
      '5\nhello\r\n',
      '-1\r\n',
      'X-T: 1\r\n',
      ' ',
      'F',
    ),
    {
      maxLength: 6,
    },
  )
  .map(parts => `${parts.join('')}0\r\n\r\n`);
const body = fc.oneof(oneOf('', 'hello', 'hello world'), chunkedText);
const request = fc
  .tuple(
    oneOf('GET', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'get', 'G T', ''),
    space,
    oneOf('/', '/a?b=c', '/a#b', '*', 'http://a/x', 'a', '/\x7f', '/%00'),
    space,
    oneOf('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/1.2', 'HTTP/2.0', 'http/1.1'),
    eol,
    fc.array(fc.tuple(field, eol), { maxLength: 6 }),
    body,
  )
  .map(([method, s1, target, s2, version, end, fields, rest]) =>
    Buffer.from(`${method}${s1}${target}${s2}${version}${end}${fields.map(([f, e]) => f + e).join('')}\r\n${rest}`, 'latin1'),
  );
/** Mostly proper, so that much of it is accepted by both. */
const proper = fc
  .tuple(
    oneOf('GET', 'POST', 'PUT'),
    fc.array(oneOf('X-A: b', 'X-B:c', 'Accept:  x ', 'Connection: keep-alive', 'Cookie: a=\xe9'), { maxLength: 4 }),
    body,
    fc.nat(2),
  )
  .map(([method, fields, rest, framing]) => {
    const frame =
      framing === 0 ? `Content-Length: ${Math.min(rest.length, 5)}` : framing === 1 ? 'Transfer-Encoding: chunked' : 'X-None: 1';
    return Buffer.from(`${method} /p HTTP/1.1\r\nHost: a\r\n${[...fields, frame].join('\r\n')}\r\n\r\n${rest}`, 'latin1');
  });

describe('reading requests', () => {
  test('no input that Node accepts too is read differently', async () => {
    let both = 0;
    await fc.assert(
      fc.asyncProperty(fc.oneof(request, proper), async bytes => {
        const mine = ours(bytes);
        if (mine === null) return;
        const theirs = await nodes(bytes);
        if (theirs === null) return;
        both++;
        // Absolute form is forwarded as origin form; Node leaves that to its user.
        assert.deepEqual(mine, { ...theirs, target: theirs.target.replace(/^http:\/\/a/, '') });
      }),
      { numRuns: 1500, seed: 42 },
    );
    assert.ok(both > 100, `only ${both} inputs were accepted by both`);
  });

  test('a head cut short is incomplete or refused, never complete', () => {
    fc.assert(
      fc.property(fc.oneof(request, proper), bytes => {
        const end = head.read(bytes, 0, bytes.length);
        for (let cut = 0; cut < bytes.length; cut++) {
          const early = head.read(bytes, 0, cut);
          if (end > 0) assert.equal(early > 0 ? early : 0, cut >= end ? end : 0);
          // What was refused early stays refused.
          if (early < 0) assert.ok(end < 0);
        }
      }),
      { numRuns: 300, seed: 43 },
    );
  });

  test('what is forwarded reads the same again', () => {
    const again = new RequestHead();
    fc.assert(
      fc.property(fc.oneof(request, proper), bytes => {
        if (head.read(bytes, 0, bytes.length) <= 0) return;
        const { method, target, body: length } = head;
        const sent = Buffer.from(`${head.forward(0, '')}\r\n`, 'latin1');
        assert.equal(again.read(sent, 0, sent.length), sent.length);
        // Whoever sends it frames the body anew.
        const stated = length === chunkedBody ? 0 : length;
        assert.deepEqual([again.method, again.target, again.body, again.minor], [method, target, stated, 1]);
      }),
      { numRuns: 1000, seed: 44 },
    );
  });
});

describe('reading chunks', () => {
  test('any split gives the same result', () => {
    fc.assert(
      fc.property(chunkedText, text => {
        const bytes = Buffer.from(text, 'latin1');
        const whole = readChunks([bytes]);
        for (let cut = 0; cut <= bytes.length; cut++)
          assert.deepEqual(readChunks([bytes.subarray(0, cut), bytes.subarray(cut)]), whole);
        assert.deepEqual(readChunks(Array.from(bytes, byte => Buffer.from([byte]))), whole);
      }),
      { numRuns: 300, seed: 45 },
    );
  });

  test('what comes out written in chunks again reads the same', () => {
    fc.assert(
      fc.property(chunkedText, text => {
        const read = readChunks([Buffer.from(text, 'latin1')]);
        if (read.result !== chunkDone) return;
        const chunk = read.data === '' ? '' : `${read.data.length.toString(16)}\r\n${read.data}\r\n`;
        const again = readChunks([Buffer.from(`${chunk}0\r\n${read.lines}\r\n`, 'latin1')]);
        assert.deepEqual([again.data, again.lines], [read.data, read.lines]);
      }),
      { numRuns: 500, seed: 46 },
    );
  });
});

describe('reading answers', () => {
  const answer = new ResponseHead();
  test('random bytes never throw and never read past the end', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (noise, proper) => {
        const bytes = Buffer.concat([Buffer.from(proper ? 'HTTP/1.1 200 OK\r\nA: ' : ''), noise, Buffer.from('\r\n\r\n')]);
        const end = answer.read(bytes, 0, bytes.length);
        assert.ok(end <= bytes.length);
      }),
      { numRuns: 1000, seed: 47 },
    );
  });
});
