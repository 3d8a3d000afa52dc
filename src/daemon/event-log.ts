import type { EventsFrom, MeshEvent, MeshEventBody } from '../api/types.ts';
import { Bell } from '../async/bell.ts';
import { type EventFile, keptEvents } from './event-file.ts';

/** What happened in the mesh, numbered. Readers come and go; a slow one is not waited for, and told what it missed. */
export class EventLog {
  readonly #now: () => number;
  readonly #file: EventFile | null;
  readonly #events: MeshEvent[];
  readonly #news = new Bell();
  /** Number of the last event before this daemon. */
  readonly #start: number;
  #seq: number;
  #closed = false;

  /** `now`: wall clock in ms. `file`: keeps them over restarts; `null`: nobody does. */
  constructor(now: () => number, file: EventFile | null = null) {
    this.#now = now;
    this.#file = file;
    this.#events = [...(file?.past ?? [])];
    this.#seq = this.#events.at(-1)?.seq ?? 0;
    this.#start = this.#seq;
    file?.onTrouble((message, hint) => this.emit({ kind: 'warning', message, hint }));
  }

  /** Those that follow. */
  get readers(): number {
    return this.#news.waiting;
  }

  /** Appends one event. */
  emit(body: MeshEventBody): void {
    this.#seq += 1;
    const event = { seq: this.#seq, at: new Date(this.#now()).toISOString(), ...body };
    this.#events.push(event);
    if (this.#events.length > keptEvents) this.#events.shift();
    this.#file?.append(event);
    this.#news.ring();
  }

  /** Ends every reader once it has seen what is there. */
  close(): void {
    this.#closed = true;
    this.#news.ring();
  }

  /** Writes what is pending; later events are kept in memory only. */
  async closeFile(): Promise<void> {
    await this.#file?.close();
  }

  /** Events numbered above `after`, then, unless `follow` is `false`, new ones until `signal` or `close`. */
  async *read(after: EventsFrom, signal: AbortSignal, follow = true): AsyncGenerator<MeshEvent, void, void> {
    const asked = after === 'run' ? this.#start : after;
    // Of a folder that was removed since: the numbers began anew.
    let seen = asked > this.#seq ? 0 : asked;
    while (!signal.aborted) {
      // Numbers are consecutive, so the place of the next one is known.
      const first = this.#events[0]?.seq ?? this.#seq + 1;
      const missed = first - seen - 1;
      if (seen > 0 && missed > 0) {
        seen = first - 1;
        yield { seq: seen, at: new Date(this.#now()).toISOString(), kind: 'gap', missed };
        continue;
      }
      const next = this.#events[Math.max(0, seen + 1 - first)];
      if (next !== undefined) {
        seen = next.seq;
        yield next;
        continue;
      }
      if (this.#closed || !follow) return;
      await this.#news.next(signal);
    }
  }
}
