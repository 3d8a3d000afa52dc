import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { extract } from 'tar-stream';
import { buildContext } from '../../src/runtime/build-context.ts';
import { RuntimeError } from '../../src/runtime/runtime-error.ts';

describe('the tar of a build', () => {
  let root: string;
  let context: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'mesh-context-'));
    context = join(root, 'web');
    await mkdir(context);
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const write = async (path: string, content: string) => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  };
  const entries = async (dockerfile: string) => {
    const made = await buildContext(context, dockerfile);
    const found: Record<string, string> = {};
    const reader = made.tar.pipe(extract());
    for await (const entry of reader) {
      const { name, type, linkname } = entry.header;
      found[name] = type === 'symlink' ? `→ ${linkname}` : type === 'directory' ? 'folder' : await text(entry);
      entry.resume();
    }
    return { dockerfile: made.dockerfile, found };
  };

  it('holds the folder with its links, but not what is ignored', async () => {
    await write('web/Dockerfile', 'FROM x');
    await write('web/src/app.js', 'app');
    await write('web/src/secret/key', 'key');
    await write('web/node_modules/a.js', 'a');
    await write('web/.dockerignore', 'node_modules\nsrc/secret\n');
    await symlink('src/app.js', join(context, 'link'));
    assert.deepEqual(await entries('Dockerfile'), {
      dockerfile: 'Dockerfile',
      found: {
        '.dockerignore': 'node_modules\nsrc/secret\n',
        Dockerfile: 'FROM x',
        link: '→ src/app.js',
        src: 'folder',
        'src/app.js': 'app',
      },
    });
  });

  it('never holds the keys of the mesh', async () => {
    await write('web/Dockerfile', 'FROM x');
    await write('web/.mesh/pki/root.pem', 'key');
    await write('web/below/.mesh/pki/root.pem', 'key');
    await write('web/.dockerignore', '*\n!.mesh\n!.mesh/**\n!**/root.pem\n');
    const { found } = await entries('Dockerfile');
    assert.deepEqual(
      Object.keys(found).filter(name => name.includes('.mesh')),
      [],
    );
  });

  it('holds the Dockerfile though it is ignored, also below an ignored folder', async () => {
    await write('web/docker/Dockerfile', 'FROM x');
    await write('web/docker/other', 'x');
    await write('web/.dockerignore', 'docker\n.dockerignore\n');
    const { dockerfile, found } = await entries('./docker/Dockerfile');
    assert.equal(dockerfile, 'docker/Dockerfile');
    assert.deepEqual(Object.keys(found).sort(), ['.dockerignore', 'docker/Dockerfile']);
  });

  it('brings back what an exception names below an ignored folder', async () => {
    await write('web/Dockerfile', 'FROM x');
    await write('web/dist/app.js', 'app');
    await write('web/dist/app.map', 'map');
    await write('web/.dockerignore', 'dist\n!dist/app.js\n');
    assert.deepEqual(Object.keys((await entries('Dockerfile')).found).sort(), ['.dockerignore', 'Dockerfile', 'dist/app.js']);
  });

  it('takes a Dockerfile from outside the context under a name of its own, which no COPY sees', async () => {
    await write('shared/envoy/Dockerfile', 'FROM envoy');
    await write('web/app.js', 'app');
    for (const written of ['../shared/envoy/Dockerfile', join(root, 'shared/envoy/Dockerfile')]) {
      const { dockerfile, found } = await entries(written);
      assert.match(dockerfile, /^\.dockerfile\.[0-9a-f]{20}$/);
      assert.deepEqual(found, {
        [dockerfile]: 'FROM envoy',
        '.dockerignore': `.dockerignore\n${dockerfile}\n`,
        'app.js': 'app',
      });
    }
    await write('web/.dockerignore', '*.md');
    const { dockerfile, found } = await entries('../shared/envoy/Dockerfile');
    assert.equal(found['.dockerignore'], `*.md\n${dockerfile}\n`);
  });

  it('says which file is missing', async () => {
    const refused = (path: RegExp) => (error: unknown) =>
      error instanceof RuntimeError && error.code === 'build-failed' && path.test(error.message);
    await assert.rejects(buildContext(context, 'Dockerfile'), refused(/web\/Dockerfile cannot be read/));
    await assert.rejects(buildContext(join(root, 'absent'), 'Dockerfile'), refused(/absent cannot be read/));
    await write('web/Dockerfile', 'FROM x');
    await write('web/.dockerignore', '[z-a]');
    await assert.rejects(buildContext(context, 'Dockerfile'), refused(/\.dockerignore cannot be understood/));
  });
});
