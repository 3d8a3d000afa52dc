import { existsSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join, resolve as resolvePath } from 'node:path';
import { systemClock } from '../async/clock.ts';
import { valueDiagnostics } from './check-values.ts';
import { withoutConsequences } from './consequences.ts';
import { compareText, type Diagnostic, errorAt, sortDiagnostics } from './diagnostic.ts';
import { parseEnvFile } from './env-file.ts';
import { describeProblem, interpolateNode, type VariableProblem } from './interpolate.ts';
import type { MeshConfig } from './mesh-config.ts';
import { placeMissingCompose } from './missing-compose.ts';
import { maxFileBytes, parseYaml, tooLarge } from './parse.ts';
import { readRegularFile } from './read-file.ts';
import { composePart } from './resolve/overlay.ts';
import { Report } from './resolve/report.ts';
import { nameFromFolder, resolve } from './resolve/resolve.ts';
import { checkShape } from './schema/check.ts';
import type { ComposeLoader } from './service-source.ts';
import { dotted, type Position, type YamlNode } from './yaml-node.ts';

/** What a load came to. Errors: `config` is null. Warnings may accompany a config. */
export interface LoadResult {
  readonly config: MeshConfig | null;
  readonly diagnostics: readonly Diagnostic[];
  /** Text of each file read, for printing the frame with a caret. */
  readonly sources: ReadonlyMap<string, string>;
  /** Every file that was read or looked for, absolute: what to watch, also where `config` is null. */
  readonly files: readonly string[];
}

/** Which files are read, and with which variables. */
export interface LoadOptions {
  /** Path of mesh.yaml, absolute or relative to the working directory. */
  readonly file: string;
  /** Variables for `${VAR}`: usually process.env; `.env` beside mesh.yaml fills what is missing. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly profiles: readonly string[];
  /** Project name given with `-p`; overrides `name`. */
  readonly project: string | null;
  /** `loadCompose` of interop/compose, handed in by interop/load-mesh. */
  readonly composeLoader: ComposeLoader;
  /** `--allow-privileged`: docker socket, host mounts and the like become warnings. @default false */
  readonly allowPrivileged?: boolean;
  /** The same for these alone (`grant` of diagnostics). @default none */
  readonly granted?: ReadonlySet<string>;
}

/** Reads mesh.yaml and every file it leads to: parse → schema → resolve. Never throws for bad input. */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const file = resolvePath(options.file);
  const baseDir = dirname(file);
  const envFile = join(baseDir, '.env');
  const sources = new Map<string, string>();
  const looked = new Set([file, envFile]);
  const failed = (...diagnostics: readonly Diagnostic[]): LoadResult => ({
    config: null,
    diagnostics: sortDiagnostics(diagnostics),
    sources,
    files: [...looked].sort(compareText),
  });

  const read = readLimited(file, options.file);
  if (typeof read !== 'string') return failed(read);
  sources.set(options.file, read);
  const parsed = parseYaml(read, options.file);
  if (parsed.root === null) return failed(...(parsed.diagnostics.length > 0 ? parsed.diagnostics : [emptyFile(options.file)]));

  const { env, diagnostics: envDiagnostics, text: envText } = environment(envFile, options.env);
  if (envText !== null) sources.set(envFile, envText);
  const unset: Diagnostic[] = [];
  const root = interpolateNode(
    parsed.root,
    name => env[name],
    (problem, at, path) => unset.push(variableProblem(problem, at, dotted(path))),
  );
  const checked = checkShape(root);
  const found = [...parsed.diagnostics, ...envDiagnostics, ...valueDiagnostics(root), ...checked.diagnostics];
  if (checked.spec === null) return failed(...found, ...unset);
  const { spec } = checked;
  if (spec.services === undefined && spec.compose === undefined && checked.removed.length === 0) found.push(noServices(root));

  const overlayReport = new Report(root);
  const { overlay, appPorts } = composePart(root, baseDir, overlayReport);
  const composeFiles = (spec.compose ?? []).map(name => resolvePath(baseDir, name));
  const ask = (project: string | null) =>
    options.composeLoader({ files: composeFiles, overlay, env, profiles: options.profiles, project });
  const given = options.project ?? spec.name ?? null;
  let services = await ask(given);
  const name = given ?? nameFromFolder(services.name ?? baseDir);
  // Image tags and volume names carry the project's name, which only the compose file knew.
  if (given === null) services = await ask(name);
  for (const one of [...composeFiles, ...services.files]) looked.add(one);
  for (const [one, text] of services.sources) if (!sources.has(one)) sources.set(one, text);

  const files = [file, ...(envText === null ? [] : [envFile]), ...services.files];
  const projectDirs = [...new Set([baseDir, ...composeFiles.map(one => dirname(one))].map(realPath))];
  const sourceDirs = [...new Set([...projectDirs, ...projectDirs.flatMap(repositoryOf)])];
  const { allowPrivileged: allowed = false, granted = new Set() } = options;
  const privilege = { projectDirs, sourceDirs, allowed, granted, realPath };
  const nowMs = systemClock.now();
  const resolved = resolve({ spec, root, name, baseDir, files, load: services, appPorts, privilege, exists: existsSync, nowMs });
  for (const one of resolved.files) looked.add(one);
  const fromCompose = placeMissingCompose(services.diagnostics, composeFiles, root);
  const late = [...overlayReport.diagnostics, ...fromCompose, ...resolved.diagnostics];
  const composeMissing = fromCompose.some(one => one.code === 'compose-missing-file' && one.path.startsWith('compose'));
  const causes = { unset, removed: checked.removed, composeMissing };
  const diagnostics = sortDiagnostics([...unset, ...withoutConsequences([...found, ...late], causes)]);
  const broken = diagnostics.some(one => one.severity === 'error');
  return { config: broken ? null : resolved.config, diagnostics, sources, files: [...looked].sort(compareText) };
}

function readLimited(file: string, shownAs: string): string | Diagnostic {
  try {
    const { bytes, size } = readRegularFile(file, maxFileBytes);
    const text = bytes.toString('utf8');
    if (size <= maxFileBytes) return text;
    // A file above the limit is not read whole; its beginning tells whether it is too deep as well.
    const deep = parseYaml(text, shownAs).diagnostics.find(one => one.code === 'too-deep');
    return deep ?? tooLarge(shownAs, size);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    const missing = code === 'ENOENT';
    const diagnostic = errorAt({
      code: missing ? 'file-not-found' : 'file-unreadable',
      at: null,
      message: missing ? `${file} was not found` : `${file} cannot be read (${code})`,
      hint: missing ? 'start with `mesh init`, or name the file with `-f`' : 'check that it is a file and that you may read it',
    });
    return { ...diagnostic, file: shownAs };
  }
}

/** The shell's variables, filled up from `.env`. */
function environment(file: string, shell: LoadOptions['env']) {
  const text = readLimited(file, file);
  if (typeof text !== 'string') {
    // Most projects have none, and in some the name belongs to a folder.
    const none = text.code === 'file-not-found' || text.message.includes('EISDIR');
    return { env: shell, diagnostics: none ? [] : [text], text: null };
  }
  const { values, diagnostics } = parseEnvFile(text, file, name => shell[name]);
  const filled = Object.fromEntries([...values].filter(([name, value]) => value !== null && shell[name] === undefined));
  return { env: { ...shell, ...filled } as LoadOptions['env'], diagnostics, text };
}

function variableProblem(problem: VariableProblem, at: Position, path: string): Diagnostic {
  if (problem.kind === 'invalid') {
    const hint = 'write `$$` for a dollar sign, `${NAME}` for a variable';
    return errorAt({ code: 'bad-variable', at, path, message: describeProblem(problem), hint });
  }
  const hint = `set ${problem.name} in the shell or in .env, or give a default: \`\${${problem.name}:-…}\``;
  return errorAt({ code: 'unset-variable', at, path, message: describeProblem(problem), hint });
}

function emptyFile(file: string): Diagnostic {
  const hint = 'write `services: {web: {image: shop/web, port: 8080}}`, or start with `mesh init`';
  return { ...errorAt({ code: 'empty-file', at: null, message: 'the file is empty', hint }), file };
}

function noServices(root: YamlNode): Diagnostic {
  const hint = 'write `services:` or name a compose file, `compose: compose.yaml`';
  return errorAt({ code: 'no-services', at: root.at, message: 'there are no services', hint });
}

/** The path without symbolic links, as far as it exists. */
/** The repository that a folder is in: what was cloned together may be built together. A home folder is none, even under version control. */
function repositoryOf(folder: string): readonly string[] {
  for (let dir = folder; dir !== dirname(dir) && dir !== homedir(); dir = dirname(dir))
    if (existsSync(join(dir, '.git'))) return [dir];
  return [];
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPath(parent), basename(path));
  }
}
