/** What ships with the package: known, needed, pinned, and the same whoever packs it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

const root = join(import.meta.dirname, '..');
const run = promisify(execFile);

interface Locked {
  readonly version: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly hasInstallScript?: boolean;
}

const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
  readonly files: readonly string[];
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
  readonly allowScripts: Readonly<Record<string, boolean>>;
};
const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as {
  readonly packages: Readonly<Record<string, Locked>>;
};
const locked = Object.entries(lock.packages).filter(([path]) => path !== '');
const shipped = { ...manifest.dependencies, ...manifest.optionalDependencies };
const nameOf = (path: string): string => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);

/** Permissive: may be used, changed and passed on with a notice. */
const licences = ['MIT', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'Unlicense', 'BlueOak-1.0.0'];
/** Older packages name their licence where npm does not look; read in their package.json. */
const toldElsewhere: Readonly<Record<string, string>> = { ssh2: 'MIT', 'cpu-features': 'MIT', buildcheck: 'MIT' };

test('every package that ships has its reason in docs/dependencies.md, and no other is there', async () => {
  const text = await readFile(join(root, 'docs', 'dependencies.md'), 'utf8');
  const rows = [...text.matchAll(/^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \|/gm)];
  assert.deepEqual(rows.map(([, name = '']) => name).sort(), Object.keys(shipped).sort());
  for (const [, name = '', user = '', reason = ''] of rows) assert.ok(user.trim() !== '' && reason.trim().length > 10, name);
});

test('versions are exact', () => {
  for (const [name, version] of Object.entries({ ...shipped, ...manifest.devDependencies }))
    assert.match(version, /^\d+\.\d+\.\d+$/, name);
});

test('the lock file has a SHA-512 of every package, and none from elsewhere than the registry', () => {
  assert.ok(locked.length > 100);
  for (const [path, { integrity = '', resolved = 'https://registry.npmjs.org/' }] of locked) {
    assert.match(integrity, /^sha512-[\w+/]{86}==$/, path);
    assert.ok(resolved.startsWith('https://registry.npmjs.org/'), path);
  }
});

test('no package runs a script when it is installed', () => {
  const withScripts = locked.filter(([, { hasInstallScript }]) => hasInstallScript === true).map(([path]) => nameOf(path));
  assert.deepEqual([...new Set(withScripts)].sort(), Object.keys(manifest.allowScripts).sort());
  assert.ok(Object.values(manifest.allowScripts).every(allowed => !allowed));
});

test('licences are permissive', () => {
  for (const [path, { license, dev }] of locked) {
    if (dev === true) continue;
    const words = license ?? toldElsewhere[nameOf(path)] ?? 'unknown';
    assert.ok(
      words
        .replace(/[()]/g, '')
        .split(/ OR /)
        .some(word => licences.includes(word)),
      `${path}: ${words}`,
    );
  }
});

test('the tree that ships does not grow unnoticed', () => {
  const names = new Set(locked.filter(([, one]) => one.dev !== true && one.optional !== true).map(([path]) => nameOf(path)));
  // Most of it is what dockerode brings along and nobody loads.
  assert.ok(names.size <= 120, `${names.size} packages`);
});

test('two packs of the same sources are byte-equal and hold what they should', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'mesh-pack-'));
  try {
    const hashes = new Set<string>();
    for (const name of ['one', 'another-place']) {
      const copy = join(folder, name);
      await mkdir(copy);
      for (const item of ['bin', 'schema', 'src', 'scripts', 'package.json', 'package-lock.json', 'LICENSE', 'README.md'])
        await cp(join(root, item), join(copy, item), { recursive: true });
      await symlink(join(root, 'node_modules'), join(copy, 'node_modules'));
      await run(process.execPath, ['scripts/build.mjs', '--force'], { cwd: copy });
      await run('npm', ['pack', '--ignore-scripts', '--silent'], { cwd: copy });
      const [file = ''] = (await readdir(copy)).filter(each => each.endsWith('.tgz'));
      hashes.add(
        createHash('sha256')
          .update(await readFile(join(copy, file)))
          .digest('hex'),
      );
      const { stdout } = await run('tar', ['-tzf', join(copy, file)]);
      const tops = new Set(
        stdout
          .trim()
          .split('\n')
          .map(line => line.split('/')[1]),
      );
      assert.deepEqual([...tops].sort(), ['LICENSE', 'README.md', ...manifest.files, 'package.json'].sort());
      assert.match(stdout, /^package\/dist\/sidecar\/sidecar\.cjs$/m);
      assert.match(stdout, /^package\/dist\/dashboard\/index\.html$/m);
      const notices = await readFile(join(copy, 'dist/licences.txt'), 'utf8');
      for (const name of ['cytoscape', 'dns-packet', 'jose', 'koffi', 'preact', 'uplot'])
        assert.match(notices, new RegExp(`^${name} \\d+\\.\\d+\\.\\d+$`, 'm'));
    }
    assert.equal(hashes.size, 1);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
