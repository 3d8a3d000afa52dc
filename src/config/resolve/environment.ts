import { isSecretName } from '../shown.ts';
import { nodeAt, type YamlNode, type YamlPath } from '../yaml-node.ts';
import { containerPaths } from './container-paths.ts';
import type { Report } from './report.ts';

/** Warns of environment values in mesh.yaml that are secrets in plain sight or hold a newline. */
export function checkEnvironment(root: YamlNode, report: Report): void {
  for (const path of containerPaths(root)) {
    const node = nodeAt(root, [...path, 'environment']);
    if (node?.kind === 'map') {
      for (const [name, { value }] of node.entries) {
        if (value.kind === 'scalar' && value.value !== null)
          judge(name, String(value.value), [...path, 'environment', name], report);
      }
    } else if (node?.kind === 'list') {
      for (const [index, item] of node.items.entries()) {
        const [, name, value] = item.kind === 'scalar' ? (/^([^=]*)=(.*)$/s.exec(String(item.value)) ?? []) : [];
        if (name !== undefined && value !== undefined) judge(name, value, [...path, 'environment', index], report);
      }
    }
  }
}

function judge(name: string, value: string, path: YamlPath, report: Report): void {
  if (isSecretName(name) && value !== '') {
    const message = `\`${name}\` looks like a secret: everybody who may run \`docker inspect\` can read it`;
    report.warning(path, { code: 'secret-in-environment', message, hint: 'use `secrets:`, which mounts it as a file' });
  }
  if (/[\r\n]/.test(value)) {
    const message = `the value of \`${name}\` holds a newline`;
    report.warning(path, {
      code: 'newline-in-environment',
      message,
      hint: 'it stays one variable; some programs read it as two',
    });
  }
}
