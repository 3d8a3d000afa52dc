import type { z } from 'zod';
import { type Diagnostic, errorAt } from '../diagnostic.ts';
import { suggest } from '../nearest.ts';
import { shown } from '../shown.ts';
import { dotted, nodeAt, positionAt, type YamlNode, type YamlPath } from '../yaml-node.ts';
import { refusal } from './refused-keys.ts';

type Issue = z.core.$ZodIssue;

/** What is wrong, and the path of the part that is. */
export interface Explained {
  readonly diagnostic: Diagnostic;
  readonly path: YamlPath;
}

/** Says what zod found in our words, at its place in the file. */
export function explainIssues(issues: readonly Issue[], root: YamlNode): Explained[] {
  return issues.flatMap(issue => explain(issue, [], root));
}

function explain(issue: Issue, before: YamlPath, root: YamlNode): Explained[] {
  const path = [...before, ...issue.path.map(step => (typeof step === 'number' ? step : String(step)))];
  if (issue.code === 'invalid_union') return bestBranch(issue, path, root).flatMap(inner => explain(inner, path, root));
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map(key => unknownField([...path, key], issue.message.split(' '), root));
  const [problem = '', hint = ''] = issue.message.split('\n');
  const name = String(path.at(-1) ?? 'the file');
  const missing = nodeAt(root, path) === null;
  const value = nodeAt(root, path);
  // A masked field is masked wherever its value might be repeated.
  const said = value?.kind === 'scalar' && shown('', name) === '`***`' ? 'the value does not fit' : problem;
  const diagnostic = errorAt({
    code: missing ? 'missing-field' : codeOf(issue),
    at: positionAt(root, path),
    path: dotted(path),
    message: missing ? `\`${name}\` is missing` : said,
    hint,
  });
  return [{ diagnostic, path }];
}

/** The reading of a union that the writer had in mind: the one that fits the value's type, with the fewest complaints. */
function bestBranch(issue: z.core.$ZodIssueInvalidUnion, path: YamlPath, root: YamlNode): readonly Issue[] {
  const value = nodeAt(root, path);
  const scalar = value === null || value.kind === 'scalar';
  const rate = (branch: readonly Issue[]): number => {
    const misfit = branch.some(inner => inner.path.length === 0 && wrongType(inner, scalar));
    const unknown = branch.filter(inner => inner.code === 'unrecognized_keys').length;
    const absent = branch.filter(
      inner => inner.path.length > 0 && nodeAt(root, [...path, ...(inner.path as YamlPath)]) === null,
    ).length;
    return (misfit ? 1000 : 0) + unknown * 10 + absent * 10 + branch.length;
  };
  return [...issue.errors].sort((a, b) => rate(a) - rate(b))[0] ?? [];
}

function wrongType(issue: Issue, scalar: boolean): boolean {
  if (issue.code === 'invalid_type') return true;
  if (issue.code === 'invalid_union')
    return issue.errors.every(branch => branch.some(inner => inner.path.length === 0 && wrongType(inner, scalar)));
  return !scalar && issue.code === 'custom' && issue.params?.['wrongType'] === true;
}

function codeOf(issue: Issue): string {
  if (issue.code === 'invalid_type') return issue.message.startsWith('is empty') ? 'empty-value' : 'wrong-type';
  return issue.code === 'too_small' ? 'empty-list' : 'bad-value';
}

function unknownField(path: YamlPath, known: readonly string[], root: YamlNode): Explained {
  const name = String(path.at(-1));
  const value = nodeAt(root, path);
  const found = value?.kind === 'scalar' && value.value !== null ? ` (${shown(value.value, name)})` : '';
  const diagnostic = errorAt({
    code: 'unknown-field',
    at: positionAt(root, path, 'key'),
    path: dotted(path),
    message: `unknown field ${shown(name)}${found}`,
    hint: refusal(path) ?? suggest(name, known),
  });
  return { diagnostic, path };
}
