import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

/** A child process pinned to one core, ended by its own id. */
export interface Spawned {
  readonly pid: number;
  readonly child: ChildProcess;
  stop(): Promise<void>;
  /** Asks it to end and waits until it has. */
  end(): Promise<void>;
}

/** Starts `command` on `core`. stderr is shown; lines of stdout go to `onLine`, or nowhere. */
export function spawnOn(core: number, command: string, args: readonly string[], onLine?: (line: string) => void): Spawned {
  // taskset execs the command: the pid stays.
  const child = spawn('taskset', ['-c', String(core), command, ...args], {
    stdio: ['ignore', onLine === undefined ? 'ignore' : 'pipe', 'inherit'],
  });
  if (child.stdout !== null && onLine !== undefined) createInterface({ input: child.stdout }).on('line', onLine);
  if (child.pid === undefined) throw new Error(`cannot start ${command}`);
  const pid = child.pid;
  const kill = async (signal: 'SIGKILL' | 'SIGTERM'): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  };
  return { pid, child, stop: () => kill('SIGKILL'), end: () => kill('SIGTERM') };
}

/** Resolves when 127.0.0.1:port accepts a connection. @throws after 10 s */
export async function listening(port: number): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const open = await new Promise<boolean>(resolve => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (open) return;
    if (Date.now() > deadline) throw new Error(`nothing listens on 127.0.0.1:${port}`);
    await new Promise(resolve => setTimeout(resolve, 50));
  }
}
