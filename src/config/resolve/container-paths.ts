import { nodeAt, type YamlNode, type YamlPath } from '../yaml-node.ts';

/** Where mesh.yaml may hold compose's keys: services, and versions written in place. */
export function containerPaths(root: YamlNode): YamlPath[] {
  const services = nodeAt(root, ['services']);
  if (services?.kind !== 'map') return [];
  return [...services.entries].flatMap(([name, { value }]) => {
    const versions = nodeAt(value, ['versions']);
    const inner = versions?.kind === 'map' ? [...versions.entries.keys()] : [];
    return [['services', name], ...inner.map(version => ['services', name, 'versions', version])];
  });
}
