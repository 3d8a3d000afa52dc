import type { AccessMatrixDocument, SeenCallsDocument } from '../api/access.ts';
import { apiVersion } from '../api/types.ts';
import type { Clock } from '../async/clock.ts';
import { delay } from '../async/delay.ts';
import { accessMatrix } from '../control/access-matrix.ts';
import type { ObservedPod } from '../runtime/runtime.ts';
import type { ControlPort } from './control-port.ts';

/** Who may call whom by what is enforced now. */
export function matrixDocument(control: ControlPort): AccessMatrixDocument {
  return { apiVersion, kind: 'AccessMatrix', ...accessMatrix(control.snapshots()) };
}

/** How often sidecars are asked: one that is restarted forgets what it saw since. */
const askEveryMs = 1_000;

/** Who calls whom, as the sidecars of the called saw it since they were first asked: all of it again every second, for so long or until the signal, then once more. */
export async function* watchCalls(
  { control, clock }: { readonly control: ControlPort; readonly clock: Clock },
  pods: () => readonly ObservedPod[],
  forMs: number,
  signal: AbortSignal,
): AsyncGenerator<SeenCallsDocument, void, void> {
  const endMs = clock.monotonic() + forMs;
  for (;;) {
    yield await seenCalls(pods(), control);
    const leftMs = endMs - clock.monotonic();
    if (leftMs <= 0 || signal.aborted) return;
    await delay(clock, Math.min(askEveryMs, leftMs), signal).catch(() => undefined);
  }
}

async function seenCalls(pods: readonly ObservedPod[], control: ControlPort): Promise<SeenCallsDocument> {
  const names = new Map<string, string>();
  for (const { identity, service } of control.snapshots()) if (!names.has(identity)) names.set(identity, service);
  const asked = pods.filter(pod => pod.kind === 'service' && pod.sidecar !== null);
  const answers = await Promise.all(
    asked.map(async pod => ({
      pod,
      seen: await control.calls(pod.workload).catch(() => null),
    })),
  );
  return {
    apiVersion,
    kind: 'SeenCalls',
    more: answers.some(({ seen }) => seen?.more === true),
    unasked: answers.filter(({ seen }) => seen === null).map(({ pod }) => pod.workload),
    calls: answers.flatMap(({ pod, seen }) =>
      (seen?.calls ?? []).map(({ principal, ...call }) => ({
        from: principal === null ? null : (names.get(principal) ?? principal),
        to: pod.service,
        ...call,
      })),
    ),
  };
}
