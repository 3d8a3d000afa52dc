/** How smooth the Map is, as its page can tell; `bench/dashboard.ts` asks. */
import type { Page } from 'playwright-core';

/** What passed in a while. */
export interface Smoothness {
  readonly framesPerSecond: number;
  /** Frames in the worst whole second. */
  readonly worstSecond: number;
  /** Tasks of more than 50 ms. */
  readonly longTasks: number;
  readonly longestTaskMs: number;
}

/** Since the page was opened, ms. */
export interface Opening {
  /** First contentful paint. */
  readonly paintMs: number;
  readonly drawnMs: number;
  /** Of that, the worker's answer to where nodes go. */
  readonly layoutMs: number;
}

/** Measures the layouts of every page that is opened from now on. */
export async function timeLayouts(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const own = window as unknown as { layoutMs: number };
    const post = Worker.prototype.postMessage;
    Worker.prototype.postMessage = function (this: Worker, ...given: unknown[]): void {
      const asked = performance.now();
      const answered = (): void => {
        own.layoutMs = performance.now() - asked;
      };
      this.addEventListener('message', answered, { once: true });
      post.apply(this, given as [unknown]);
    };
  });
}

/** Waits until so many nodes are on the canvas. */
export async function untilDrawn(page: Page, nodes: number): Promise<Opening> {
  await page.waitForFunction(
    count => {
      const place = document.querySelector('.map-canvas') as unknown as { _cyreg?: { cy?: unknown } } | null;
      const cy = place?._cyreg?.cy as { nodes(): { length: number } } | undefined;
      return cy !== undefined && cy.nodes().length >= count;
    },
    nodes,
    { polling: 'raf', timeout: 120_000 },
  );
  return page.evaluate(() => ({
    paintMs: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Number.NaN,
    drawnMs: performance.now(),
    layoutMs: (window as unknown as { layoutMs: number }).layoutMs,
  }));
}

/** CPU time of the page's main thread since it was opened, ms: the same on a busy machine. */
export async function mainThread(page: Page): Promise<() => Promise<number>> {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  return async () => {
    const { metrics } = await session.send('Performance.getMetrics');
    return (metrics.find(({ name }) => name === 'ThreadTime')?.value ?? Number.NaN) * 1_000;
  };
}

/** Counts frames and long tasks for a while. */
export function watchFrames(page: Page, forMs: number): Promise<Smoothness> {
  return page.evaluate(async forMs => {
    const tasks: number[] = [];
    const observer = new PerformanceObserver(list => {
      for (const { duration } of list.getEntries()) tasks.push(duration);
    });
    observer.observe({ type: 'longtask' });
    const perSecond = Array.from({ length: Math.floor(forMs / 1_000) }, () => 0);
    let frames = 0;
    const began = performance.now();
    let passed = 0;
    while (passed < forMs) {
      await new Promise(requestAnimationFrame);
      passed = performance.now() - began;
      const second = Math.floor(passed / 1_000);
      if (second < perSecond.length) perSecond[second] = (perSecond[second] ?? 0) + 1;
      frames += 1;
    }
    observer.disconnect();
    return {
      framesPerSecond: (frames * 1_000) / passed,
      worstSecond: Math.min(...perSecond),
      longTasks: tasks.length,
      longestTaskMs: Math.max(0, ...tasks),
    };
  }, forMs);
}
