/** Loads what a translator wrote, as mesh.yaml on disk. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { MeshConfig } from '../../src/config/mesh-config.ts';
import { loadMesh } from '../../src/interop/load-mesh.ts';
import type { MeshDocument } from '../../src/interop/mesh-document.ts';

/** `services`: what runs, by name, with its ports. @throws with the diagnostics when there are errors */
export async function loadDocument(document: MeshDocument, services: Readonly<Record<string, number>>): Promise<MeshConfig> {
  const folder = await mkdtemp(join(tmpdir(), 'mesh-document-'));
  try {
    const written = Object.entries(services).map(([name, port]) => [name, { image: 'x', port, ...document.services?.[name] }]);
    const file = join(folder, 'mesh.yaml');
    await writeFile(file, stringify({ name: 'shop', ...document, services: Object.fromEntries(written) }));
    const { config, diagnostics } = await loadMesh({ file, env: {}, profiles: [], project: null });
    if (config === null) throw new Error(diagnostics.map(one => `${one.path}: ${one.message}`).join('\n'));
    return config;
  } finally {
    await rm(folder, { recursive: true });
  }
}
