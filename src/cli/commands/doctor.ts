import { exitCodes } from '../../api/mesh-error.ts';
import { apiVersion } from '../../api/types.ts';
import { escapeLines } from '../../text/escape.ts';
import type { Invocation } from '../invocation.ts';

/** `mesh doctor`: exit 1 when something must be mended before `mesh up` can work. */
export async function run(
  invocation: Invocation,
  _args: readonly string[],
  options: { readonly json?: boolean },
): Promise<number> {
  const { output } = invocation;
  const checks = await (await invocation.backend()).doctor(invocation.project);
  if (options.json) output.json({ apiVersion, kind: 'Checks', checks });
  else {
    const mark = { ok: output.paint('green', '✔'), warning: output.paint('yellow', '!'), failed: output.paint('red', '✘') };
    for (const { name, state, detail, hint } of checks) {
      output.data(`${mark[state]} ${name.padEnd(10)} ${escapeLines(detail).replaceAll('\n', `\n${' '.repeat(13)}`)}`);
      if (hint !== '') output.data(`  ${''.padEnd(10)} hint: ${output.addressed(hint)}`);
    }
  }
  return checks.some(each => each.state === 'failed') ? exitCodes.failure : exitCodes.ok;
}
