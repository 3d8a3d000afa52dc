import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** Nothing that tests ask for takes as long, on any machine. */
const hangsMs = 180_000;
const launcher = join(import.meta.dirname, '..', '..', 'bin', 'mesh.mjs');

export interface CommandResult {
  /** Exit code, or `null` when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running `mesh` command, as a user's shell would start it: without a terminal. */
export class MeshCommand implements AsyncDisposable {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';
  readonly #exit: Promise<CommandResult>;

  constructor(args: readonly string[], cwd: string, env: Readonly<Record<string, string>> = {}) {
    this.child = spawn(process.execPath, [launcher, ...args], {
      cwd,
      env: { ...process.env, NO_COLOR: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.#exit = once(this.child, 'close').then(([code]) => ({
      code: code as number | null,
      stdout: this.stdout,
      stderr: this.stderr,
    }));
  }

  get pid(): number {
    return this.child.pid ?? -1;
  }

  /** Resolves when the command has ended and its output was read. One that hangs is killed, and its output is the error. */
  async exited(): Promise<CommandResult> {
    const hangs = setTimeout(() => this.child.kill('SIGKILL'), hangsMs);
    const result = await this.#exit.finally(() => clearTimeout(hangs));
    if (result.code === null && this.child.signalCode === 'SIGKILL')
      throw new Error(`${this.child.spawnargs.slice(2).join(' ')} was killed; it said: ${result.stdout}${result.stderr}`);
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL');
    await this.#exit;
  }
}

/** Runs a `mesh` command to its end. */
export function mesh(args: readonly string[], cwd: string, env: Readonly<Record<string, string>> = {}): Promise<CommandResult> {
  return new MeshCommand(args, cwd, env).exited();
}
