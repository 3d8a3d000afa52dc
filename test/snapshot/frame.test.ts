import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeFrame, FrameError, FrameReader } from '../../src/snapshot/frame.ts';

function frame(body: string | Buffer): Buffer {
  const bytes = Buffer.from(body as string);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(bytes.length);
  return Buffer.concat([head, bytes]);
}

const isFrameError = (code: FrameError['code']) => (error: unknown) => error instanceof FrameError && error.code === code;

test('messages come out whole and in order, however the bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.jsonValue(), { maxLength: 6 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
      (messages, cuts) => {
        const bytes = Buffer.concat(messages.map(message => encodeFrame(message)));
        const reader = new FrameReader();
        const out: unknown[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const end = at + (cuts[turn % cuts.length] ?? 1);
          out.push(...reader.push(bytes.subarray(at, end)));
          at = end;
        }
        assert.deepEqual(out, JSON.parse(JSON.stringify(messages)));
      },
    ),
    { numRuns: 100 },
  );
});

test('several frames in one chunk are all returned', () => {
  const bytes = Buffer.concat([encodeFrame({ a: 1 }), encodeFrame('é'), encodeFrame(null)]);
  assert.deepEqual(new FrameReader().push(bytes), [{ a: 1 }, 'é', null]);
});

test('an announced length over the limit is refused at once', () => {
  const reader = new FrameReader(10);
  assert.deepEqual(reader.push(frame('"12345678"')), ['12345678']);
  assert.throws(() => reader.push(Buffer.from([0, 0, 0, 11])), isFrameError('too-large'));
  assert.throws(() => new FrameReader().push(Buffer.from([0xff, 0xff, 0xff, 0xff])), isFrameError('too-large'));
});

test('bytes that are not UTF-8 JSON are refused without quoting them', () => {
  for (const body of ['', '{', 'secret', Buffer.from([0x22, 0xff, 0x22]), `${'['.repeat(200_000)}`]) {
    assert.throws(
      () => new FrameReader().push(frame(body)),
      (error: unknown) => isFrameError('not-json')(error) && !(error as Error).message.includes('secret'),
    );
  }
});

test('a message that does not fit is refused by the sender', () => {
  assert.throws(() => encodeFrame('x'.repeat(20), 10), isFrameError('too-large'));
});
