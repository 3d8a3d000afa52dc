import { stringify } from 'yaml';
import type { MeshConfig } from './mesh-config.ts';

/** The canonical configuration as YAML: what `mesh config` prints. Same configuration, same text. */
export function renderConfig(config: MeshConfig): string {
  return stringify(config, { aliasDuplicateObjects: false, lineWidth: 0, sortMapEntries: false });
}
