import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type EventText, eventText } from '../api/event-text.ts';
import type { MeshEvent } from '../api/types.ts';
import type { Clock } from '../async/clock.ts';
import { messageOf } from '../text/message-of.ts';
import { AppendFile, readWritten } from './observe/append-file.ts';

/** Events that are kept, in memory and on disk. */
export const keptEvents = 1000;
/** An event that needs more is kept as a word about it. */
const maxLineBytes = 16 * 1024;
/** Of a file: as many as are kept when it is begun, and as many again. */
const maxFileBytes = 2 * keptEvents * maxLineBytes;
/** Nobody has counted further; beyond 2^53 the next number is none. */
const maxSeq = 2 ** 48;
/** After a failed write a new file is begun, but not at once. */
const retryMs = 60_000;

/** What a file needs. */
export interface EventFileOptions {
  readonly clock: Clock;
  /** `.mesh` */
  readonly stateDir: string;
}

/**
 * The last events, in `.mesh/events`, so that one can see what came before a crash. Appended to, and begun anew when as many are behind as are kept; the file
 * before goes when the new one holds all of them. A disk that is full costs the file and nothing else.
 */
export class EventFile {
  /** Of daemons before, numbered without a hole. */
  readonly past: readonly MeshEvent[];
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #lines: string[];
  #file: AppendFile | null = null;
  #appended = 0;
  #retryAtMs = Number.POSITIVE_INFINITY;
  #tidying: Promise<void> = Promise.resolve();
  #onTrouble: (message: string, hint: string) => void = () => {};
  #told = false;
  #closed = false;

  private constructor({ clock, stateDir }: EventFileOptions, past: readonly MeshEvent[]) {
    this.#clock = clock;
    this.#folder = join(stateDir, 'events');
    this.past = past;
    this.#lines = past.map(lineOf);
  }

  /** Reads what is there; what cannot be read is left out. */
  static async open(options: EventFileOptions): Promise<EventFile> {
    return new EventFile(options, await readPast(join(options.stateDir, 'events')));
  }

  /** `listener`: hears once that events are not kept. */
  onTrouble(listener: (message: string, hint: string) => void): void {
    this.#onTrouble = listener;
  }

  /** Keeps one more event; nobody waits for it. */
  append(event: MeshEvent): void {
    const line = lineOf(event);
    this.#lines.push(line);
    if (this.#lines.length > keptEvents) this.#lines.shift();
    const file = this.#file;
    if (this.#closed) return;
    if (file === null || this.#appended >= keptEvents || this.#clock.monotonic() >= this.#retryAtMs) this.#begin(event.seq);
    else {
      this.#appended++;
      file.write(Buffer.from(line));
    }
  }

  /** Writes what is pending; what comes later is not kept. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#tidying;
    await this.#file?.close();
  }

  #begin(seq: number): void {
    const before = this.#file;
    const name = `${String(seq).padStart(15, '0')}.ndjson`;
    this.#appended = 0;
    this.#retryAtMs = Number.POSITIVE_INFINITY;
    const file = new AppendFile(join(this.#folder, name), Buffer.from(this.#lines.join('')), error => this.#trouble(error));
    this.#file = file;
    this.#tidying = this.#tidying.then(async () => {
      await before?.close();
      await file.sync();
      if (file.failed) return;
      for (const other of await readdir(this.#folder).catch(() => []))
        if (other < name && other.endsWith('.ndjson'))
          await rm(join(this.#folder, other), { force: true }).catch(() => undefined);
    });
  }

  #trouble(error: unknown): void {
    this.#retryAtMs = this.#clock.monotonic() + retryMs;
    if (this.#told) return;
    this.#told = true;
    this.#onTrouble(
      `events: ${this.#folder} cannot be written: ${messageOf(error)}`,
      'the last ones are in memory, and gone with the daemon; it tries again every minute',
    );
  }
}

function lineOf(event: MeshEvent): string {
  const line = `${JSON.stringify(event)}\n`;
  if (Buffer.byteLength(line) <= maxLineBytes) return line;
  const { seq, at, kind } = event;
  return `${JSON.stringify({ seq, at, kind: 'warning', message: `an event of kind ${kind} was too long to be kept`, hint: '' })}\n`;
}

/** The last events of all files, without a hole: a crash may have cut a line short, and two files overlap. */
async function readPast(folder: string): Promise<readonly MeshEvent[]> {
  const events = new Map<number, MeshEvent>();
  for (const name of (await readdir(folder).catch(() => [])).sort()) {
    const text = (await readWritten(join(folder, name), maxFileBytes)).toString();
    for (const line of text.split('\n')) {
      const event = parsed(line);
      if (event !== null) events.set(event.seq, event);
    }
  }
  const past: MeshEvent[] = [];
  for (let seq = Math.max(0, ...events.keys()); past.length < keptEvents; seq--) {
    const event = events.get(seq);
    if (event === undefined) break;
    past.push(event);
  }
  return past.reverse();
}

function parsed(line: string): MeshEvent | null {
  try {
    const value: unknown = JSON.parse(line);
    const isEvent =
      typeof value === 'object' &&
      value !== null &&
      Number.isSafeInteger(Reflect.get(value, 'seq')) &&
      Number(Reflect.get(value, 'seq')) > 0 &&
      Number(Reflect.get(value, 'seq')) <= maxSeq &&
      typeof Reflect.get(value, 'at') === 'string' &&
      typeof Reflect.get(value, 'kind') === 'string';
    return isEvent && hasWords(value as MeshEvent) ? (value as MeshEvent) : null;
  } catch {
    return null;
  }
}

/** What no words can be made of is not ours, and would end every reader. A daemon of a later version may know more kinds. @throws TypeError for some of it */
function hasWords(event: MeshEvent): boolean {
  const told: EventText | undefined = eventText(event);
  return told === undefined || [told.text, told.detail ?? '', told.hint ?? ''].every(text => typeof text === 'string');
}
