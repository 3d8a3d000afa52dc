import type { Snapshot } from '../snapshot/snapshot.ts';
import { type AccessEntry, accessJson, accessText, accessValue } from '../telemetry/access-log.ts';
import { compileFilter, isFilterProblem, parseFilter } from '../text/access-filter.ts';

/** Writes the access log as the snapshot in force says. */
export class AccessLogWriter {
  readonly #print: (line: string) => void;
  #line: ((entry: AccessEntry) => string) | null = null;
  #wanted: ((entry: AccessEntry) => boolean) | null = null;

  /** `print`: gets whole lines without newline; must not block. */
  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  /** Whether anything is written, so that nothing is collected in vain. */
  get on(): boolean {
    return this.#line !== null;
  }

  /** Writes as `snapshot` says from now on. */
  apply({ accessLog, accessLogFilter }: Pick<Snapshot, 'accessLog' | 'accessLogFilter'>): void {
    const filter = accessLogFilter === undefined ? null : parseFilter(accessLogFilter);
    // A snapshot with another one was refused.
    this.#wanted = filter === null || isFilterProblem(filter) ? null : compileFilter(filter, accessValue);
    this.#line = accessLog === 'off' ? null : accessLog === 'json' ? accessJson : accessText;
  }

  write(entry: AccessEntry): void {
    if (this.#line !== null && this.#wanted?.(entry) !== false) this.#print(this.#line(entry));
  }
}
