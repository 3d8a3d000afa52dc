/**
 * The sidecar's image. Either assembled from a node binary, the libraries it names and the bundle, or the bundle on a base image that
 * has node. Both without a Dockerfile builder; tagged by the hash of what is in it, so an equal one is never made twice.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import type { Docker, EngineInfo } from './docker.ts';
import type { TarEntry } from './image-tar.ts';
import { tarBuffer, tarStream } from './image-tar.ts';
import { imageLabel, sidecarRepository } from './prune-images.ts';
import { ImageMissing, RuntimeError } from './runtime-error.ts';

/** What an image is made from. */
export interface SidecarImageInputs {
  /** Folder with `sidecar.cjs` and `koffi.node`, as the build leaves it. */
  readonly bundleDir: string;
  /** Node binary for the engine's architecture (official build); `null` where there is none. */
  readonly nodeBinary: string | null;
  /** Image that has node, used instead of assembling; `null` = assemble. */
  readonly baseImage: string | null;
  /** Uid that the sidecar becomes. */
  readonly uid: number;
}

/** A recipe: what the image will be called and how it is made. */
export interface SidecarImage {
  readonly ref: string;
  make(): Promise<string>;
}

const nodeFlags = [
  // A backtracking regex from a config must not stall the event loop: V8 then changes to its linear engine.
  '--enable-experimental-regexp-engine-on-excessive-backtracks',
  // No signal opens the inspector, which would hand out the keys in memory; no text becomes code.
  '--disable-sigusr1',
  '--disallow-code-generation-from-strings',
];
const bundleFiles = ['sidecar.cjs', 'koffi.node'];

/** Looks at the inputs and names the image. @throws RuntimeError `sidecar-image`, ImageMissing for the base */
export async function sidecarImage(docker: Docker, engine: EngineInfo, inputs: SidecarImageInputs): Promise<SidecarImage> {
  const bundle: readonly TarEntry[] = [
    { kind: 'folder', path: 'mesh', mode: 0o755 },
    ...bundleFiles.map(
      (name): TarEntry => ({ kind: 'file', path: `mesh/${name}`, mode: 0o644, source: join(inputs.bundleDir, name) }),
    ),
  ];
  if (inputs.baseImage !== null) return onBase(docker, inputs.baseImage, bundle);
  const entries = [...(await nodeEntries(engine, inputs)), ...bundle];
  const changes = [
    `ENTRYPOINT ${JSON.stringify(['/bin/node', ...nodeFlags, '/mesh/sidecar.cjs'])}`,
    `LABEL ${imageLabel.key}=${imageLabel.sidecar}`,
  ];
  const ref = `${sidecarRepository}:${await hashOf(entries, changes.join('\n'))}`;
  return { ref, make: () => docker.importImage(tarStream(entries), ref, changes) };
}

async function onBase(docker: Docker, base: string, bundle: readonly TarEntry[]): Promise<SidecarImage> {
  const image = await docker.inspectImage(base);
  if (image === null)
    throw new ImageMissing(
      base,
      `It is the sidecar's base image (proxy.image or MESH_PROXY_IMAGE): run \`docker pull ${base}\`.`,
    );
  const changes = [
    `ENTRYPOINT ${JSON.stringify(['node', ...nodeFlags, '/mesh/sidecar.cjs'])}`,
    'CMD []',
    'USER 0',
    // An image may bring options that open the inspector or load other code.
    'ENV NODE_OPTIONS=',
    'WORKDIR /',
    `LABEL ${imageLabel.key}=${imageLabel.sidecar}`,
  ];
  const ref = `${sidecarRepository}:${await hashOf(bundle, `${image.id}\n${changes.join('\n')}`)}`;
  const make = async () => {
    const name = `localmesh-build-${ref.slice(ref.indexOf(':') + 1)}`;
    await docker.removeContainer(name); // left by an interrupted run
    const id = await docker.createContainer(name, { Image: base, Labels: {}, HostConfig: { NetworkMode: 'none' } });
    try {
      await docker.putArchive(id, '/', await tarBuffer(bundle));
      return await docker.commitContainer(id, ref, changes);
    } finally {
      await docker.removeContainer(id);
    }
  };
  return { ref, make };
}

/** The binary, its loader and libraries, where the binary looks for them. */
async function nodeEntries(engine: EngineInfo, inputs: SidecarImageInputs): Promise<readonly TarEntry[]> {
  const arch = engine.arch === 'x86_64' || engine.arch === 'amd64' ? 'x64' : 'arm64';
  if (inputs.nodeBinary === null || process.platform !== 'linux' || arch !== process.arch) {
    throw new RuntimeError(
      'sidecar-image',
      `The sidecar's image cannot be assembled from this machine's Node (${process.platform}/${process.arch}) for an engine on linux/${arch}.`,
      'Name an image that has Node 22.14 or newer: `proxy: {image: node:24-slim}` in mesh.yaml, or MESH_PROXY_IMAGE.',
    );
  }
  const libraries = await librariesOf(inputs.nodeBinary);
  const folders = new Set<string>();
  for (const library of libraries) for (let dir = dirname(library); dir !== '/'; dir = dirname(dir)) folders.add(dir);
  folders.delete('/bin');
  const passwd = `root:x:0:0:root:/:/sbin/nologin\nmesh:x:${inputs.uid}:${inputs.uid}:localmesh sidecar:/:/sbin/nologin\n`;
  return [
    ...['bin', 'etc', 'tmp', ...[...folders].map(dir => dir.slice(1))]
      .sort()
      .map((dir): TarEntry => ({ kind: 'folder', path: dir, mode: dir === 'tmp' ? 0o1777 : 0o755 })),
    { kind: 'bytes', path: 'etc/passwd', mode: 0o644, bytes: Buffer.from(passwd) },
    { kind: 'bytes', path: 'etc/group', mode: 0o644, bytes: Buffer.from(`root:x:0:\nmesh:x:${inputs.uid}:\n`) },
    { kind: 'file', path: 'bin/node', mode: 0o755, source: inputs.nodeBinary },
    ...(await Promise.all(
      libraries.map(
        async (file): Promise<TarEntry> => ({ kind: 'file', path: file.slice(1), mode: 0o755, source: await realpath(file) }),
      ),
    )),
  ];
}

/** Absolute paths that `ldd` names; symlinks stay unresolved, for these are the names the loader asks for. */
async function librariesOf(binary: string): Promise<readonly string[]> {
  try {
    const { stdout } = await promisify(execFile)('ldd', [binary]);
    return [...new Set([...stdout.matchAll(/(?:=>\s*)?(\/\S+)\s+\(0x/g)].map(match => match[1] ?? ''))].sort();
  } catch (cause) {
    throw new RuntimeError(
      'sidecar-image',
      `\`ldd ${binary}\` failed; the sidecar's libraries are unknown.`,
      'Use a base image: MESH_PROXY_IMAGE=node:24-slim.',
      { cause },
    );
  }
}

async function hashOf(entries: readonly TarEntry[], more: string): Promise<string> {
  const hash = createHash('sha256').update(more);
  for (const entry of entries) {
    hash.update(`\0${entry.path}\0${entry.mode}\0`);
    if (entry.kind === 'bytes') hash.update(entry.bytes);
    if (entry.kind === 'file') {
      const parts = createReadStream(entry.source, { highWaterMark: 1 << 20 });
      await pipeline(parts, async source => {
        for await (const part of source) hash.update(part as Buffer);
      }).catch((cause: unknown) => {
        throw new RuntimeError('sidecar-image', `${entry.source} cannot be read.`, 'Run `npm run build` first.', { cause });
      });
    }
  }
  return hash.digest('hex').slice(0, 12);
}
