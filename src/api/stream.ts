/** Answers that go on: a document a line (NDJSON), or server-sent events for whoever asks for `text/event-stream`. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { jsonText } from '../text/escape.ts';
import { errorDocument } from './answer.ts';
import { asMeshError, MeshError } from './mesh-error.ts';

/** Proxies and clients end what is silent for long. */
const pingMs = 15_000;
/** How long a reader may take nothing of what waits for it, in ms. */
export const stuckMs = 30_000;

/** What a stream needs of a clock: runs `fn` once after `ms`; the returned function cancels it. */
export interface StreamClock {
  after(ms: number, fn: () => void): () => void;
}

/** An answer of many documents. At most one of them waits for the reader: a source goes on when it was taken. */
export class DocumentStream {
  readonly #response: ServerResponse;
  readonly #clock: StreamClock;
  readonly #isSse: boolean;
  #cancelPing = (): void => {};

  /** Begins the answer, in the form that the request accepts. */
  constructor(request: IncomingMessage, response: ServerResponse, clock: StreamClock) {
    this.#response = response;
    this.#clock = clock;
    this.#isSse = /\btext\/event-stream\b/i.test(request.headers.accept ?? '');
    const type = this.#isSse ? 'text/event-stream' : 'application/x-ndjson';
    response.writeHead(200, { 'content-type': type, 'cache-control': 'no-store' });
    response.flushHeaders();
    response.on('close', () => this.#cancelPing());
    this.#pingLater();
  }

  /** Writes one document and waits while the reader is slow. `id`: where a reader that comes back goes on. */
  async send(document: unknown, id: number | null = null): Promise<void> {
    const response = this.#response;
    if (response.destroyed || response.writableEnded) return;
    this.#pingLater();
    await writeSlowly(response, this.#framed(document, id === null ? '' : `id: ${id}\n`));
  }

  end(): void {
    this.#cancelPing();
    this.#response.end();
  }

  /** The last word: why there is no more. */
  fail(error: unknown): void {
    this.#cancelPing();
    const known = asMeshError(error) ?? new MeshError('internal', error instanceof Error ? error.message : String(error));
    this.#response.end(this.#framed(errorDocument(known), 'event: error\n'));
  }

  #framed(document: unknown, fields: string): string {
    return this.#isSse ? `${fields}data: ${jsonText(document)}\n\n` : `${jsonText(document)}\n`;
  }

  #pingLater(): void {
    if (!this.#isSse) return;
    this.#cancelPing();
    this.#cancelPing = this.#clock.after(pingMs, () => {
      // What waits already tells as much.
      if (!this.#response.writableNeedDrain) this.#response.write(': ping\n\n');
      this.#pingLater();
    });
  }
}

/** Writes a piece of an answer and waits while the reader is slow. */
export async function writeSlowly(response: ServerResponse, text: string): Promise<void> {
  if (response.destroyed || response.write(text)) return;
  await new Promise<void>(resolve => {
    // An answer may wait thousands of times: neither listener outlives its wait.
    const over = (): void => {
      response.off('drain', over).off('close', over);
      resolve();
    };
    response.on('drain', over).on('close', over);
  });
}

/** How documents are streamed. */
export interface StreamOptions<T> {
  /** Begins with the first document: what the source refuses is an answer of its own. */
  readonly lazy?: boolean;
  /** Where a reader that comes back goes on. */
  idOf?(document: T): number;
}

/** Streams documents to their end, or to the error that ended them; a bug is thrown on when it was told. */
export async function streamDocuments<T>(
  open: () => DocumentStream,
  documents: AsyncIterable<T>,
  options: StreamOptions<T>,
): Promise<void> {
  let stream = options.lazy ? null : open();
  try {
    for await (const document of documents) {
      stream ??= open();
      await stream.send(document, options.idOf?.(document));
    }
  } catch (error) {
    if (stream === null) throw error;
    stream.fail(error);
    if (asMeshError(error) === null) throw error;
    return;
  }
  (stream ?? open()).end();
}

/** What `work` pushes, until it is done; it does not wait for the reader and goes on without one. For a few documents: they are kept. */
export async function* pushed<T>(work: (push: (document: T) => void) => Promise<void>): AsyncGenerator<T, void, void> {
  let waiting: T[] = [];
  let wake = (): void => {};
  let isOver = false;
  const done = work(document => {
    waiting.push(document);
    wake();
  }).finally(() => {
    isOver = true;
    wake();
  });
  done.catch(() => undefined);
  while (!isOver || waiting.length > 0) {
    const documents = waiting;
    waiting = [];
    yield* documents;
    if (waiting.length > 0 || isOver) continue;
    await new Promise<void>(resolve => {
      wake = resolve;
    });
  }
  await done;
}

/**
 * Drops readers that take nothing of what waits for them for so long: a terminal that was stopped, a tab that sleeps. A stream without
 * news may be silent for ever.
 */
export function dropStuckReaders(server: Server, afterMs: number): void {
  server.setTimeout(afterMs, socket => {
    if (socket.writableLength > 0) socket.destroy();
  });
}
