import assert from 'node:assert/strict';
import {
  appendFile,
  mkdir,
  mkdtemp,
  open,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type FileWatch, watchFiles } from '../../src/config/watch.ts';
import { eventually } from '../support/eventually.ts';

interface Fixture extends AsyncDisposable {
  readonly dir: string;
  readonly file: string;
  readonly watch: FileWatch;
  /** Contents of the file at each call of `onChange`. */
  readonly seen: string[];
  readonly waiting: (string | null)[];
  settled(content: string): Promise<void>;
}

async function watched(prepare: (dir: string) => Promise<string> = plainFile): Promise<Fixture> {
  const dir = await mkdtemp(join(tmpdir(), 'mesh-watch-'));
  const file = await prepare(dir);
  const seen: string[] = [];
  const waiting: (string | null)[] = [];
  const watch = watchFiles(
    [file],
    () =>
      void readFile(file, 'utf8').then(
        text => seen.push(text),
        () => seen.push('<gone>'),
      ),
    { onWaiting: lost => waiting.push(lost) },
  );
  await watch.ready;
  return {
    dir,
    file,
    watch,
    seen,
    waiting,
    settled: content => eventually(() => assert.equal(seen.at(-1), content)),
    async [Symbol.asyncDispose]() {
      await watch.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function plainFile(dir: string): Promise<string> {
  const file = join(dir, 'mesh.yaml');
  await writeFile(file, 'one');
  return file;
}

const ways: Readonly<Record<string, (file: string, dir: string) => Promise<void>>> = {
  'written in place': file => writeFile(file, 'two'),
  'truncated, then written': async file => {
    await truncate(file, 0);
    await appendFile(file, 'two');
  },
  'written in pieces': async file => {
    await using handle = await open(file, 'w');
    for (const piece of 'two') await handle.write(piece);
  },
  'renamed over': async (file, dir) => {
    await writeFile(join(dir, '.mesh.yaml.tmp'), 'two');
    await rename(join(dir, '.mesh.yaml.tmp'), file);
  },
  'deleted and made again': async file => {
    await unlink(file);
    await writeFile(file, 'two');
  },
  'moved away as a backup and written anew (vim)': async (file, dir) => {
    await writeFile(join(dir, '.mesh.yaml.swp'), 'b0VIM');
    await rename(file, `${file}~`);
    await writeFile(file, 'two');
    await unlink(`${file}~`);
    await unlink(join(dir, '.mesh.yaml.swp'));
  },
  'replaced by a symbolic link': async (file, dir) => {
    await writeFile(join(dir, 'other.yaml'), 'two');
    await symlink('other.yaml', join(dir, 'link'));
    await rename(join(dir, 'link'), file);
  },
};

for (const [way, save] of Object.entries(ways)) {
  test(`a file ${way} is told, and never empty or gone`, async () => {
    await using fixture = await watched();
    await save(fixture.file, fixture.dir);
    await fixture.settled('two');
    assert.ok(!fixture.seen.includes('') && !fixture.seen.includes('<gone>'), fixture.seen.join());
  });

  test(`after being ${way} the file is still watched`, async () => {
    await using fixture = await watched();
    await save(fixture.file, fixture.dir);
    await fixture.settled('two');
    await writeFile(fixture.file, 'three');
    await fixture.settled('three');
  });
}

test('a symbolic link to a folder, swapped as a whole, is a change', async () => {
  await using fixture = await watched(async dir => {
    for (const [name, text] of [
      ['..1', 'one'],
      ['..2', 'two'],
    ] as const) {
      await mkdir(join(dir, name));
      await writeFile(join(dir, name, 'mesh.yaml'), text);
    }
    await symlink('..1', join(dir, '..data'));
    await symlink('..data/mesh.yaml', join(dir, 'mesh.yaml'));
    return join(dir, 'mesh.yaml');
  });
  await symlink('..2', join(fixture.dir, '..new'));
  await rename(join(fixture.dir, '..new'), join(fixture.dir, '..data'));
  await fixture.settled('two');
  await writeFile(join(fixture.dir, '..2', 'mesh.yaml'), 'three');
  await fixture.settled('three');
});

test('saving the same contents is no change', async () => {
  await using fixture = await watched();
  await writeFile(fixture.file, 'one');
  await utimes(fixture.file, 1, 1);
  await writeFile(fixture.file, 'two');
  await fixture.settled('two');
  assert.deepEqual(fixture.seen, ['two']);
});

test('a neighbour of the file is no change', async () => {
  await using fixture = await watched();
  await writeFile(join(fixture.dir, 'notes.txt'), 'x');
  await writeFile(join(fixture.dir, '.mesh.yaml.swp'), 'x');
  await writeFile(fixture.file, 'two');
  await fixture.settled('two');
  assert.deepEqual(fixture.seen, ['two']);
});

test('a file that goes away is waited for, then told as gone, then told when it is back', async () => {
  await using fixture = await watched();
  await unlink(fixture.file);
  await eventually(() => assert.deepEqual(fixture.waiting, [fixture.file]));
  assert.deepEqual(fixture.seen, [], 'not at once');
  await fixture.settled('<gone>');
  await writeFile(fixture.file, 'two');
  await fixture.settled('two');
  assert.deepEqual(fixture.seen, ['<gone>', 'two']);
});

test('a file that is emptied is waited for', async () => {
  await using fixture = await watched();
  await truncate(fixture.file, 0);
  await eventually(() => assert.deepEqual(fixture.waiting, [fixture.file]));
  await writeFile(fixture.file, 'two');
  await fixture.settled('two');
  assert.equal(fixture.waiting.at(-1), null);
  assert.deepEqual(
    fixture.seen.filter(text => text !== ''),
    ['two'],
  );
});

test('a thousand saves come to few calls and end at the last one', async () => {
  await using fixture = await watched();
  for (let count = 1; count <= 1000; count++) await writeFile(fixture.file, `save ${count}`);
  await fixture.settled('save 1000');
  assert.ok(fixture.seen.length < 100, `${fixture.seen.length} calls`);
  assert.ok(!fixture.seen.includes('<gone>'));
});

test('a file that was not there is told when it appears', async () => {
  await using fixture = await watched(async dir => join(dir, 'later', 'compose.yaml'));
  await mkdir(join(fixture.dir, 'later'));
  await writeFile(fixture.file, 'here');
  await fixture.settled('here');
});

test('update: new files are watched, old ones no longer', async () => {
  await using fixture = await watched();
  const other = join(fixture.dir, 'compose.yaml');
  await writeFile(other, 'x');
  fixture.watch.update([fixture.file, other]);
  await writeFile(other, 'y');
  await eventually(() => assert.equal(fixture.seen.length, 1));
  fixture.watch.update([fixture.file]);
  await writeFile(other, 'z');
  await writeFile(fixture.file, 'two');
  await fixture.settled('two');
  assert.equal(fixture.seen.length, 2);
});

test('after close nothing is told', async () => {
  await using fixture = await watched();
  await fixture.watch.close();
  await writeFile(fixture.file, 'two');
  await using second = await watched();
  await writeFile(second.file, 'three');
  await second.settled('three');
  assert.deepEqual(fixture.seen, []);
});
