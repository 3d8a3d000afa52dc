import { connectApi } from '../../api/client.ts';
import { eventText } from '../../api/event-text.ts';
import { exitCodes, MeshError } from '../../api/mesh-error.ts';
import type { MeshEvent } from '../../api/types.ts';
import { jsonText } from '../../text/escape.ts';
import type { Invocation } from '../invocation.ts';
import { describe } from '../progress.ts';
import { followSignals } from '../signals.ts';

/** `mesh events` */
export async function run(
  { project, output }: Invocation,
  _args: readonly string[],
  options: { readonly follow?: boolean; readonly json?: boolean; readonly kind?: string },
): Promise<number> {
  const kinds = options.kind === undefined ? null : readKinds(options.kind);
  const ending = new AbortController();
  using _signals = followSignals(() => ending.abort());
  const paint = { tint: output.paint.bind(output), addressed: output.addressed.bind(output) };
  for await (const event of connectApi(project.socket).events(0, ending.signal, options.follow ?? false)) {
    // A gap is told whatever is asked for.
    if (kinds !== null && event.kind !== 'gap' && !kinds.includes(event.kind)) continue;
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

/** @throws MeshError `usage` that names the known ones */
function readKinds(text: string): readonly string[] {
  const asked = text.split(',').map(kind => kind.trim());
  const unknown = asked.find(kind => !Object.hasOwn(known, kind));
  if (unknown === undefined) return asked;
  const hint = `some of ${Object.keys(known).join(', ')}`;
  throw new MeshError('usage', `no events of kind ${JSON.stringify(unknown)}`, hint, exitCodes.usage);
}

/** The compiler sees to it that none is left out. */
const known: { readonly [Kind in MeshEvent['kind']]: true } = {
  phase: true,
  started: true,
  plan: true,
  operation: true,
  ready: true,
  healthy: true,
  reload: true,
  diagnostics: true,
  engine: true,
  fault: true,
  keys: true,
  roots: true,
  denied: true,
  nack: true,
  certificates: true,
  endpoint: true,
  overflow: true,
  workload: true,
  warning: true,
  gap: true,
};
