import { existsSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import type { DashboardDocument } from '../api/dashboard.ts';
import { MeshError } from '../api/mesh-error.ts';
import { apiVersion } from '../api/types.ts';
import { WebFiles } from '../api/web-files.ts';
import type { Clock } from '../async/clock.ts';
import { openWebFace, type WebFace } from './web-face.ts';

/** Where a dashboard is looked for first, so that its address stays the same. */
const usualPort = 15_080;

/** What it is made with. */
export interface WebAccessOptions {
  readonly stateDir: string;
  readonly clock: Clock;
  /** Folder of the dashboard's files; `null`: it is not built. */
  readonly dashboard: string | null;
}

/** The admin API on TCP, opened when somebody wants it. */
export class WebAccess {
  readonly #handle: RequestListener;
  readonly #options: WebAccessOptions;
  #face: Promise<WebFace> | null = null;
  #url: string | null = null;

  constructor(handle: RequestListener, options: WebAccessOptions) {
    this.#handle = handle;
    this.#options = options;
  }

  /** `null`: nobody wanted it yet. */
  get url(): string | null {
    return this.#url;
  }

  /** Opens it, where it is not open. `port`: 0 is any free one. @throws MeshError `port-taken` */
  async open(port: number): Promise<WebFace> {
    const { stateDir, clock, dashboard } = this.#options;
    this.#face ??= openWebFace(this.#handle, { stateDir, clock, port, files: new WebFiles(dashboard) });
    try {
      const face = await this.#face;
      this.#url = face.url;
      return face;
    } catch (error) {
      this.#face = null;
      throw error;
    }
  }

  /**
   * A link that opens the dashboard and logs in, once, within a minute. `port`: `null` is the usual one, or any free one where that is taken; it only counts where
   * nothing is open yet. @throws MeshError `port-taken`, `no-dashboard`
   */
  async dashboard(port: number | null): Promise<DashboardDocument> {
    if (this.#options.dashboard === null)
      throw new MeshError('no-dashboard', 'the dashboard is not built', 'in a checkout: `npm run build`');
    const face = await (port === null ? this.open(usualPort).catch(() => this.open(0)) : this.open(port));
    return { apiVersion, kind: 'Dashboard', url: face.url, loginUrl: `${face.url}/#code=${face.createCode()}` };
  }

  /** Ends it and forgets the token. */
  async close(): Promise<void> {
    const face = await this.#face?.catch(() => null);
    await face?.close();
  }
}

/** Folder of the dashboard's files: beside the built command, or in `dist` of a checkout; `null`: it is not built. */
export function findDashboard(): string | null {
  const places = ['./dashboard', '../dashboard', '../../dist/dashboard'].map(place => join(import.meta.dirname, place));
  return places.find(place => existsSync(join(place, 'index.html'))) ?? null;
}
