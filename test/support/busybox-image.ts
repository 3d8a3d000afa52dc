/** An image for tests, made from Debian's static busybox: the engine here knows no registry. */
import { access } from 'node:fs/promises';
import type { Docker } from '../../src/runtime/docker.ts';
import type { TarEntry } from '../../src/runtime/image-tar.ts';
import { tarStream } from '../../src/runtime/image-tar.ts';

const binary = '/bin/busybox';

/** Whether the test image can be made here. */
export async function hasBusybox(): Promise<boolean> {
  return access(binary).then(
    () => true,
    () => false,
  );
}

/** Imports busybox as `ref`, with `/bin/sh` and the programs named. */
export async function importBusybox(
  docker: Docker,
  ref: string,
  programs = ['sh', 'sleep', 'cat', 'echo', 'true'],
): Promise<string> {
  const entries: TarEntry[] = [
    ...['bin', 'tmp', 'run', 'etc'].map((path): TarEntry => ({ kind: 'folder', path, mode: 0o755 })),
    { kind: 'file', path: 'bin/busybox', mode: 0o755, source: binary },
    ...programs.map(
      (name): TarEntry => ({
        kind: 'bytes',
        path: `bin/${name}`,
        mode: 0o755,
        bytes: Buffer.from(`#!/bin/busybox sh\nexec /bin/busybox ${name} "$@"\n`),
      }),
    ),
  ];
  return docker.importImage(tarStream(entries), ref, ['ENV PATH=/bin', 'CMD ["/bin/busybox", "sleep", "3600"]']);
}
