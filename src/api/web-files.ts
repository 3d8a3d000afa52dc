import { readdirSync, readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join } from 'node:path';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** The dashboard's files. They hold no secret and nobody logs in to read them; what they show comes from the API. */
export class WebFiles {
  /** Path of a request → what is answered: nothing else can be asked for. In memory, because another build may take its place beneath us. */
  readonly #files: ReadonlyMap<string, Buffer>;

  /** `folder`: as the build leaves it; without one every path is unknown. */
  constructor(folder: string | null) {
    const names = folder === null ? [] : readdirSync(folder);
    this.#files = new Map(names.map(name => [name === 'index.html' ? '/' : `/${name}`, readFileSync(join(folder ?? '', name))]));
  }

  /** Answers a request for a file; `false`: it is for no file. */
  serve(request: IncomingMessage, response: ServerResponse): boolean {
    const path = (request.url ?? '').replace(/\?.*$/, '');
    const file = request.method === 'GET' ? this.#files.get(path) : undefined;
    if (file === undefined) return false;
    response.setHeader('content-type', types[path === '/' ? '.html' : extname(path)] ?? 'application/octet-stream');
    // Names carry a hash of what is in them, but for the page itself.
    if (path !== '/') response.setHeader('cache-control', 'private, max-age=31536000, immutable');
    response.end(file);
    return true;
  }
}
