import { connectApi, isAlive } from '../../api/client.ts';
import { exitCodes } from '../../api/mesh-error.ts';
import { openEngine } from '../engine.ts';
import type { Invocation } from '../invocation.ts';

/** `mesh down`: through the daemon where one lives, else by itself; twice is no error. */
export async function run(
  invocation: Invocation,
  _args: readonly string[],
  options: { readonly volumes?: boolean },
): Promise<number> {
  const { project, output, progress } = invocation;
  const volumes = options.volumes ?? false;
  let lines = 0;
  const onLine = (line: string): void => {
    lines += 1;
    if (progress !== 'quiet') output.note(line);
  };
  if (await isAlive(project.socket)) {
    await connectApi(project.socket).down({ volumes }, onLine);
    return exitCodes.ok;
  }
  const { engine } = await openEngine(invocation);
  const backend = await invocation.backend();
  await backend.whileClaimed(project, () => engine.down({ volumes }, onLine));
  await backend.forget(project);
  if (lines === 0 && progress !== 'quiet') output.note('nothing to remove');
  return exitCodes.ok;
}
