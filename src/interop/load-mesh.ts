import { type LoadOptions, type LoadResult, load } from '../config/load.ts';
import { loadCompose } from './compose/load-compose.ts';

/** Loads mesh.yaml with every foreign format that it may lead to: the one place where formats are plugged in. */
export function loadMesh(options: Omit<LoadOptions, 'composeLoader'>): Promise<LoadResult> {
  return load({ ...options, composeLoader: loadCompose });
}
