import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

/**
 * Where it is written down what the user lets the containers of a folder have. Not below the project: whoever sends one
 * could send the answer with it.
 */
function grantsFile(projectDir: string, env: Readonly<Record<string, string | undefined>>): string {
  const name = createHash('sha256').update(projectDir).digest('hex').slice(0, 32);
  return join(env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state'), 'localmesh', 'grants', `${name}.json`);
}

/** What was said yes to; a missing or damaged file is no yes. */
export function readGrants(projectDir: string, env: Readonly<Record<string, string | undefined>>): ReadonlySet<string> {
  try {
    const value: unknown = JSON.parse(readFileSync(grantsFile(projectDir, env), 'utf8'));
    const { dir, grants } = value as { readonly dir?: unknown; readonly grants?: unknown };
    if (dir !== projectDir || !Array.isArray(grants)) return new Set();
    return new Set(grants.filter(grant => typeof grant === 'string'));
  } catch {
    return new Set();
  }
}

/** Writes down a yes in place of what was there. @throws the system's error */
export function writeGrants(
  projectDir: string,
  env: Readonly<Record<string, string | undefined>>,
  grants: readonly string[],
): void {
  const file = grantsFile(projectDir, env);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${process.pid}.tmp`;
  writeFileSync(temporary, `${JSON.stringify({ dir: projectDir, grants }, null, 2)}\n`, { mode: 0o600 });
  chmodSync(temporary, 0o600);
  renameSync(temporary, file);
}
