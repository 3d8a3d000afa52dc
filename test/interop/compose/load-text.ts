import { join, relative } from 'node:path';
import { parseYaml } from '../../../src/config/parse.ts';
import type { ComposeLoad, ComposeOverlay } from '../../../src/config/service-source.ts';
import type { YamlMap } from '../../../src/config/yaml-node.ts';
import { composeLoader } from '../../../src/interop/compose/load-compose.ts';

/** Folder that the files of a test seem to lie in. */
export const folder = '/project/shop';

export interface LoadTextOptions {
  /** Further files by path relative to the folder. */
  readonly files?: Readonly<Record<string, string>>;
  /** Further `-f` files, in order. */
  readonly over?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly profiles?: readonly string[];
  readonly project?: string;
  /** Services of mesh.yaml as YAML, their own keys already taken out. */
  readonly mesh?: string;
}

/** Loads a compose file given as text; no file of the disk is touched. */
export async function loadText(compose: string | null, options: LoadTextOptions = {}): Promise<ComposeLoad> {
  const files = new Map(Object.entries(options.files ?? {}));
  if (compose !== null) files.set('compose.yaml', compose);
  const load = composeLoader(path => files.get(relative(folder, path)) ?? null);
  const names = compose === null ? [] : ['compose.yaml', ...(options.over ?? [])];
  return load({
    files: names.map(name => join(folder, name)),
    overlay: options.mesh === undefined ? emptyOverlay(folder) : overlayOf(options.mesh),
    env: { HOME: '/home/someone', ...options.env },
    profiles: options.profiles ?? [],
    project: options.project ?? null,
  });
}

/** A mesh.yaml without anything in compose's keys. */
export function emptyOverlay(baseDir: string): ComposeOverlay {
  return { baseDir, services: [], volumes: null, secrets: null, networks: null, configs: null };
}

function overlayOf(text: string): ComposeOverlay {
  const { root } = parseYaml(text, 'mesh.yaml', { tags: ['!reset', '!override'] });
  if (root?.kind !== 'map') throw new Error('the mesh part of a test must be a map');
  const section = (name: string): YamlMap | null => {
    const value = root.entries.get(name)?.value;
    return value?.kind === 'map' ? value : null;
  };
  const services = [...(section('services')?.entries ?? [])].flatMap(([name, { value: node }]) =>
    node.kind === 'map' ? [{ name, path: `services.${name}`, node }] : [],
  );
  const sections = {
    volumes: section('volumes'),
    secrets: section('secrets'),
    networks: section('networks'),
    configs: section('configs'),
  };
  return { baseDir: folder, services, ...sections };
}
