import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { appendFile, chmod, mkdir, readdir, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import type { Clock } from '../../../src/async/clock.ts';
import { type EdgeName, type EdgeRow, emptyRow, quantile } from '../../../src/daemon/observe/edge-row.ts';
import { History, historyLimits } from '../../../src/daemon/observe/history.ts';
import { type Moment, Segment, segmentHead } from '../../../src/daemon/observe/segment.ts';
import { encodeTick } from '../../../src/daemon/observe/tick-codec.ts';
import { eventually } from '../../support/eventually.ts';
import { manualClock } from '../../support/manual-clock.ts';

const nowhere = { service: '', version: '', workload: '', principal: '' };

function edge(destination: string, source = 'web'): EdgeName {
  return { source: { ...nowhere, service: source }, destination: { ...nowhere, service: destination }, protocol: 'http' };
}

function row(requests: number, over: Partial<EdgeRow> = {}): EdgeRow {
  const made = { ...emptyRow(), requests, ...over };
  made.durations[3] = requests;
  return made;
}

function moment(atMs: number, requests: number, destination = 'api'): Moment {
  return { atMs, lengthMs: 1_000, rows: new Map([[edge(destination), row(requests)]]) };
}

/** A wall clock that the test sets. */
function clockAt(startMs: number): Clock & { set(ms: number): void } {
  let now = startMs;
  return {
    ...manualClock(),
    now: () => now,
    set: ms => {
      now = ms;
    },
  };
}

function setUp(t: TestContext, startMs = 1_700_000_000_000) {
  const stateDir = mkdtempSync(join(tmpdir(), 'history-'));
  t.after(() => rm(stateDir, { recursive: true, force: true }));
  const clock = clockAt(startMs);
  const warnings: string[] = [];
  const open = (limits = historyLimits): History =>
    new History({ clock, stateDir, limits, warn: message => warnings.push(message) });
  return { stateDir, folder: join(stateDir, 'history'), clock, warnings, open, startMs };
}

function requestsIn(history: History, fromMs: number, toMs: number): number {
  let sum = 0;
  for (const { rows } of history.moments(fromMs, toMs)) for (const each of rows.values()) sum += each.requests;
  return sum;
}

test('a segment reads back what was written, names and rules too', () => {
  const segment = new Segment(5_000);
  const full = row(7, {
    secured: true,
    bytesIn: 2 ** 40,
    open: 3,
    denied: 1,
    rules: new Map([['api/r', { hits: 7, failures: 2 }]]),
  });
  const bytes = segment.append({ atMs: 5_000, lengthMs: 1_000, rows: new Map([[edge('api'), full]]) });
  const more = segment.append({ atMs: 6_000, lengthMs: 1_000, rows: new Map([[edge('api'), row(1)]]) });
  assert.ok(more.length < bytes.length / 2, 'names are written once');
  const read = Segment.read(Buffer.concat([Buffer.from('mesh history 1\n'), bytes, more]));
  assert.equal(read?.whole, true);
  assert.deepEqual([...(read?.segment.moments(0, 10_000) ?? [])], [...segment.moments(0, 10_000)]);
  assert.deepEqual([...(read?.segment.moments(0, 5_000) ?? [])][0]?.rows.values().next().value, full);
  assert.equal(Segment.read(Buffer.from('mesh history 2\n')), null);
});

test('quantiles lie within the bucket that has them', () => {
  const durations = emptyRow().durations;
  assert.equal(quantile(durations, 0.5), null);
  durations[3] = 100; // 5 to 10 ms
  assert.equal(quantile(durations, 0.5), 7.5);
  durations[durations.length - 1] = 1_000;
  assert.equal(quantile(durations, 0.99), 3_600_000);
});

describe('the history', () => {
  test('keeps seconds, and minutes of what is older', async t => {
    const { open, clock, startMs } = setUp(t);
    const history = open();
    await history.load();
    const minute = Math.ceil(startMs / 60_000) * 60_000;
    for (let s = 1; s <= 20 * 60; s++) {
      clock.set(minute + s * 1_000);
      history.add(moment(minute + s * 1_000, 1));
    }
    const now = clock.now();
    assert.equal(requestsIn(history, now - 60_000, now), 60);
    assert.equal([...history.moments(now - 60_000, now)].length, 60);
    // Older than the seconds: whole minutes.
    assert.deepEqual(
      [...history.moments(minute, minute + 5 * 60_000)].map(each => [each.lengthMs, [...each.rows.values()][0]?.requests]),
      Array.from({ length: 5 }, () => [60_000, 60]),
    );
    await history.close();
  });

  test('is there again after a daemon that was killed', async t => {
    const { open, clock, startMs } = setUp(t);
    const history = open();
    await history.load();
    for (let s = 1; s <= 130; s++) history.add(moment(startMs + s * 1_000, 2));
    await history.close();
    clock.set(startMs + 140_000);
    const next = open();
    await next.load();
    assert.equal(requestsIn(next, startMs, startMs + 140_000), 260);
    // The minute that was under way comes to its end in the next daemon.
    next.add(moment(startMs + 240_000, 1));
    clock.set(startMs + 20 * 60_000);
    const minutes = [...next.moments(startMs - 60_000, startMs + 200_000)].filter(each => each.lengthMs === 60_000);
    assert.equal(
      minutes.reduce((sum, each) => sum + ([...each.rows.values()][0]?.requests ?? 0), 0),
      260,
    );
    await next.close();
  });

  test('a file that a crash cut short is read as far as it goes; one that is no history is removed; both are told', async t => {
    const { open, folder, warnings, startMs, clock } = setUp(t);
    const history = open();
    await history.load();
    for (let s = 1; s <= 10; s++) history.add(moment(startMs + s * 1_000, 1));
    await history.close();
    const [name = ''] = (await readdir(folder)).filter(each => each.startsWith('seconds'));
    await truncate(join(folder, name), (await stat(join(folder, name))).size - 3);
    await writeFile(join(folder, 'seconds-000000000000001.history'), 'something else');
    clock.set(startMs + 11_000);
    const next = open();
    await next.load();
    assert.equal(requestsIn(next, startMs, startMs + 11_000), 9);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /seconds-000000000000001\.history, seconds-0\d+\.history could be read only in part/);
    // What was broken is not appended to.
    next.add(moment(startMs + 11_000, 5));
    await next.close();
    const last = open();
    await last.load();
    assert.equal(requestsIn(last, startMs, startMs + 11_000), 14);
    await last.close();
  });

  test('bytes that were changed end a file; nothing behind them is believed', async t => {
    const { open, folder, startMs, clock } = setUp(t);
    const history = open();
    await history.load();
    for (let s = 1; s <= 3; s++) history.add(moment(startMs + s * 1_000, 1));
    await history.close();
    const [name = ''] = (await readdir(folder)).filter(each => each.startsWith('seconds'));
    const bytes = await readFile(join(folder, name));
    bytes[bytes.length - 30] = (bytes[bytes.length - 30] ?? 0) ^ 255;
    await writeFile(join(folder, name), bytes);
    await appendFile(join(folder, name), Buffer.alloc(100, 255));
    clock.set(startMs + 3_000);
    const next = open();
    await next.load();
    assert.ok(requestsIn(next, startMs, startMs + 3_000) < 3);
    await next.close();
  });

  test('a moment of which no date can be made is none, and told', async t => {
    const { folder, warnings, open } = setUp(t);
    await mkdir(folder, { recursive: true });
    const tick = encodeTick({ atMs: 9e15, lengthMs: 1, rows: new Map() }, () => 0);
    const frame = Buffer.alloc(9 + tick.length, 3);
    frame.writeUInt32LE(tick.length, 0);
    tick.copy(frame, 9);
    frame.writeUInt32LE(crc32(frame.subarray(8)), 4);
    await writeFile(join(folder, 'seconds-000000000000000.history'), Buffer.concat([segmentHead, frame]));
    await open().load();
    assert.equal(warnings.length, 1);
  });

  test('where nothing can be written it is kept in memory, and that is told once', async t => {
    const { open, stateDir, folder, warnings, startMs, clock } = setUp(t);
    await writeFile(folder, 'a file where the folder should be');
    const history = open();
    await history.load();
    for (let s = 1; s <= 200; s++) {
      clock.set(startMs + s * 1_000);
      history.add(moment(startMs + s * 1_000, 1));
      await setImmediate();
    }
    assert.equal(requestsIn(history, startMs, startMs + 200_000), 200);
    await history.close();
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /cannot be written: (EEXIST|ENOTDIR)/);
    assert.deepEqual(await readdir(stateDir), ['history']);
  });

  test('files are the user’s own', async t => {
    const { open, folder, startMs } = setUp(t);
    const history = open();
    await history.load();
    history.add(moment(startMs, 1));
    await history.close();
    assert.equal((await stat(folder)).mode & 0o777, 0o700);
    for (const name of await readdir(folder)) assert.equal((await stat(join(folder, name))).mode & 0o777, 0o600);
    await chmod(folder, 0o700);
  });

  test('memory and disk stay within their bounds, whatever comes', async t => {
    const { open, folder, clock, startMs } = setUp(t);
    const small = { ...historyLimits, seconds: { ...historyLimits.seconds, segmentMs: 10_000, maxBytes: 40_000 } };
    const history = open(small);
    await history.load();
    for (let s = 1; s <= 300; s++) {
      clock.set(startMs + s * 1_000);
      const rows = new Map(Array.from({ length: 20 }, (_, i) => [edge(`api-${i}`), row(s)] as const));
      history.add({ atMs: startMs + s * 1_000, lengthMs: 1_000, rows });
    }
    await history.close();
    assert.ok(history.bytes < 60_000, `${history.bytes} bytes`);
    const sizes = await Promise.all((await readdir(folder)).map(async name => (await stat(join(folder, name))).size));
    assert.ok(sizes.reduce((sum, size) => sum + size, 0) < 60_000);
    assert.ok(requestsIn(history, startMs + 299_000, startMs + 300_000) > 0, 'the newest stay');
  });

  test('a clock that goes back or far ahead leaves what it shows whole', async t => {
    const { open, clock, startMs } = setUp(t);
    const history = open();
    await history.load();
    const add = (atMs: number): void => {
      clock.set(atMs);
      history.add(moment(atMs, 1));
    };
    for (let s = 1; s <= 5; s++) add(startMs + s * 1_000);
    for (let s = 1; s <= 5; s++) add(startMs - 3_600_000 + s * 1_000);
    assert.equal(requestsIn(history, clock.now() - 60_000, clock.now()), 5);
    for (let s = 1; s <= 5; s++) add(startMs + 48 * 3_600_000 + s * 1_000);
    assert.equal(requestsIn(history, clock.now() - 60_000, clock.now()), 5);
    await history.close();
  });

  test('a folder of another user’s making is made when it is needed', async t => {
    const { open, folder, startMs } = setUp(t);
    await mkdir(folder);
    const history = open();
    await history.load();
    history.add(moment(startMs, 1));
    await history.close();
    assert.equal((await readdir(folder)).length, 1);
  });
});

describe('a history and its disk', () => {
  /** Adds a second and lets the files follow. */
  async function add(history: History, clock: { set(ms: number): void }, atMs: number): Promise<void> {
    clock.set(atMs);
    history.add(moment(atMs, 1));
    await setImmediate();
  }

  const isRoot = process.getuid?.() === 0;
  test('that is full: goes on in memory, says so once, and writes again when there is room', {
    skip: !isRoot && 'needs root, for a disk of its own',
  }, async t => {
    const { open, stateDir, folder, warnings, startMs, clock } = setUp(t);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'mesh-test', stateDir]);
    using _disk = { [Symbol.dispose]: () => execFileSync('umount', ['-l', stateDir]) };
    const ballast = join(stateDir, 'ballast');
    const history = open();
    await history.load();
    await add(history, clock, startMs + 1_000);
    await eventually(async () => assert.equal((await readdir(folder)).length, 1));
    // All that is left, to the last page.
    for (let size = 65_536; size >= 512; size /= 2) await appendFile(ballast, Buffer.alloc(size)).catch(() => undefined);
    for (let s = 2; s <= 400; s++) await add(history, clock, startMs + s * 1_000);
    await eventually(() => assert.equal(warnings.length, 1));
    assert.match(warnings[0] ?? '', /history cannot be written: ENOSPC/);
    assert.equal(requestsIn(history, startMs, startMs + 400_000), 400, 'nothing is lost in memory');
    await rm(ballast);
    for (let s = 401; s <= 600; s++) await add(history, clock, startMs + s * 1_000);
    await eventually(() => assert.equal(warnings.length, 2));
    assert.match(warnings[1] ?? '', /history is written again$/);
    await history.close();
    const next = open();
    await next.load();
    assert.ok(requestsIn(next, startMs + 500_000, startMs + 600_000) === 100, 'and is there after a restart');
    await next.close();
  });

  test('links, pipes, folders and files too long to be ours are told and left alone; nothing is waited for', async t => {
    const { open, stateDir, folder, warnings, startMs, clock } = setUp(t);
    await mkdir(folder);
    const precious = join(stateDir, 'precious');
    await writeFile(precious, 'of somebody else');
    await symlink(precious, join(folder, 'seconds-000000000000001.history'));
    await symlink('/dev/zero', join(folder, 'seconds-000000000000002.history'));
    execFileSync('mkfifo', [join(folder, 'seconds-000000000000003.history')]);
    await mkdir(join(folder, 'minutes-000000000000004.history'));
    await writeFile(join(folder, 'minutes-000000000000005.history'), '');
    await truncate(join(folder, 'minutes-000000000000005.history'), 4 * 1024 ** 3);
    // Where the next file will be.
    await symlink(precious, join(folder, `seconds-${String(startMs + 1_000).padStart(15, '0')}.history`));
    const history = open();
    await history.load();
    assert.equal(warnings.length, 1);
    for (const n of [1, 2, 3, 4, 5]) assert.match(warnings[0] ?? '', new RegExp(`00${n}\\.history`));
    await add(history, clock, startMs + 1_000);
    await history.close();
    assert.equal(await readFile(precious, 'utf8'), 'of somebody else');
    assert.equal(requestsIn(history, startMs, startMs + 1_000), 1);
  });

  test('a link that appears where a file is to be is not followed', async t => {
    const { open, stateDir, folder, warnings, startMs, clock } = setUp(t);
    const precious = join(stateDir, 'precious');
    await writeFile(precious, 'of somebody else');
    const history = open();
    await history.load();
    await mkdir(folder);
    await symlink(precious, join(folder, `seconds-${String(startMs + 1_000).padStart(15, '0')}.history`));
    await add(history, clock, startMs + 1_000);
    await history.close();
    assert.equal(await readFile(precious, 'utf8'), 'of somebody else');
    assert.match(warnings[0] ?? '', /cannot be written: ELOOP/);
  });
});

describe('a clock that jumps', () => {
  test('back by an hour, or ahead by a day, while the daemon runs: every second counts once, at its time', async t => {
    const { open, clock, startMs } = setUp(t);
    const history = open();
    await history.load();
    const add = (atMs: number): void => {
      clock.set(atMs);
      history.add(moment(atMs, 1));
    };
    const hour = 3_600_000;
    for (let s = 1; s <= 120; s++) add(startMs + s * 1_000);
    for (let s = 1; s <= 120; s++) add(startMs - hour + s * 1_000);
    assert.equal(requestsIn(history, startMs - hour, startMs - hour + 120_000), 120);
    assert.equal(requestsIn(history, startMs - hour - 60_000, startMs - hour), 0);
    // An hour later the same time comes again: what was then and what is now are two things.
    for (let s = 1; s <= 60; s++) add(startMs + s * 1_000);
    assert.equal(requestsIn(history, startMs, startMs + 60_000), 120);
    for (let s = 1; s <= 120; s++) add(startMs + 24 * hour + s * 1_000);
    assert.equal(requestsIn(history, clock.now() - 60_000, clock.now()), 60);
    assert.equal(requestsIn(history, clock.now() - 900_000, clock.now()), 120);
    await history.close();
  });

  test('between two daemons: a past that lies ahead is told once, stays, and is shown when its time comes', async t => {
    const { open, clock, startMs, warnings } = setUp(t);
    const history = open();
    await history.load();
    for (let s = 1; s <= 180; s++) history.add(moment(startMs + s * 1_000, 1));
    await history.close();
    clock.set(startMs - 24 * 3_600_000);
    const next = open();
    await next.load();
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /^history: the clock was set back since 2023-11-14T22:1\d/);
    const nowMs = clock.now();
    assert.equal(requestsIn(next, nowMs - 900_000, nowMs), 0);
    next.add(moment(nowMs + 1_000, 5));
    clock.set(nowMs + 1_000);
    assert.equal(requestsIn(next, nowMs - 900_000, nowMs + 1_000), 5);
    clock.set(startMs + 200_000);
    assert.equal(requestsIn(next, startMs, startMs + 200_000), 180);
    await next.close();
  });
});
