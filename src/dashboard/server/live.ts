/** What a page shows, kept new while somebody looks at it. */
import { useEffect, useState } from 'preact/hooks';
import { type CallError, callErrorOf, follow, get } from './call.ts';

/** The last document, and what went wrong since. */
export interface Live<T> {
  readonly value: T | null;
  readonly error: CallError | null;
}

const retryMs = 2_000;
const wellMs = 500;

/**
 * Asks again and again. `everyMs`: `null` asks once. `cause`: another one asks again at once; what was answered before is shown until then. A page in the
 * background asks nothing.
 */
export function usePolled<T>(path: string | null, everyMs: number | null, cause = ''): Live<T> {
  const work = async (signal: AbortSignal, show: (value: T) => void): Promise<void> => {
    for (;;) {
      show(await get<T>(path ?? '', signal));
      if (everyMs === null) return;
      await pause(everyMs, signal);
    }
  };
  return useLive<T>(path, everyMs, work, cause);
}

/** Follows a stream while the page is looked at; `onDocument` gets all of it, `onStart` is told each time that it begins anew. */
export function useStream<T>(path: string | null, onDocument: (document: T) => void, onStart: () => void): CallError | null {
  return useLive<null>(path, 'stream', async (signal, show) => {
    // Who asks in vain is told so at once; a stream that has lasted for a while is well, also when it has nothing to tell.
    let well = 0;
    try {
      const opened = (): void => {
        well = setTimeout(() => show(null), wellMs);
        onStart();
      };
      for await (const document of follow<T>(path ?? '', signal, opened)) onDocument(document);
    } finally {
      clearTimeout(well);
    }
    await pause(retryMs, signal);
  }).error;
}

/** Runs `work` while the page is visible, again after it failed. */
function useLive<T>(
  path: string | null,
  how: unknown,
  work: (signal: AbortSignal, show: (value: T) => void) => Promise<void>,
  cause = '',
): Live<T> {
  const [live, setLive] = useState<Live<T> & { readonly path: string | null }>({ path, value: null, error: null });
  const visible = useVisible();
  // `work` is a new function each time; `path` and `how` say what it does.
  useEffect(() => {
    if (path === null || !visible) return;
    const ending = new AbortController();
    const run = async (): Promise<void> => {
      while (!ending.signal.aborted) {
        try {
          await work(ending.signal, value => {
            if (!ending.signal.aborted) setLive({ path, value, error: null });
          });
          if (how === null) return;
        } catch (error) {
          if (ending.signal.aborted) return;
          setLive(before => ({ path, value: before.path === path ? before.value : null, error: callErrorOf(error) }));
          await pause(retryMs, ending.signal);
        }
      }
    };
    void run();
    return () => ending.abort();
  }, [path, how, visible, cause]);
  // What another question was answered is not shown as the answer to this one.
  return live.path === path ? live : { value: null, error: null };
}

function useVisible(): boolean {
  const [visible, setVisible] = useState(!document.hidden);
  useEffect(() => {
    const look = (): void => setVisible(!document.hidden);
    document.addEventListener('visibilitychange', look);
    return () => document.removeEventListener('visibilitychange', look);
  }, []);
  return visible;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
