/** The dashboard, built as it is shipped, on the daemon's own web server, over an API that answers as a test tells it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as esbuild from 'esbuild';
import type { TapLine } from '../../src/api/tap.ts';
import type { TrafficApi } from '../../src/api/traffic.ts';
import type { MeshApi, MeshEvent } from '../../src/api/types.ts';
import { WebApi } from '../support/web-api.ts';
import { configDocument } from './stage-config.ts';
import {
  accessMatrix,
  bookshopEdges,
  caDocument,
  events,
  graphDocument,
  routesDocument,
  statsDocument,
  statusDocument,
  tapExchange,
  traceDocument,
} from './stage-documents.ts';

/** A stage of the dashboard. */
export interface Stage extends AsyncDisposable {
  readonly web: WebApi;
  /** A link that logs in, once. */
  link(): string;
}

/** What the stage answers; each can be replaced while it runs. */
export interface StageApi extends Partial<Omit<MeshApi, 'traffic'>> {
  readonly traffic?: Partial<TrafficApi>;
}

/** Starts the web server. `api`: what differs from the bookshop. */
export async function openStage({ traffic, ...api }: StageApi = {}): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'mesh-dashboard-'));
  const { buildDashboard } = (await import(new URL('../../scripts/dashboard.mjs', import.meta.url).href)) as {
    buildDashboard(builder: typeof esbuild, folder: string): Promise<void>;
  };
  await buildDashboard(esbuild, folder);
  const trace = traceDocument();
  const web = await WebApi.start(
    {
      status: async () => statusDocument(),
      config: async () => configDocument(),
      query: async (workload, what) =>
        what === 'stats' ? '# TYPE a counter\na 1\n' : { workload, version: 'a1', routeTables: [] },
      accessMatrix: async () => accessMatrix(),
      ca: async () => caDocument(),
      async *events(_after, signal, follow = true): AsyncGenerator<MeshEvent> {
        yield* events();
        if (follow) await aborted(signal);
      },
      async *tap(_request, signal): AsyncGenerator<TapLine> {
        for (let i = 1; i <= 20; i++) yield tapExchange(i);
        await aborted(signal);
      },
      async *seenCalls() {
        yield {
          apiVersion: 1,
          kind: 'SeenCalls',
          more: false,
          unasked: [],
          calls: [
            { from: 'storefront', to: 'reviews', port: 9080, method: 'GET', path: '/reviews/{*}', allowed: true, calls: 600 },
          ],
        };
      },
      traffic: {
        stats: async () => statsDocument(bookshopEdges),
        async *watchStats(_request, signal) {
          yield statsDocument(bookshopEdges);
          await aborted(signal);
        },
        graph: async () => graphDocument(bookshopEdges),
        routes: async () => routesDocument(),
        traces: async () => ({ apiVersion: 1, kind: 'Traces', traces: [trace], kept: 1, dropped: 0 }),
        async *watchTraces(_filter, signal) {
          yield trace;
          await aborted(signal);
        },
        trace: async () => trace,
        brokenPropagation: async () => ({ apiVersion: 1, kind: 'BrokenPropagation', services: [] }),
        ...traffic,
      },
      ...api,
    },
    30_000,
    folder,
  );
  return {
    web,
    link: () => `http://127.0.0.1:${web.port}/#code=${web.sessions.createCode()}`,
    async [Symbol.asyncDispose]() {
      await web[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Ends with the signal. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
