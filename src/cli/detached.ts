import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, openSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { connectApi } from '../api/client.ts';
import { exitCodes, MeshError } from '../api/mesh-error.ts';
import type { MeshApi } from '../api/types.ts';
import type { Invocation } from './invocation.ts';

/**
 * Starts `mesh daemon` in its own session, so that closing the terminal does not reach it, and returns its API once it answers.
 * @throws MeshError with what the daemon printed, when it ends before
 */
export async function startDetached(invocation: Invocation, args: readonly string[]): Promise<MeshApi> {
  const { project } = invocation;
  mkdirSync(join(project.stateDir, 'run'), { recursive: true, mode: 0o700 });
  const path = join(project.stateDir, 'daemon.log');
  try {
    renameSync(path, `${path}.1`);
  } catch {
    // The first start has no older log.
  }
  const log = openSync(path, 'a', 0o600);
  const launcher = process.argv[1];
  if (launcher === undefined) throw new MeshError('no-launcher', 'mesh does not know how it was started', 'start it by its path');
  const child = spawn(process.execPath, [launcher, ...invocation.globalArgs, 'daemon', '--progress', 'plain', ...args], {
    cwd: process.cwd(),
    detached: true,
    stdio: ['ignore', log, log, 'ipc'],
  });
  // The child says when it listens; it says nothing else, and the channel is closed then.
  const first = await Promise.race([
    once(child, 'message').then(() => 'listening' as const),
    once(child, 'exit').then(([code]) => (typeof code === 'number' ? code : exitCodes.failure)),
  ]);
  if (first !== 'listening') {
    const said = readFileSync(path, 'utf8').trimEnd();
    const code = first === exitCodes.ok ? exitCodes.failure : first;
    // It has said why; there is nothing to add.
    if (said !== '') throw new MeshError('daemon-ended', '', '', code, said);
    throw new MeshError('daemon-ended', 'the daemon ended before it began', `its log is ${path}`, code);
  }
  child.disconnect();
  child.unref();
  return connectApi(project.socket);
}
