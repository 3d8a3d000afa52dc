/**
 * Peers of a tunnel that break its rules, connections that are cut, and bytes that come in any pieces. A peer has a certificate of the mesh, but its
 * sidecar may be taken over: it must not take memory or time without bound, and nothing that is cut may look complete.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { systemClock } from '../../src/async/clock.ts';
import { Deadlines } from '../../src/async/deadline.ts';
import { createRandom } from '../../src/async/random.ts';
import type { ByteStream } from '../../src/proxy/transport/byte-stream.ts';
import { frame, maxPayload, maxStreams, streamWindow } from '../../src/proxy/transport/tunnel/frame.ts';
import { Inbox } from '../../src/proxy/transport/tunnel/inbox.ts';
import { Tunnel } from '../../src/proxy/transport/tunnel/tunnel.ts';
import { Listener, pattern } from '../contract/byte-stream-contract.ts';
import { eventually } from '../support/eventually.ts';
import { type LinkEnd, type LinkOptions, memoryLink } from '../support/memory-link.ts';

function bytesOf(type: number, id: number, value: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt8(type, 0);
  header.writeUIntBE(value, 1, 3);
  header.writeUInt32BE(id, 4);
  return Buffer.concat([header, payload]);
}

const open = (id: number, data = ''): Buffer => bytesOf(frame.open, id, data.length, Buffer.from(data));
const data = (id: number, length: number): Buffer => bytesOf(frame.data, id, length, Buffer.alloc(length));
const times = (): { pings: ReturnType<Deadlines['of']>; idle: ReturnType<Deadlines['of']> } => {
  const deadlines = new Deadlines(systemClock);
  return { pings: deadlines.of(10_000), idle: deadlines.of(60_000) };
};
const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve));
const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await turn();
};

interface Attacked {
  /** The attacker's end of the connection. */
  readonly raw: LinkEnd;
  readonly tunnel: Tunnel;
  readonly streams: Listener[];
  /** What the tunnel said at its end; `null` while it lives. */
  problem: string | null;
}

/** A tunnel with an attacker at the other end, who also hears nothing of protocol. */
function attacked(side: 'server' | 'client', resume = true): Attacked {
  const [raw, own] = memoryLink();
  const streams: Listener[] = [];
  raw.readBy({ bytes: () => {}, ended: () => {}, drained: () => {}, closed: () => {} });
  raw.resume();
  const made: Attacked = {
    raw,
    streams,
    problem: null,
    tunnel: new Tunnel(
      own,
      {
        closed: problem => {
          made.problem = problem;
        },
        ...(side === 'client' ? {} : { opened: (stream: ByteStream): void => void streams.push(new Listener(stream, resume)) }),
      },
      times(),
    ),
  };
  return made;
}

describe('a peer that breaks the rules loses its connection, and its streams break', () => {
  const cases: Readonly<Record<string, readonly [problem: RegExp, ...frames: Buffer[]]>> = {
    'no frame at all': [/unknown frame type/, Buffer.from('GET / HTTP/1.1\r\nhost: a\r\n\r\n')],
    'frame type 0': [/unknown frame type 0/, bytesOf(0, 1, 0)],
    'a frame of 16 MB': [/too long/, bytesOf(frame.open, 1, 0xffffff)],
    'a frame one byte too long': [/too long/, open(1), bytesOf(frame.data, 1, maxPayload + 1)],
    'an empty data frame': [/empty/, open(1), bytesOf(frame.data, 1, 0)],
    'an end with a length': [/without payload/, open(1), bytesOf(frame.end, 1, 4)],
    'data for a stream that never was': [/never was/, data(7, 1)],
    'an end for a stream that never was': [/never was/, bytesOf(frame.end, 7, 0)],
    'stream 0': [/wrong id/, open(0)],
    'the same stream twice': [/wrong id/, open(1), open(1)],
    'ids that go back': [/wrong id/, open(5), open(4)],
    'an id with the top bit': [/wrong id/, open(0x80000000)],
    'data after its end': [/beyond credit or end/, open(1), bytesOf(frame.end, 1, 0), data(1, 1)],
    'two ends': [/ended twice/, open(1), bytesOf(frame.end, 1, 0), bytesOf(frame.end, 1, 0)],
    'credit for data that was never sent': [/more credit than data/, open(1), bytesOf(frame.credit, 1, 1)],
    'credit of 0': [/credit out of range/, open(1), bytesOf(frame.credit, 1, 0)],
    'goaway twice': [/drained twice/, bytesOf(frame.goaway, 0, 0), bytesOf(frame.goaway, 0, 0)],
    'a stream after goaway': [/after the last one/, bytesOf(frame.goaway, 0, 0), open(1)],
    'more streams than allowed': [/too many streams/, ...Array.from({ length: maxStreams + 1 }, (_, i) => open(i + 1))],
    'data for a stream it has reset': [/streams that are over/, open(1), bytesOf(frame.reset, 1, 0), data(1, 1)],
    'streams opened only to be reset': [
      /opened only to be broken/,
      ...Array.from({ length: 100 }, (_, i) => Buffer.concat([open(i + 1, 'GET'), bytesOf(frame.reset, i + 1, 0)])),
    ],
  };
  for (const [name, [problem, ...frames]] of Object.entries(cases))
    test(name, async () => {
      const state = attacked('server');
      state.raw.write(Buffer.concat(frames));
      await eventually(() => assert.match(state.problem ?? '', problem), { everyMs: 1 });
      for (const stream of state.streams) await eventually(() => assert.equal(stream.closedAs, 'failed'), { everyMs: 1 });
    });

  test('data beyond its credit', async () => {
    const state = attacked('server', false);
    state.raw.write(open(1));
    for (let sent = 0; sent < streamWindow; sent += 16_384) state.raw.write(data(1, 16_384));
    await turns(3);
    assert.equal(state.problem, null, 'all of its credit is its own');
    state.raw.write(data(1, 1));
    await eventually(() => assert.match(state.problem ?? '', /beyond credit/), { everyMs: 1 });
    await eventually(() => assert.equal(state.streams[0]?.closedAs, 'failed'), { everyMs: 1 });
  });

  test('a server that opens streams', async () => {
    const state = attacked('client');
    const stream = new Listener(state.tunnel.open());
    state.raw.write(open(2));
    await eventually(() => assert.match(state.problem ?? '', /wrong id/), { everyMs: 1 });
    await eventually(() => assert.equal(stream.closedAs, 'failed'), { everyMs: 1 });
  });

  test('endless data for a stream that was reset here', async () => {
    const state = attacked('server');
    state.raw.write(open(1, 'x'));
    await eventually(() => assert.equal(state.streams.length, 1), { everyMs: 1 });
    state.streams[0]?.stream.reset();
    // What was on its way is no fault.
    for (let i = 0; i < 15; i++) state.raw.write(data(1, 16_384));
    state.raw.write(bytesOf(frame.end, 1, 0));
    await turns(5);
    assert.equal(state.problem, null);
    for (let i = 0; i < 3; i++) state.raw.write(data(1, 16_384));
    await eventually(() => assert.match(state.problem ?? '', /streams that are over/), { everyMs: 1 });
  });
});

describe('floods', () => {
  test('of pings are answered once per turn', async () => {
    const state = attacked('server');
    let heard = 0;
    state.raw.readBy({ bytes: (_, from, to) => (heard += to - from), ended: () => {}, drained: () => {}, closed: () => {} });
    for (let i = 0; i < 20; i++)
      state.raw.write(Buffer.concat(Array.from({ length: 5000 }, (_, n) => bytesOf(frame.ping, n, 0))));
    await turns(10);
    assert.equal(state.problem, null);
    assert.ok(heard > 0 && heard <= 30 * 8, `${heard} bytes of pongs`);
    state.tunnel.destroy();
  });

  test('of requests whose answers are not read end the connection', async () => {
    const state = attacked('server');
    state.raw.pause();
    for (let i = 0; i < 400 && state.problem === null; i++) {
      // Each stream is refused here, so each costs an answer.
      state.raw.write(Buffer.concat(Array.from({ length: 200 }, (_, n) => open(1 + i * 200 + n))));
      await turn();
      for (const stream of state.streams.splice(0)) stream.stream.reset();
      await turn();
    }
    assert.match(state.problem ?? '', /does not read/);
  });

  test('of frames of one byte for a stream that nobody reads take no more memory than their bytes', () => {
    const inbox = new Inbox();
    for (let i = 0; i < 100_000; i++) {
      // Each byte comes in a read of its own.
      const read = Buffer.alloc(16, i);
      inbox.push(read, 3, 4);
    }
    const kept = new Set<ArrayBufferLike>();
    let length = 0;
    for (let piece = inbox.shift(); piece !== null; piece = inbox.shift()) {
      for (const byte of piece) assert.equal(byte, length++ & 255);
      kept.add(piece.buffer);
    }
    assert.equal(length, 100_000);
    const memory = [...kept].reduce((sum, buffer) => sum + buffer.byteLength, 0);
    assert.ok(memory < 120_000, `${memory} bytes for 100000`);
  });
});

test('a connection that is cut after any byte: every stream fails, nothing looks complete', async () => {
  const body = pattern(3000, 5);
  const converse = async (cutAfter: number): Promise<{ moved: number; whole: boolean }> => {
    let moved = 0;
    const options: LinkOptions = {
      pieces: () => {
        const left = cutAfter - moved;
        const take = Math.min(left, 97);
        moved += take;
        return take;
      },
      manual: true,
    };
    const [near, far] = memoryLink(options);
    const accepted: Listener[] = [];
    const server = new Tunnel(far, { opened: s => void accepted.push(new Listener(s)), closed: () => {} }, times());
    const client = new Tunnel(near, { closed: () => {} }, times());
    const sent = [1, 2, 3].map(() => new Listener(client.open()));
    for (const { stream } of sent) {
      stream.write(body);
      stream.end();
    }
    await turn();
    while (moved < cutAfter && near.outbox.length > 0) near.step(1);
    const whole = near.outbox.length === 0;
    near.cut();
    await turns(4);
    for (const stream of sent) assert.deepEqual(stream.events, ['failed']);
    for (const stream of accepted) {
      if (stream.events.includes('ended')) assert.equal(stream.length, body.length, `cut after ${cutAfter}`);
      assert.equal(stream.closedAs, 'failed');
    }
    server.destroy();
    return { moved, whole };
  };
  for (let cut = 1; ; cut += 13) {
    const { whole } = await converse(cut);
    if (whole) break;
  }
});

test('random operations over a connection that cuts its bytes anywhere: what is read is what was written', async () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) await fuzz(seed);
});

/** One end of one stream, and what the model knows of it. */
interface End {
  readonly listener: Listener;
  readonly written: Buffer[];
  readonly read: Buffer[];
  ended: boolean;
  broken: boolean;
}

async function fuzz(seed: number): Promise<void> {
  const random = createRandom(seed);
  const below = (n: number): number => Math.floor(random.next() * n);
  const [near, far] = memoryLink({ pieces: () => 1 + below(below(10) === 0 ? 70_000 : 200) });
  const problems: string[] = [];
  const pairs: { near: End; far: End | null }[] = [];
  const endOf = (stream: ByteStream): End => {
    const listener = new Listener(stream, false);
    const end: End = { listener, written: [], read: [], ended: false, broken: false };
    listener.onBytes = text => end.read.push(Buffer.from(text, 'latin1'));
    return end;
  };
  let expected = 0;
  const server = new Tunnel(
    far,
    {
      opened: stream => {
        // Streams come in the order they were opened.
        const pair = pairs[expected++];
        assert.ok(pair !== undefined);
        pair.far = endOf(stream);
      },
      closed: problem => problems.push(problem),
    },
    times(),
  );
  const client = new Tunnel(near, { closed: problem => problems.push(problem) }, times());
  const act = (end: End): void => {
    const { stream } = end.listener;
    const dice = below(100);
    if (dice < 50) {
      const bytes = pattern(1 + below(below(8) === 0 ? 150_000 : 500), below(1 << 30));
      if (!end.ended && !end.broken && !stream.destroyed) end.written.push(bytes);
      if (dice < 25) stream.write(bytes);
      else stream.text(bytes.toString('latin1'));
    } else if (dice < 75) stream.resume();
    else if (dice < 90) stream.pause();
    else if (dice < 97) {
      stream.end();
      end.ended = true;
    } else {
      // One that has ended on both sides cannot be broken any more.
      if (!stream.destroyed) end.broken = true;
      if (dice < 99) stream.destroy();
      else stream.reset();
    }
  };
  for (let step = 0; step < 3000; step++) {
    if (pairs.length < 5 || (below(40) === 0 && client.streams < 50)) {
      const pair = { near: endOf(client.open()), far: null };
      pairs.push(pair);
      // Announced in any case: a stream destroyed before is not, and would shift the order.
      await turn();
      await turn();
    }
    const pair = pairs[Math.max(0, pairs.length - 1 - below(30))];
    const end = below(2) === 0 ? pair?.near : pair?.far;
    if (end !== null && end !== undefined) act(end);
    if (below(3) === 0) await turn();
  }
  // Everybody reads to the end.
  const all = pairs.flatMap(pair => (pair.far === null ? [pair.near] : [pair.near, pair.far]));
  for (const end of all) {
    end.listener.stream.end();
    end.ended = true;
    end.listener.stream.resume();
  }
  await eventually(() => assert.ok(pairs.every(pair => pair.far !== null)), { everyMs: 1, what: 'every stream announced' });
  for (const pair of pairs) {
    pair.far?.listener.stream.end();
    pair.far?.listener.stream.resume();
  }
  await eventually(
    () => assert.ok(pairs.every(pair => pair.near.listener.closedAs !== null && pair.far?.listener.closedAs !== null)),
    {
      everyMs: 1,
      what: `seed ${seed}: every stream closed`,
    },
  );
  assert.deepEqual(problems, [], `seed ${seed}`);
  let proper = 0;
  for (const [i, pair] of pairs.entries()) {
    if (pair.far === null) continue;
    for (const [from, to] of [
      [pair.near, pair.far],
      [pair.far, pair.near],
    ] as const) {
      const written = Buffer.concat(from.written);
      const read = Buffer.concat(to.read);
      const where = `seed ${seed}, stream ${i + 1}`;
      assert.ok(read.equals(written.subarray(0, read.length)), `${where}: other bytes`);
      // An end that was told is one: all is there.
      if (to.listener.events.includes('ended')) assert.equal(read.length, written.length, `${where}: looks complete`);
      if (to.listener.closedAs === 'proper') {
        proper++;
        // The other side may have been destroyed after its end: that is a proper one here.
        assert.ok(!to.broken && (from.ended || from.broken), where);
      }
    }
  }
  assert.ok(proper > 10, `seed ${seed}: ${proper} proper ends`);
  assert.equal(client.streams + server.streams, 0);
  client.destroy();
}
