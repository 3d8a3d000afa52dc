import { exitCodes } from '../../api/mesh-error.ts';
import { openEngine } from '../engine.ts';
import type { Invocation } from '../invocation.ts';

/** `mesh restart` */
export async function run(invocation: Invocation, names: readonly string[]): Promise<number> {
  const { engine } = await openEngine(invocation);
  await engine.restart(names, line => {
    if (invocation.progress !== 'quiet') invocation.output.note(line);
  });
  return exitCodes.ok;
}
