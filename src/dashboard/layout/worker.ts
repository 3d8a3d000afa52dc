/// <reference lib="webworker" />
/** Finds where nodes of a graph go, beside the page's own thread. */
import type { LayoutAnswer, LayoutQuestion } from './layout.ts';
import { placesOf } from './places.ts';

addEventListener('message', ({ data }: MessageEvent<LayoutQuestion>) => {
  postMessage({ number: data.number, ...placesOf(data) } satisfies LayoutAnswer);
});
