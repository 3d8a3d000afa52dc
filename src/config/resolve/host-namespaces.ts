import { nodeAt, type YamlNode } from '../yaml-node.ts';
import { containerPaths } from './container-paths.ts';
import type { Report } from './report.ts';

const namespaces: Readonly<Record<string, string>> = {
  cgroup: 'control groups',
  ipc: 'shared memory',
  network_mode: 'network, which bypasses the mesh',
  pid: 'processes',
  userns_mode: 'users',
  uts: 'host name',
};

/** A service of mesh.yaml that asks for a namespace of the host. (In compose files the key is warned about and has no effect.) */
export function checkHostNamespaces(root: YamlNode, report: Report): void {
  for (const path of containerPaths(root)) {
    for (const [key, what] of Object.entries(namespaces)) {
      const node = nodeAt(root, [...path, key]);
      if (node?.kind !== 'scalar' || node.value !== 'host') continue;
      const message = `\`${key}: host\` would give the container the host's ${what}`;
      report.error([...path, key], { code: 'host-namespace', message, hint: `remove \`${key}\`: a pod has its own` });
    }
  }
}
