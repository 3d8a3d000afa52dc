import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { MeshEvent } from '../../src/api/types.ts';
import { EventFile } from '../../src/daemon/event-file.ts';
import { EventLog } from '../../src/daemon/event-log.ts';
import { eventually } from '../support/eventually.ts';
import { manualClock } from '../support/manual-clock.ts';

let home: string;
let count = 0;
before(async () => {
  home = await mkdtemp(join(tmpdir(), 'mesh-events-'));
});
after(() => rm(home, { recursive: true, force: true }));

const never = new AbortController().signal;
const fresh = (): string => join(home, String(++count));

async function open(stateDir: string, clock = manualClock()): Promise<EventLog> {
  return new EventLog(() => 0, await EventFile.open({ clock, stateDir }));
}

async function all(log: EventLog, from: number | 'run' = 0): Promise<readonly MeshEvent[]> {
  const events: MeshEvent[] = [];
  for await (const event of log.read(from, never, false)) events.push(event);
  return events;
}

const texts = (events: readonly MeshEvent[]): string[] =>
  events.map(event => `${event.seq} ${'text' in event ? event.text : event.kind}`);

async function filesIn(stateDir: string): Promise<string[]> {
  return (await readdir(join(stateDir, 'events'))).sort();
}

test('a daemon knows what the one before it told, also when that was killed, and counts on', async () => {
  const stateDir = fresh();
  const first = await open(stateDir);
  first.emit({ kind: 'roots', text: 'one' });
  first.emit({ kind: 'roots', text: 'two' });
  // It is not closed: what was handed to the kernel is there.
  await eventually(async () =>
    assert.match(await readFile(join(stateDir, 'events', (await filesIn(stateDir))[0] ?? ''), 'utf8'), /two/),
  );
  const second = await open(stateDir);
  second.emit({ kind: 'roots', text: 'three' });
  assert.deepEqual(texts(await all(second)), ['1 one', '2 two', '3 three']);
  assert.deepEqual(texts(await all(second, 'run')), ['3 three']);
  await second.closeFile();
  assert.deepEqual(texts(await all(await open(stateDir))), ['1 one', '2 two', '3 three']);
  await first.closeFile();
});

test('the files are the user’s own, and only as many as are needed', async () => {
  const stateDir = fresh();
  for (let run = 0; run < 3; run++) {
    const log = await open(stateDir);
    for (let i = 0; i < 1_500; i++) log.emit({ kind: 'healthy' });
    await log.closeFile();
  }
  const [name = '', ...others] = await filesIn(stateDir);
  assert.deepEqual(others, []);
  const { mode } = await stat(join(stateDir, 'events', name));
  assert.equal(mode & 0o777, 0o600);
  assert.equal((await stat(join(stateDir, 'events'))).mode & 0o777, 0o700);
  assert.ok((await readFile(join(stateDir, 'events', name), 'utf8')).split('\n').length <= 2_001);
  const events = await all(await open(stateDir));
  assert.deepEqual([events.length, events[0]?.seq, events.at(-1)?.seq], [1_000, 3_501, 4_500]);
});

test('a line that a crash cut short, and what is none, are left out', async () => {
  const stateDir = fresh();
  const log = await open(stateDir);
  for (const text of ['one', 'two', 'three']) log.emit({ kind: 'roots', text });
  await log.closeFile();
  const path = join(stateDir, 'events', (await filesIn(stateDir))[0] ?? '');
  await appendFile(path, '{"seq":4,"at":"2026');
  assert.deepEqual(texts(await all(await open(stateDir))), ['1 one', '2 two', '3 three']);
  const lines = (await readFile(path, 'utf8')).split('\n');
  await writeFile(path, [lines[0], 'null', '{"seq":"2"}', lines[2]].join('\n'));
  // Readers count on numbers without a hole.
  assert.deepEqual(texts(await all(await open(stateDir))), ['3 three']);
});

test('a very long event is kept as a word about it', async () => {
  const stateDir = fresh();
  const log = await open(stateDir);
  log.emit({ kind: 'roots', text: 'x'.repeat(20_000) });
  await log.closeFile();
  const [event] = await all(await open(stateDir));
  assert.equal(event?.kind === 'warning' && event.message, 'an event of kind roots was too long to be kept');
});

test('a disk that cannot be written is told once, costs nothing else, and is tried again', async () => {
  const stateDir = fresh();
  // A file where the folder should be: no right of root helps.
  await writeFile(stateDir, '');
  const clock = manualClock();
  const log = await open(stateDir, clock);
  log.emit({ kind: 'roots', text: 'one' });
  await eventually(async () => assert.match(texts(await all(log)).join(), /^1 one,2 warning$/));
  log.emit({ kind: 'roots', text: 'two' });
  await rm(stateDir);
  clock.advance(60_000);
  log.emit({ kind: 'roots', text: 'three' });
  await log.closeFile();
  assert.deepEqual(texts(await all(await open(stateDir))), ['1 one', '2 warning', '3 two', '4 three']);
});

test('a reader with a number of a folder that was removed starts from the beginning', async () => {
  const log = await open(fresh());
  log.emit({ kind: 'roots', text: 'one' });
  assert.deepEqual(texts(await all(log, 700)), ['1 one']);
  await log.closeFile();
});

test('what somebody laid there for us is not waited for, not read without end, and ends no reader', async () => {
  const stateDir = fresh();
  const folder = join(stateDir, 'events');
  await mkdir(folder, { recursive: true });
  await symlink('/dev/zero', join(folder, '1.ndjson'));
  execFileSync('mkfifo', [join(folder, '2.ndjson')]);
  const at = new Date(0).toISOString();
  const lies = [
    { seq: 2 ** 53 - 1, at, kind: 'roots', text: 'x' },
    { seq: -1, at, kind: 'roots', text: 'x' },
    { seq: 1, at, kind: 'nack' },
    { seq: 1, at, kind: 'warning', message: { a: 1 }, hint: '' },
    { seq: 1, at, kind: 'plan', operations: null },
    { seq: 1, at, kind: 'roots', text: 'good' },
  ];
  await writeFile(join(folder, '3.ndjson'), lies.map(line => `${JSON.stringify(line)}\n`).join(''));
  const log = await open(stateDir);
  log.emit({ kind: 'roots', text: 'next' });
  assert.deepEqual(texts(await all(log)), ['1 good', '2 next']);
  await log.closeFile();
});
