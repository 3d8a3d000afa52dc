import { type Diagnostic, errorAt } from './diagnostic.ts';
import { hasControlCharacter, shown } from './shown.ts';
import { dotted, type YamlNode, type YamlPath } from './yaml-node.ts';

/** What is wrong with any value of mesh.yaml wherever it stands: control characters, numbers that YAML reads unlike they look. */
export function valueDiagnostics(root: YamlNode): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  const seen = new Set<YamlNode>();
  const walk = (node: YamlNode, path: YamlPath): void => {
    if (seen.has(node)) return;
    seen.add(node);
    if (node.kind === 'list') for (const [index, item] of node.items.entries()) walk(item, [...path, index]);
    else if (node.kind === 'map') {
      for (const [key, entry] of node.entries) {
        if (hasControlCharacter(key)) diagnostics.push(control(key, [...path, key], entry.keyAt));
        walk(entry.value, [...path, key]);
      }
    } else if (typeof node.value === 'string' && hasControlCharacter(node.value))
      diagnostics.push(control(node.value, path, node.at));
    else if (typeof node.value === 'number' && /^[-+]?0\d+$/.test(node.source)) {
      diagnostics.push(
        errorAt({
          code: 'leading-zero',
          at: node.at,
          path: dotted(path),
          message: `\`${node.source}\` is the decimal number ${node.value} in YAML 1.2`,
          hint: `write \`0o${node.source.replace(/^[-+]?0+/, '')}\` (as in 0o644) for an octal number, or quote it for a text`,
        }),
      );
    }
  };
  walk(root, []);
  return diagnostics;
}

function control(text: string, path: YamlPath, at: YamlNode['at']): Diagnostic {
  const hint = 'remove it; terminals act on such characters';
  return errorAt({
    code: 'control-character',
    at,
    path: dotted(path),
    message: `${shown(text)} holds a control character`,
    hint,
  });
}
