/** The tar that a build is sent: the context's folder without what `.dockerignore` leaves out, and its Dockerfile in any case. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { pack } from 'tar-stream';
import { messageOf } from '../text/message-of.ts';
import { type DockerIgnore, dockerIgnore } from './docker-ignore.ts';
import { RuntimeError } from './runtime-error.ts';

const ignoreFile = '.dockerignore';
const stateFolder = '.mesh';

/** What the engine is sent for a build. */
/** What the engine builds from. */
export interface BuildContext {
  readonly tar: Readable;
  /** Path of the Dockerfile in the tar: a made-up name for one outside the context, as `docker build -f` does it. */
  readonly dockerfile: string;
}

/** @throws RuntimeError `build-failed` for a context or Dockerfile that cannot be read. Files are read while the tar is. */
export async function buildContext(context: string, dockerfile: string): Promise<BuildContext> {
  await readable(readdir(context), `The build context ${context}`, 'Correct `build.context`.');
  const file = resolve(context, dockerfile);
  const content = await readable(
    readFile(file),
    `The Dockerfile ${file}`,
    'Correct `build.dockerfile`; it starts at the context.',
  );
  const inside = relative(context, file).split(sep).join('/');
  const outside = inside.startsWith('../') || isAbsolute(inside);
  const ignoreText = await readFile(join(context, ignoreFile), 'utf8').catch(() => null);
  const rules = readRules(ignoreText ?? '', join(context, ignoreFile));
  // Named by its content: the same file, the same tar.
  const name = outside ? `.dockerfile.${createHash('sha256').update(content).digest('hex').slice(0, 20)}` : inside;
  const tar = pack();
  const write = async (): Promise<void> => {
    if (outside) tar.entry({ name }, content);
    // The builder reads it too, and keeps from `COPY . .` what it names.
    const ignored = outside ? `${ignoreText ?? ignoreFile}\n${name}\n` : ignoreText;
    if (ignored !== null) tar.entry({ name: ignoreFile }, ignored);
    await writeFolder(tar, context, '', rules, inside);
    tar.finalize();
  };
  write().catch((error: Error) => tar.destroy(error));
  return { tar: tar as unknown as Readable, dockerfile: name };
}

/** Everything belongs to root, as in every build; times and modes stay. `needed`: the Dockerfile, which no rule keeps out. */
async function writeFolder(
  tar: ReturnType<typeof pack>,
  context: string,
  folder: string,
  rules: DockerIgnore,
  needed: string,
): Promise<void> {
  for (const entry of (await readdir(join(context, folder))).sort()) {
    const name = folder === '' ? entry : `${folder}/${entry}`;
    // The one is there already; the other holds the keys of the mesh: an image goes to many.
    if (name === ignoreFile || entry === stateFolder) continue;
    const source = join(context, name);
    const facts = await lstat(source);
    const head = { name, mode: facts.mode & 0o7777, mtime: facts.mtime, uid: 0, gid: 0 };
    const ignored = name !== needed && rules.ignores(name);
    if (facts.isDirectory()) {
      if (!ignored) tar.entry({ ...head, type: 'directory' });
      if (!ignored || rules.hasExceptions || needed.startsWith(`${name}/`)) await writeFolder(tar, context, name, rules, needed);
    } else if (ignored) continue;
    else if (facts.isSymbolicLink()) tar.entry({ ...head, type: 'symlink', linkname: await readlink(source) });
    else if (facts.isFile()) await pipeline(createReadStream(source), tar.entry({ ...head, size: facts.size }));
  }
}

function readRules(text: string, file: string): DockerIgnore {
  try {
    return dockerIgnore(text);
  } catch (cause) {
    const reason = messageOf(cause);
    throw new RuntimeError('build-failed', `${file} cannot be understood: ${reason}`, 'Correct the pattern.', { cause });
  }
}

async function readable<T>(work: Promise<T>, what: string, hint: string): Promise<T> {
  return work.catch((cause: unknown) => {
    throw new RuntimeError('build-failed', `${what} cannot be read.`, hint, { cause });
  });
}
