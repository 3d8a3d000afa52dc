/** What every ByteStream promises, whatever carries it. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { afterEach, describe, test } from 'node:test';
import type { ByteStream, StreamReader } from '../../src/proxy/transport/byte-stream.ts';
import { eventually } from '../support/eventually.ts';

/** Both ends of one stream. */
export interface StreamPair {
  /** The end that connected. */
  readonly near: ByteStream;
  /** The end that was accepted; it exists once `near` has written. */
  readonly far: () => Promise<ByteStream>;
  readonly close: () => void;
}

/** Reads a stream and writes down everything it hears. */
export class Listener implements StreamReader {
  readonly events: string[] = [];
  readonly hash = createHash('sha256');
  readonly stream: ByteStream;
  text = '';
  length = 0;
  drains = 0;
  /** Called with each piece. */
  onBytes: (text: string) => void = () => {};
  onEnded = (): void => {};
  onDrained = (): void => {};
  #inside = false;

  constructor(stream: ByteStream, resume = true) {
    this.stream = stream;
    stream.readBy(this);
    if (resume) stream.resume();
  }

  /** How it closed; `null` while it has not. */
  get closedAs(): 'proper' | 'failed' | null {
    const last = this.events.at(-1);
    return last === 'proper' || last === 'failed' ? last : null;
  }

  /** Calls a method of the stream and proves that nothing is told meanwhile. */
  call<T>(act: (stream: ByteStream) => T): T {
    this.#inside = true;
    try {
      return act(this.stream);
    } finally {
      this.#inside = false;
    }
  }

  bytes(bytes: Buffer, from: number, to: number): void {
    this.#check();
    assert.ok(to > from, 'bytes without bytes');
    this.hash.update(bytes.subarray(from, to));
    this.length += to - from;
    if (this.text.length < 1000) this.text += bytes.toString('latin1', from, to);
    if (this.events.at(-1) !== 'bytes') this.events.push('bytes');
    this.onBytes(bytes.toString('latin1', from, to));
  }

  ended(): void {
    this.#check();
    assert.ok(!this.events.includes('ended'), 'ended twice');
    this.events.push('ended');
    this.onEnded();
  }

  drained(): void {
    this.#check();
    this.drains++;
    this.onDrained();
  }

  closed(failed: boolean): void {
    this.#check();
    this.events.push(failed ? 'failed' : 'proper');
  }

  #check(): void {
    assert.ok(!this.#inside, 'told something from within a call of its own methods');
    assert.equal(this.closedAs, null, 'told something after closed');
  }
}

/** Bytes that show where they come from, not repeating for long. */
export function pattern(length: number, seed: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let state = seed >>> 0 || 1;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** Writes all of `bytes` with respect for backpressure, then ends. */
export function pour(listener: Listener, bytes: Buffer, pieceBytes: number): void {
  let at = 0;
  const more = (): void => {
    while (at < bytes.length) {
      const piece = bytes.subarray(at, at + pieceBytes);
      at += piece.length;
      if (!listener.stream.write(piece)) return;
    }
    listener.onDrained = () => {};
    listener.stream.end();
  };
  listener.onDrained = more;
  more();
}

/** Runs the contract. `resets`: whether `reset` reaches the peer as a break. */
export function byteStreamContract(name: string, makePair: () => Promise<StreamPair>): void {
  const pairs: StreamPair[] = [];
  afterEach(() => {
    for (const pair of pairs.splice(0)) pair.close();
  });
  const open = async (hello = 'hello'): Promise<{ near: Listener; far: Listener }> => {
    const pair = await makePair();
    pairs.push(pair);
    const near = new Listener(pair.near);
    near.stream.text(hello);
    const far = new Listener(await pair.far(), false);
    return { near, far };
  };
  const heard = (listener: Listener, text: string): Promise<void> =>
    eventually(() => assert.equal(listener.text, text), { everyMs: 1, what: `hearing ${text}` });
  const closed = (listener: Listener, as: 'proper' | 'failed'): Promise<void> =>
    eventually(() => assert.equal(listener.closedAs, as), { everyMs: 1, what: `closing ${as}` });

  describe(name, () => {
    test('carries bytes both ways, text and buffers in the order they were written', async () => {
      const { near, far } = await open('one ');
      far.stream.resume();
      near.stream.text('tw\xf6 ');
      near.stream.write(Buffer.from('three '));
      near.stream.text('four');
      await heard(far, 'one tw\xf6 three four');
      far.stream.write(Buffer.from([0, 255, 13, 10]));
      await heard(near, '\x00\xff\r\n');
    });

    test('begins paused: what came before is told after resume', async () => {
      const { near, far } = await open();
      near.stream.text(' again');
      // The other direction proves that time has passed.
      far.stream.text('sync');
      await heard(near, 'sync');
      assert.deepEqual(far.events, []);
      far.call(stream => stream.resume());
      await heard(far, 'hello again');
    });

    test('half-close: the one that connected ends first', async () => {
      const { near, far } = await open('question');
      far.stream.resume();
      near.stream.end();
      await eventually(() => assert.deepEqual(far.events, ['bytes', 'ended']), { everyMs: 1 });
      assert.equal(far.stream.ended, true);
      assert.equal(near.stream.destroyed, false);
      far.stream.text('answer');
      await heard(near, 'answer');
      far.stream.end();
      await closed(near, 'proper');
      await closed(far, 'proper');
      assert.deepEqual(near.events, ['bytes', 'ended', 'proper']);
    });

    test('half-close: the one that accepted ends first', async () => {
      const { near, far } = await open('question');
      far.stream.resume();
      far.stream.text('greeting');
      far.stream.end();
      await eventually(() => assert.deepEqual(near.events, ['bytes', 'ended']), { everyMs: 1 });
      near.stream.text(' and more');
      near.stream.end();
      await closed(near, 'proper');
      await closed(far, 'proper');
      assert.equal(far.text, 'question and more');
    });

    test('an end does not overtake what was written before it', async () => {
      const { near, far } = await open();
      far.stream.resume();
      const body = pattern(2_000_000, 7);
      near.stream.write(body);
      near.stream.end();
      await eventually(() => assert.equal(far.events.at(-1), 'ended'), { everyMs: 1 });
      assert.equal(far.length, body.length + 5);
    });

    test('an end is not told while paused', async () => {
      const { near, far } = await open();
      near.stream.end();
      far.stream.text('sync');
      await heard(near, 'sync');
      assert.deepEqual(far.events, []);
      assert.equal(far.stream.ended, false);
      far.stream.resume();
      await eventually(() => assert.deepEqual(far.events, ['bytes', 'ended']), { everyMs: 1 });
    });

    test('a reset is a failure to both sides', async () => {
      const { near, far } = await open();
      far.stream.resume();
      await heard(far, 'hello');
      far.call(stream => stream.reset());
      assert.equal(far.stream.destroyed, true);
      await closed(near, 'failed');
      await closed(far, 'failed');
      assert.ok(!near.events.includes('ended'), 'a reset looks like an end');
    });

    test('a reset from the side that connected arrives as one', async () => {
      const { near, far } = await open();
      far.stream.resume();
      await heard(far, 'hello');
      near.stream.reset();
      await closed(far, 'failed');
      assert.ok(!far.events.includes('ended'));
    });

    test('a reset does not wait for a paused reader', async () => {
      const { near, far } = await open();
      far.stream.pause();
      near.stream.text('x'.repeat(1000));
      near.stream.reset();
      // Something is written: a socket notices then at the latest.
      await eventually(() => {
        far.stream.text('?');
        assert.equal(far.closedAs, 'failed');
      });
    });

    test('destroy ends both sides, and what was written before is still read', async () => {
      const { near, far } = await open();
      far.stream.resume();
      await heard(far, 'hello');
      far.stream.text('last words');
      await heard(near, 'last words');
      far.call(stream => stream.destroy());
      assert.equal(far.stream.destroyed, true);
      await closed(far, 'failed');
      await eventually(() => {
        near.stream.text('?');
        assert.notEqual(near.closedAs, null);
      });
    });

    test('writes to a destroyed stream are thrown away', async () => {
      const { near, far } = await open();
      near.stream.destroy();
      near.stream.destroy();
      near.stream.reset();
      near.stream.text('late');
      near.stream.write(Buffer.from('late'));
      near.stream.end();
      near.stream.resume();
      await closed(near, 'failed');
      near.stream.text('later');
      far.stream.resume();
      await eventually(() => {
        far.stream.text('?');
        assert.notEqual(far.closedAs, null);
      });
      assert.ok(!far.text.includes('late'));
    });

    test('writes after end are thrown away', async () => {
      const { near, far } = await open();
      far.stream.resume();
      near.stream.end();
      near.stream.text('late');
      await eventually(() => assert.deepEqual(far.events, ['bytes', 'ended']), { everyMs: 1 });
      assert.equal(far.text, 'hello');
      far.stream.end();
      await closed(near, 'proper');
    });

    test('a full stream says so, and drains once the peer reads', async () => {
      const { near, far } = await open();
      const piece = Buffer.alloc(64 * 1024, 'x');
      let written = 5;
      // As much as nobody takes any more for a while: more than every buffer on the way.
      let full = 0;
      while (full < 3 && written < 200_000_000) {
        written += piece.length;
        if (near.call(stream => stream.write(piece))) continue;
        const before = near.drains;
        full++;
        far.stream.text('.');
        await eventually(() => assert.equal(near.length, full), { everyMs: 1 });
        if (near.drains > before) full = 0;
        if (full === 0) near.length = 0;
      }
      assert.ok(written < 200_000_000, 'never full');
      assert.equal(far.length, 0);
      const before = near.drains;
      far.stream.resume();
      await eventually(() => assert.ok(near.drains > before), { everyMs: 1 });
      await eventually(() => assert.equal(far.length, written), { everyMs: 1 });
    });

    test('pausing within bytes stops them, resuming brings them all', async () => {
      const { near, far } = await open();
      const body = pattern(3_000_000, 3);
      let paused = false;
      let resumes = 0;
      far.onBytes = () => {
        assert.ok(!paused, 'bytes while paused');
        paused = true;
        far.call(stream => stream.pause());
        setImmediate(() => {
          paused = false;
          resumes++;
          far.call(stream => stream.resume());
        });
      };
      far.stream.resume();
      pour(near, body, 100_000);
      await eventually(() => assert.equal(far.events.at(-1), 'ended'), { everyMs: 1 });
      assert.equal(far.length, body.length + 5);
      assert.ok(resumes > 3);
    });

    test('what is written between cork and uncork arrives', async () => {
      const { near, far } = await open();
      far.stream.resume();
      near.stream.cork();
      near.stream.text(' head');
      near.stream.write(Buffer.from(' body'));
      near.stream.uncork();
      await heard(far, 'hello head body');
    });

    test('readBy hands over in the middle: the one before hears nothing more', async () => {
      const { near, far } = await open('first');
      far.stream.resume();
      await heard(far, 'first');
      const second = new Listener(far.stream, false);
      near.stream.text('second');
      near.stream.end();
      await eventually(() => assert.deepEqual(second.events, ['bytes', 'ended']), { everyMs: 1 });
      assert.equal(second.text, 'second');
      assert.equal(far.text, 'first');
      far.stream.end();
      await closed(second, 'proper');
      assert.deepEqual(far.events, ['bytes']);
    });

    test('readBy tells what happened while nobody read', async () => {
      const { near, far } = await open();
      far.stream.resume();
      await heard(far, 'hello');
      near.stream.reset();
      await closed(far, 'failed');
      const pair = await makePair();
      pairs.push(pair);
      pair.near.text('x');
      const unread = await pair.far();
      pair.near.reset();
      await eventually(() => {
        unread.text('?');
        assert.equal(unread.destroyed, true);
      });
      const late = new Listener(unread);
      await closed(late, 'failed');
      assert.deepEqual(late.events, ['failed']);
    });

    test('10 MB each way at the same time arrive as they were sent', async () => {
      const { near, far } = await open('');
      // Nothing was written by `open`: the stream must open all the same.
      const up = pattern(10_000_000, 1);
      const down = pattern(10_000_000, 2);
      const sum = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
      far.stream.resume();
      pour(near, up, 70_001);
      pour(far, down, 1_000_003);
      await closed(near, 'proper');
      await closed(far, 'proper');
      assert.equal(far.hash.digest('hex'), sum(up));
      assert.equal(near.hash.digest('hex'), sum(down));
    });
  });
}
