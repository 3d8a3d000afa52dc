import type { Clock } from '../async/clock.ts';
import type { ControlPort } from './control-port.ts';

/** All sidecars of a laptop mesh ack in tens of ms; who needs longer shows as STALE. */
const ackTimeoutMs = 5_000;

/** Waits until the sidecars act on what was compiled last, and says so in words. `startedMs`: monotonic. Never rejects. */
export async function waitForAcks(
  { control, clock }: { readonly control: ControlPort; readonly clock: Clock },
  startedMs: number,
  ending: AbortSignal,
): Promise<string> {
  const late = new AbortController();
  const cancel = clock.after(ackTimeoutMs, () => late.abort());
  try {
    const sidecars = await control.settled(AbortSignal.any([late.signal, ending]));
    return `acked by ${sidecars} sidecar${sidecars === 1 ? '' : 's'} in ${Math.round(clock.monotonic() - startedMs)} ms`;
  } catch {
    return 'not acked by every sidecar yet (see `mesh proxy-status`)';
  } finally {
    cancel();
  }
}
