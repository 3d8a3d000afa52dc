import { useEffect, useRef, useState } from 'preact/hooks';
import type { TapLine } from '../../../api/tap.ts';
import { type Entry, TapList } from './tap-list.ts';

const mostListed = 500;
const holdMs = 1_500;

/** A list that takes lines as they come and is drawn once a frame. Another question begins another list. */
export function useTapList(path: string) {
  const [, draw] = useState(0);
  const list = useRef<{ readonly path: string; readonly list: TapList } | null>(null);
  if (list.current?.path !== path) list.current = { path, list: new TapList(mostListed) };
  const { list: now } = list.current;
  const waiting = useRef<TapLine[]>([]);
  const frame = useRef(0);
  const redraw = (): void => draw(n => n + 1);
  // Lines that wait belong to the question that they answer.
  useEffect(
    () => () => {
      cancelAnimationFrame(frame.current);
      frame.current = 0;
      waiting.current = [];
    },
    [path],
  );
  const take = (line: TapLine): void => {
    waiting.current.push(line);
    // A window that is covered may not be drawn for long.
    if (waiting.current.length > mostListed) now.add(waiting.current.splice(0));
    if (frame.current !== 0) return;
    frame.current = requestAnimationFrame(() => {
      frame.current = 0;
      now.add(waiting.current.splice(0));
      redraw();
    });
  };
  return { list: now, redraw, take, begin: () => now.begin() };
}

/** What is shown of a list: it stands still while the pointer moves over it, so that what is aimed at does not run away. */
export function useHold(list: TapList) {
  const [held, setHeld] = useState<{ readonly list: TapList; readonly entries: readonly Entry[] } | null>(null);
  const timer = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  const hold = (): void => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setHeld(null), holdMs);
    if (held?.list !== list) setHeld({ list, entries: list.entries });
  };
  // What was cleared is gone.
  return { shown: held?.list === list && list.entries.length > 0 ? held.entries : list.entries, hold };
}
