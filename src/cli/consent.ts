import { createInterface } from 'node:readline/promises';
import { MeshError } from '../api/mesh-error.ts';
import { writeGrants } from './grants.ts';
import type { Invocation } from './invocation.ts';
import { readConfig } from './load-config.ts';

/**
 * Asks, on a terminal, for what the containers would get beyond their pods, and writes a yes down: it holds for this folder and exactly these
 * things. Where nobody can be asked, or more is wrong, the start says what to do.
 * @returns the invocation to go on with
 * @throws MeshError `refused`
 */
export async function askConsent(invocation: Invocation): Promise<Invocation> {
  const { project, output } = invocation;
  if (project.allowPrivileged || process.stdin.isTTY !== true || process.stderr.isTTY !== true) return invocation;
  const { config, diagnostics } = await readConfig(invocation);
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  const grants = errors.flatMap(({ grant }) => grant ?? []);
  if (config !== null || grants.length < errors.length) return invocation;
  output.note(`${output.tint('yellow', '!')} ${project.file} asks for more than its pods:`);
  for (const { grant = '', message } of errors) output.note(`  ${output.tint('bold', grant)}\n    ${message}`);
  if (!(await isYes('Let the containers have this? It is asked again when it changes. [y/N] ')))
    throw new MeshError(
      'refused',
      'nothing was started',
      'take these lines out of the files, or answer y to let the containers have it',
    );
  // What was allowed before and is still asked for is a warning by now.
  const granted = [...new Set(diagnostics.flatMap(({ grant }) => grant ?? []))].sort();
  writeGrants(project.dir, project.env, granted);
  return { ...invocation, project: { ...project, granted: new Set(granted) } };
}

async function isYes(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await lines.question(question)).trim());
  } catch {
    // Ctrl-C or the end of input.
    return false;
  } finally {
    lines.close();
  }
}
