import type { Engine } from '../api/backend.ts';
import type { Invocation } from './invocation.ts';
import { guessName } from './project.ts';

/** The project's containers, found by name without needing a readable mesh.yaml. */
export async function openEngine(invocation: Invocation): Promise<{ readonly engine: Engine; readonly name: string }> {
  const backend = await invocation.backend();
  const name = guessName(invocation.project, await backend.recordedName(invocation.project));
  return { engine: await backend.openEngine(invocation.project, name), name };
}
