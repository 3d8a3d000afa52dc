import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** `sun_path` holds 108 bytes on Linux and 104 on macOS, the closing zero included; Node cuts longer paths without a word. */
const maxSocketPathBytes = 100;

/**
 * Where the daemon of a state folder listens: inside the folder, or, where that path is too long for a socket, in a folder of
 * the user's runtime directory named after the hash of the state folder.
 */
export function socketPath(stateDir: string, env: Readonly<Record<string, string | undefined>>): string {
  const near = join(stateDir, 'run', 'daemon.sock');
  if (Buffer.byteLength(near) <= maxSocketPathBytes) return near;
  const hash = createHash('sha256').update(stateDir).digest('hex').slice(0, 16);
  return join(env['XDG_RUNTIME_DIR'] ?? tmpdir(), `localmesh-${process.getuid?.() ?? 0}-${hash}`, 'daemon.sock');
}

/** State folder of a project: `.mesh` beside mesh.yaml; a copy started with `-p` has its own below it. */
export function stateFolder(projectDir: string, project: string | null): string {
  return project === null ? join(projectDir, '.mesh') : join(projectDir, '.mesh', 'projects', project);
}
