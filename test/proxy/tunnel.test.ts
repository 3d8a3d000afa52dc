import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Deadlines } from '../../src/async/deadline.ts';
import type { ByteStream } from '../../src/proxy/transport/byte-stream.ts';
import { frame, headerBytes, streamWindow, turnPayload } from '../../src/proxy/transport/tunnel/frame.ts';
import { FrameReader } from '../../src/proxy/transport/tunnel/frame-reader.ts';
import { Tunnel } from '../../src/proxy/transport/tunnel/tunnel.ts';
import { Listener, pattern, pour } from '../contract/byte-stream-contract.ts';
import { eventually } from '../support/eventually.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';
import { type LinkEnd, type LinkOptions, memoryLink } from '../support/memory-link.ts';

interface Rig {
  readonly clock: ManualClock;
  readonly client: Tunnel;
  readonly server: Tunnel;
  readonly near: LinkEnd;
  readonly far: LinkEnd;
  readonly accepted: Listener[];
  readonly problems: string[];
}

function rig(options: LinkOptions = {}, resume = true): Rig {
  const clock = manualClock();
  const deadlines = new Deadlines(clock);
  const times = { pings: deadlines.of(10_000), idle: deadlines.of(60_000) };
  const [near, far] = memoryLink(options);
  const accepted: Listener[] = [];
  const problems: string[] = [];
  const opened = (stream: ByteStream): void => void accepted.push(new Listener(stream, resume));
  const server = new Tunnel(far, { opened, closed: problem => problems.push(`server: ${problem}`) }, times);
  const client = new Tunnel(near, { closed: problem => problems.push(`client: ${problem}`) }, times);
  return { clock, client, server, near, far, accepted, problems };
}

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve));
/** Long enough for everything that does not depend on time: the link moves once per turn. */
const turns = async (count = 20): Promise<void> => {
  for (let i = 0; i < count; i++) await turn();
};
const soon = (check: () => void): Promise<void> => eventually(check, { everyMs: 1 });

/** The frames in `bytes`, as `type id length`. */
function framesIn(bytes: Buffer): { type: number; id: number; value: number }[] {
  const found: { type: number; id: number; value: number }[] = [];
  const reader = new FrameReader({
    frame: (type, id, value) => found.push({ type, id, value }) > 0,
    payload: () => true,
    malformed: assert.fail,
  });
  reader.read(bytes, 0, bytes.length);
  return found;
}

describe('a tunnel', () => {
  test('sends what many streams write in one turn in one write, first bytes with the open', async () => {
    const { client, near, accepted } = rig({ manual: true });
    const streams = Array.from({ length: 50 }, () => client.open());
    await turn();
    near.step();
    near.writes.length = 0;
    for (const stream of streams) {
      stream.text('head ');
      stream.write(Buffer.from('body'));
    }
    const late = client.open();
    late.text('first ');
    late.text('bytes');
    await turn();
    assert.deepEqual(near.writes, [50 * (headerBytes + 9) + headerBytes + 11]);
    const frames = framesIn(Buffer.concat(near.outbox));
    assert.equal(frames.length, 51, 'a frame per stream');
    assert.deepEqual(frames.at(-1), { type: frame.open, id: 51, value: 11 });
    near.step();
    assert.equal(accepted.at(-1)?.text, 'first bytes');
    assert.equal(accepted[7]?.text, 'head body');
  });

  test('announces streams in order, also where a later one writes first', async () => {
    const { client, accepted, problems } = rig();
    const [quiet, given, late] = [client.open(), client.open(), client.open()];
    given.destroy();
    late.text('first');
    quiet.text('then');
    client.open().end();
    await soon(() => assert.deepEqual(accepted.map(({ text }) => text).sort(), ['', 'first', 'then']));
    assert.deepEqual(problems, []);
  });

  test('opens a stream whose user waits for the server to speak', async () => {
    const { client, accepted } = rig();
    const stream = new Listener(client.open());
    await soon(() => assert.equal(accepted.length, 1));
    accepted[0]?.stream.text('server first');
    await soon(() => assert.equal(stream.text, 'server first'));
  });

  test('lets streams take turns once the connection is full: a small message waits for one frame of each large one', async () => {
    const { client, near } = rig({ manual: true });
    const filler = client.open();
    const bulk = Array.from({ length: 4 }, () => client.open());
    const small = Array.from({ length: 3 }, () => client.open());
    await turn();
    near.step();
    near.capacity = 0;
    filler.write(Buffer.alloc(240_000));
    await turn();
    // The connection takes no more: the large ones wait, and then the small ones come.
    assert.ok(near.waiting > 0);
    for (const stream of bulk) stream.write(Buffer.alloc(200_000));
    await turn();
    for (const stream of small) stream.text('small');
    await turn();
    near.outbox.length = 0;
    const sent: string[] = [];
    for (let i = 0; i < 60; i++) {
      for (const { type, id, value } of framesIn(Buffer.concat(near.outbox))) {
        assert.ok(value <= turnPayload);
        if (type === frame.data) sent.push(value === 5 ? 'small' : `${id}`);
      }
      near.outbox.length = 0;
      near.step();
      await turn();
    }
    const lastSmall = sent.lastIndexOf('small');
    assert.equal(sent.filter(what => what === 'small').length, 3);
    assert.ok(lastSmall < bulk.length + small.length, `turns: ${sent.join(' ')}`);
    // The large ones go on in the same order, each as often as the others.
    const after = sent.slice(lastSmall + 1, lastSmall + 1 + 4 * 5);
    for (let i = 4; i < after.length; i++) assert.equal(after[i], after[i - 4], `turns: ${sent.join(' ')}`);
    assert.equal(new Set(after.slice(0, 4)).size, 4);
  });

  test('a reader that takes nothing stops its own stream at the window, and no other', async () => {
    const { client, accepted, near } = rig({}, false);
    const slow = new Listener(client.open());
    const quick = new Listener(client.open());
    await soon(() => assert.equal(accepted.length, 2));
    const [slowFar, quickFar] = accepted as [Listener, Listener];
    quickFar.stream.resume();
    near.writes.length = 0;
    pour(slow, Buffer.alloc(5_000_000), 100_000);
    await turns();
    const sent = near.writes.reduce((sum, bytes) => sum + bytes, 0);
    assert.ok(sent >= streamWindow && sent < streamWindow + 2000, `${sent} bytes for a reader that takes none`);
    pour(quick, pattern(5_000_000, 1), 100_000);
    await soon(() => assert.deepEqual(quickFar.events, ['bytes', 'ended']));
    assert.equal(slowFar.length, 0);
    slowFar.stream.resume();
    await soon(() => assert.deepEqual(slowFar.events, ['bytes', 'ended']));
    assert.equal(slowFar.length, 5_000_000);
  });

  test('asks a silent peer, and gives up when it does not answer: every stream fails', async () => {
    const { client, clock, near, far, accepted, problems } = rig();
    const streams = Array.from({ length: 3 }, () => new Listener(client.open()));
    await soon(() => assert.equal(accepted.length, 3));
    // A peer that has nothing to say is no dead one.
    for (let i = 0; i < 10; i++) {
      clock.advance(10_000);
      await turns();
    }
    assert.deepEqual(problems, []);
    near.silent = true;
    far.silent = true;
    for (let i = 0; i < 3; i++) {
      clock.advance(10_000);
      await turns();
    }
    assert.equal(problems.toSorted().join(), 'client: the peer does not answer,server: the peer does not answer');
    for (const stream of streams) assert.deepEqual(stream.events, ['failed']);
  });

  test('ends after a while without streams, properly on both sides', async () => {
    const { client, clock, accepted, problems } = rig();
    const stream = new Listener(client.open());
    await soon(() => assert.equal(accepted.length, 1));
    for (let i = 0; i < 20; i++) {
      clock.advance(10_000);
      await turns(6);
    }
    assert.deepEqual(problems, [], 'a stream keeps it');
    stream.stream.destroy();
    for (let i = 0; i < 7; i++) {
      clock.advance(10_000);
      await turns(6);
    }
    assert.deepEqual(problems.sort(), ['client: ', 'server: ']);
    assert.equal(client.usable, false);
  });

  test('drains: no new streams, the ones there finish, then it ends', async () => {
    const { client, server, accepted, problems } = rig();
    const stream = new Listener(client.open());
    stream.stream.text('question');
    await soon(() => assert.equal(accepted.length, 1));
    server.drain();
    const crossing = new Listener(client.open());
    crossing.stream.text('on its way');
    await soon(() => assert.equal(client.usable, false));
    assert.equal(accepted[1]?.text, 'on its way');
    for (const each of accepted) {
      each.stream.text('answer');
      each.stream.end();
    }
    stream.stream.end();
    await soon(() => assert.deepEqual(stream.events, ['bytes', 'ended', 'proper']));
    assert.deepEqual(problems, []);
    crossing.stream.end();
    await soon(() => assert.deepEqual(problems.sort(), ['client: ', 'server: ']));
  });

  test('a stream that is destroyed with data still waiting looks broken', async () => {
    const { client, accepted } = rig({}, false);
    const stream = client.open();
    stream.write(Buffer.alloc(streamWindow + 100_000));
    await soon(() => assert.equal(accepted.length, 1));
    await turns();
    stream.destroy();
    accepted[0]?.stream.resume();
    await soon(() => assert.equal(accepted[0]?.closedAs, 'failed'));
    assert.ok(!accepted[0]?.events.includes('ended'));
  });

  test('who waits to send to a stream that the peer has destroyed learns it, also while paused', async () => {
    const { client, accepted } = rig({}, false);
    const stream = new Listener(client.open(), false);
    stream.stream.write(Buffer.alloc(streamWindow + 100_000));
    await soon(() => assert.equal(accepted.length, 1));
    await turns();
    accepted[0]?.stream.text('unread');
    accepted[0]?.stream.destroy();
    await soon(() => assert.deepEqual(stream.events, ['failed']));
  });

  test('a stream that is destroyed before it was announced is never announced', async () => {
    const { client, accepted } = rig();
    client.open().destroy();
    new Listener(client.open()).stream.text('next');
    await soon(() => assert.equal(accepted[0]?.text, 'next'));
    assert.equal(accepted.length, 1);
    assert.equal(client.streams, 1);
  });

  test('many streams opened and ended leave nothing behind', async () => {
    const { client, server, accepted, problems } = rig();
    for (let round = 0; round < 50; round++) {
      const streams = Array.from({ length: 40 }, () => new Listener(client.open()));
      for (const stream of streams) {
        stream.stream.text('q');
        stream.stream.end();
      }
      await soon(() => assert.equal(accepted.filter(each => each.events.includes('ended')).length, 40));
      for (const each of accepted.splice(0)) {
        each.stream.text('a');
        if (round % 2 === 0) each.stream.end();
        else each.stream.destroy();
      }
      await soon(() => assert.ok(streams.every(stream => stream.closedAs === 'proper')));
    }
    assert.equal(client.streams, 0);
    assert.equal(server.streams, 0);
    assert.deepEqual(problems, []);
  });
});
