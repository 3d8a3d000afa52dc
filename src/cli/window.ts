import { exitCodes, MeshError } from '../api/mesh-error.ts';
import { isProblem, parseDuration } from '../config/units.ts';

/** `--window` as the API takes it; absent: its own. @throws MeshError `usage` */
export function windowOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (isProblem(ms)) throw new MeshError('usage', `--window: ${ms.problem}`, ms.hint, exitCodes.usage);
  return `${ms}ms`;
}
