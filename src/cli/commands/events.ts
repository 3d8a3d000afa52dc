import { connectApi } from '../../api/client.ts';
import { eventText } from '../../api/event-text.ts';
import { exitCodes } from '../../api/mesh-error.ts';
import { jsonText } from '../../text/escape.ts';
import type { Invocation } from '../invocation.ts';
import { describe } from '../progress.ts';
import { followSignals } from '../signals.ts';

/** `mesh events` */
export async function run(
  { project, output }: Invocation,
  _args: readonly string[],
  options: { readonly follow?: boolean; readonly json?: boolean },
): Promise<number> {
  const ending = new AbortController();
  using _signals = followSignals(() => ending.abort());
  const paint = { tint: output.paint.bind(output), addressed: output.addressed.bind(output) };
  for await (const event of connectApi(project.socket).events(0, ending.signal, options.follow ?? false)) {
    if (options.json) {
      output.data(jsonText(event));
      continue;
    }
    // Of no interest while one looks at `up`; here they tell what came before, and who was renewed.
    const text =
      event.kind === 'started' || event.kind === 'certificates'
        ? output.paint('dim', eventText(event).text)
        : describe(event, paint);
    if (text !== null) output.data(`${output.paint('dim', event.at.slice(0, 19).replace('T', ' '))}  ${text}`);
  }
  return exitCodes.ok;
}
