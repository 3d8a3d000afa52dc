import type { MeshConfig } from './mesh-config.ts';
import { isSecretName } from './shown.ts';

/** Maps whose names are the user's own. */
const named = ['environment', 'args', 'labels', 'options'];

/** A configuration as others may look over one's shoulder at it: values of variables and labels named like secrets, and passwords in URLs, are `***`. */
export function masked(config: MeshConfig): MeshConfig {
  return mask(config, '', '') as MeshConfig;
}

function mask(value: unknown, field: string, parent: string): unknown {
  if (typeof value === 'string')
    return named.includes(parent) && isSecretName(field) ? '***' : value.replace(/(:\/\/[^\s/"'@:]*:)[^\s/"'@]+(?=@)/g, '$1***');
  if (Array.isArray(value)) return value.map(each => mask(each, '', ''));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, mask(each, name, field)]));
}
