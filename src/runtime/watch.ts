/** Tells when something happened to the project's containers, whatever happens to the connection. */
import type { Clock } from '../async/clock.ts';
import { delay } from '../async/delay.ts';
import { messageOf } from '../text/message-of.ts';
import type { Docker } from './docker.ts';
import { labelKeys } from './labels.ts';

/** A pod's start is a burst of events: one look after it is enough. */
const coalesceMs = 50;
const firstRetryMs = 200;
const longestRetryMs = 5_000;

/** See `Runtime.watch`. Reconnects for ever with growing pauses; after each connection `onChange` asks for a fresh look. */
export function watchProject(
  docker: Docker,
  clock: Clock,
  project: string,
  onChange: () => void,
  onConnection: (state: 'connected' | 'lost', reason: string) => void,
): AsyncDisposable {
  const closing = new AbortController();
  const { signal } = closing;
  let pending: (() => void) | null = null;
  const changed = () => {
    pending ??= clock.after(coalesceMs, () => {
      pending = null;
      onChange();
    });
  };
  const follow = async () => {
    let retryMs = firstRetryMs;
    let lost = false;
    while (!signal.aborted) {
      let reason = 'the engine ended the event stream';
      try {
        const events = docker.events({ [labelKeys.project]: project }, signal, () => {
          retryMs = firstRetryMs;
          lost = false;
          onConnection('connected', docker.endpoint);
          changed();
        });
        for await (const _ of events) changed();
      } catch (error) {
        reason = messageOf(error);
      }
      if (signal.aborted) return;
      if (!lost) onConnection('lost', reason);
      lost = true;
      await delay(clock, retryMs, signal).catch(() => {}); // closed meanwhile: the loop ends
      retryMs = Math.min(retryMs * 2, longestRetryMs);
    }
  };
  const following = follow();
  return {
    async [Symbol.asyncDispose]() {
      closing.abort();
      pending?.();
      await following;
    },
  };
}
