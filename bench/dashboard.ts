/**
 * The dashboard in a real Chromium: how smooth the Map of 200 services stays while 50 of them change every second, how soon a page is
 * there, and what it weighs.
 *
 *   node bench/dashboard.ts [--services 200] [--seconds 15] [--write]
 */
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import * as esbuild from 'esbuild';
import { openBrowser, openPage } from '../test/support/browser.ts';
import { median } from './median.ts';
import { writeTable } from './table.ts';

const { values } = parseArgs({
  options: {
    services: { type: 'string', default: '200' },
    seconds: { type: 'string', default: '15' },
    write: { type: 'boolean', default: false },
  },
});
const services = Number(values.services);
const seconds = Number(values.seconds);
const reloads = 7;

/** Frames and long tasks of a while. */
interface Smoothness {
  readonly framesPerSecond: number;
  readonly worstSecond: number;
  readonly longTasks: number;
  readonly longestTaskMs: number;
}

/** The same with what the main thread used, ms of CPU per update. */
interface Watched extends Smoothness {
  readonly cpuMs: number;
}

// By address: what runs in a browser is checked with a browser's types, this program is not.
const from = (file: string): Promise<never> => import(new URL(file, import.meta.url).href) as Promise<never>;
const { openStage } = (await from('../test/browser/stage.ts')) as {
  openStage(api: object): Promise<AsyncDisposable & { link(): string }>;
};
const { largeMesh } = (await from('../test/browser/large-mesh.ts')) as { largeMesh(services: number, round: number): object };
const { graphDocument } = (await from('../test/browser/stage-documents.ts')) as { graphDocument(edges: object): object };
const { mainThread, timeLayouts, untilDrawn, watchFrames } = (await from('../test/browser/smoothness.ts')) as {
  mainThread(page: object): Promise<() => Promise<number>>;
  timeLayouts(page: object): Promise<void>;
  untilDrawn(page: object, nodes: number): Promise<{ paintMs: number; drawnMs: number; layoutMs: number }>;
  watchFrames(page: object, forMs: number): Promise<Smoothness>;
};
const { buildDashboard } = (await from('../scripts/dashboard.mjs')) as {
  buildDashboard(builder: object, folder: string): Promise<void>;
};

let round = 0;
await using stage = await openStage({ traffic: { graph: async () => graphDocument(largeMesh(services, round++)) } });
const browser = await openBrowser();
try {
  const { page } = await openPage(browser);
  await timeLayouts(page);
  await page.goto(stage.link());
  await untilDrawn(page, services);
  const openings: { paintMs: number; drawnMs: number; layoutMs: number }[] = [];
  for (let time = 0; time < reloads; time++) {
    await page.reload();
    openings.push(await untilDrawn(page, services));
  }
  const cpu = await mainThread(page);
  const watch = async (): Promise<Watched> => {
    const [cpuBefore, roundBefore] = [await cpu(), round];
    const frames = await watchFrames(page, seconds * 1_000);
    return { ...frames, cpuMs: ((await cpu()) - cpuBefore) / (round - roundBefore) };
  };
  const still = await watch();
  await page.getByRole('button', { name: 'Animate' }).click();
  const animated = await watch();

  const frames = (
    what: string,
    { framesPerSecond, worstSecond, longTasks, longestTaskMs, cpuMs }: Watched,
  ): readonly string[] => [
    `Map of ${services} services, 50 change every second${what}`,
    `${framesPerSecond.toFixed(0)} frames/s, ${worstSecond} in the worst second; ${longTasks} tasks over 50 ms in ${seconds} s, the longest ${longestTaskMs.toFixed(0)} ms; ${cpuMs.toFixed(0)} ms of the main thread's CPU per update`,
    '30 frames/s',
  ];
  const heading = ['dashboard', 'measured', 'limit'];
  const ms = (of: (opening: (typeof openings)[number]) => number): string => `${median(openings.map(of)).toFixed(0)} ms`;
  const rows = [
    frames('', still),
    frames(', animated', animated),
    ['first contentful paint', ms(each => each.paintMs), '1000 ms'],
    [`all ${services} services drawn`, ms(each => each.drawnMs), ''],
    ['of that, their layout in the worker', ms(each => each.layoutMs), ''],
    ['all files, gzip', `${(await weight()).toFixed(0)} KB`, '400 KB'],
  ];
  for (const line of [heading, ...rows]) process.stdout.write(`${line.join('\t')}\n`);
  const [load = 0] = loadavg();
  const note = `Chromium ${browser.version()} without a window or a graphics card, on ${cpus().length} cores that the web server shares, the load of the machine being ${load.toFixed(0)}; medians of ${reloads} reloads. Run: \`node bench/dashboard.ts --write\`.`;
  if (values.write) writeTable(join(import.meta.dirname, '..', 'docs', 'benchmarks.md'), 'dashboard', heading, rows, note);
} finally {
  await browser.close();
}

/** Kilobytes (1000) of what a browser that opens every page loads. */
async function weight(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'mesh-bench-dashboard-'));
  try {
    await buildDashboard(esbuild, folder);
    return readdirSync(folder).reduce((sum, file) => sum + gzipSync(readFileSync(join(folder, file))).length, 0) / 1_000;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
