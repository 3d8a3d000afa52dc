import { exitCodes } from '../../api/mesh-error.ts';
import type { Invocation } from '../invocation.ts';
import { createPresenter } from '../progress.ts';
import { followSignals } from '../signals.ts';

/** `mesh daemon`: the background half of `up -d`. A signal ends the daemon only; containers and their traffic go on. */
export async function run(
  invocation: Invocation,
  _args: readonly string[],
  options: { readonly build?: boolean; readonly adminPort?: number },
): Promise<number> {
  const backend = await invocation.backend();
  const daemon = await backend.startDaemon(invocation.project, {
    build: options.build ?? false,
    adminPort: options.adminPort ?? null,
  });
  process.send?.('listening');
  using _signals = followSignals(() => void daemon.stop({ containers: false }));
  const presenter = createPresenter(invocation);
  const ending = new AbortController();
  void (async () => {
    for await (const event of daemon.events('run', ending.signal)) presenter.show(event);
  })();
  await daemon.ended.finally(() => ending.abort());
  return exitCodes.ok;
}
