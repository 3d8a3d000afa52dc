import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import type { Project } from '../api/backend.ts';
import { exitCodes, MeshError } from '../api/mesh-error.ts';
import { socketPath, stateFolder } from '../api/socket-path.ts';
import { maxFileBytes } from '../config/parse.ts';
import { readRegularFile } from '../config/read-file.ts';
import { messageOf } from '../text/message-of.ts';
import { readGrants } from './grants.ts';
import type { GlobalOptions } from './invocation.ts';

const names = ['mesh.yaml', 'mesh.yml'];

/**
 * Finds the project: `-f`, MESH_FILE, else mesh.yaml here or in the nearest folder above; where there is none the working
 * directory counts, so that `down` and `ps` still work there.
 * @throws MeshError `usage` for options that make no sense
 */
export function locateProject(cwd: string, options: GlobalOptions, env: Readonly<Record<string, string | undefined>>): Project {
  const given = options.file ?? (env['MESH_FILE'] ? [env['MESH_FILE']] : []);
  if (given.length > 1) {
    throw new MeshError(
      'usage',
      'more than one mesh file was given',
      'use one -f; compose files belong under `compose:` in mesh.yaml',
      exitCodes.usage,
    );
  }
  const file = given[0] === undefined ? findUpwards(cwd) : resolve(cwd, given[0]);
  const dir = dirname(file);
  const name = options.projectName ?? env['MESH_PROJECT'] ?? null;
  if (name !== null && !/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/.test(name)) {
    throw new MeshError(
      'usage',
      `"${name}" cannot be a project's name`,
      'use up to 40 of a-z, 0-9 and -, beginning and ending with a letter or digit',
      exitCodes.usage,
    );
  }
  const stateDir = stateFolder(dir, name);
  return {
    dir,
    file,
    name,
    allowPrivileged: options.allowPrivileged ?? false,
    granted: readGrants(dir, env),
    profiles: options.profile ?? env['COMPOSE_PROFILES']?.split(',').filter(Boolean) ?? [],
    env: { ...readEnvFiles(cwd, options.envFile ?? []), ...env },
    stateDir,
    socket: socketPath(stateDir, env),
  };
}

/** How a command for this very project is written: `mesh`, with the -f and -p (or MESH_FILE, MESH_PROJECT) that were given. */
export function commandFor(
  { name }: Pick<Project, 'name'>,
  { file: files }: Pick<GlobalOptions, 'file'>,
  env: Readonly<Record<string, string | undefined>>,
): string {
  const file = files?.[0] ?? env['MESH_FILE'];
  return [
    'mesh',
    ...(file ? ['-f', /^[\w./-]+$/.test(file) ? file : `'${file.replaceAll("'", "'\\''")}'`] : []),
    ...(name === null ? [] : ['-p', name]),
  ].join(' ');
}

/**
 * Name under which the project's containers are found without reading the whole configuration, which may be broken or gone:
 * `-p`, what the last `up` wrote down, `name:` in the file, the folder.
 */
export function guessName(project: Project, recorded: string | null): string {
  if (project.name !== null) return project.name;
  if (recorded !== null) return recorded;
  return (
    nameInFile(project.file) ??
    basename(project.dir)
      .toLowerCase()
      .replace(/[^a-z0-9-]+/g, '-')
      .replace(/^-+|-+$/g, '')
  );
}

function nameInFile(file: string): string | null {
  try {
    return /^name:[ \t]*["']?([a-z0-9][a-z0-9-]*)/m.exec(readRegularFile(file, maxFileBytes).bytes.toString('utf8'))?.[1] ?? null;
  } catch {
    return null;
  }
}

function findUpwards(cwd: string): string {
  for (let dir = resolve(cwd); ; dir = dirname(dir)) {
    const found = names.map(name => join(dir, name)).find(path => existsSync(path));
    if (found !== undefined) return found;
    // A folder that ran a mesh stays a project when its file is deleted.
    if (existsSync(join(dir, '.mesh'))) return join(dir, 'mesh.yaml');
    if (dir === dirname(dir)) return join(resolve(cwd), 'mesh.yaml');
  }
}

function readEnvFiles(cwd: string, files: readonly string[]): Record<string, string | undefined> {
  const all: Record<string, string | undefined> = {};
  for (const file of files) {
    try {
      Object.assign(all, parseEnv(readFileSync(resolve(cwd, file), 'utf8')));
    } catch (error) {
      throw new MeshError('usage', `--env-file ${file}: ${messageOf(error)}`, '', exitCodes.usage);
    }
  }
  return all;
}
