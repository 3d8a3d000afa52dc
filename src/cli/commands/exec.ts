import { openEngine } from '../engine.ts';
import type { Invocation } from '../invocation.ts';

interface ExecOptions {
  readonly tty: boolean;
  readonly env?: readonly string[];
  readonly user?: string;
  readonly workdir?: string;
}

/** `mesh exec`: the command's exit code is ours. */
export async function run(invocation: Invocation, args: readonly string[], options: ExecOptions): Promise<number> {
  const [name = '', ...command] = args;
  const { engine } = await openEngine(invocation);
  return engine.exec({
    name,
    command,
    tty: options.tty && process.stdin.isTTY === true && process.stdout.isTTY === true,
    interactive: true,
    environment: options.env ?? [],
    user: options.user ?? null,
    workingDir: options.workdir ?? null,
  });
}
