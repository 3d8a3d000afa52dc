import { regexProblem } from '../regex.ts';
import type { YamlPath } from '../yaml-node.ts';
import type { Report } from './report.ts';

/** Tells what is wrong with a regular expression; whether it is a good one. */
export function checkRegex(source: string, path: YamlPath, report: Report): boolean {
  const problem = regexProblem(source);
  if (problem !== null) report.error(path, { code: 'bad-regex', message: problem.problem, hint: problem.hint });
  return problem === null;
}
