import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { type Diagnostic, errorAt } from './diagnostic.ts';
import { nodeAt, positionAt, type YamlNode } from './yaml-node.ts';

/** Names that compose looks for itself. */
const usualNames = ['compose.yaml', 'compose.yml', 'docker-compose.yaml', 'docker-compose.yml'];

/** A compose file that is not there is a mistake in mesh.yaml, which names it: moved to its place under `compose`. */
export function placeMissingCompose(found: readonly Diagnostic[], composeFiles: readonly string[], root: YamlNode): Diagnostic[] {
  return found.map(one => {
    if (one.code !== 'compose-missing-file' || one.line !== null || one.file === null) return one;
    const index = composeFiles.indexOf(resolve(one.file));
    if (index < 0) return one;
    const file = composeFiles[index] ?? '';
    const isList = nodeAt(root, ['compose'])?.kind === 'list';
    const there = usualNames.find(name => name !== basename(file) && existsSync(join(dirname(file), name)));
    return errorAt({
      code: one.code,
      at: positionAt(root, isList ? ['compose', index] : ['compose']),
      path: isList ? `compose[${index}]` : 'compose',
      message: existsSync(file) ? `${file} cannot be read` : `${file} was not found`,
      hint:
        there === undefined ? 'correct the path; it starts at the folder of mesh.yaml' : `there is \`${there}\` in that folder`,
    });
  });
}
