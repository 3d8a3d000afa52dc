import type { TapExchange, TapLine } from '../../../api/tap.ts';

/** A raw TCP connection that was made, or is over. */
export type TapConnection = Extract<TapLine, { readonly kind: 'connection' }>;

/** What passed, as it is listed. `key`: of this list. */
export interface Entry {
  readonly key: number;
  readonly line: TapExchange | TapConnection;
  /** Between it and what came before nobody watched. */
  readonly afterGap: boolean;
}

/** The last live requests, the newest first, and how many more there were. */
export class TapList {
  readonly #most: number;
  entries: readonly Entry[] = [];
  /** Older ones were dropped. */
  isFull = false;
  /** What sidecars did not tell, by workload. */
  readonly shed = new Map<string, number>();
  /** Reached its end because this page did not keep up. */
  isSlow = false;
  #last = 0;
  #gap = false;

  /** `most`: entries that are kept. */
  constructor(most: number) {
    this.#most = most;
  }

  add(lines: readonly TapLine[]): void {
    const fresh: Entry[] = [];
    for (const line of lines) {
      if (line.kind === 'shed') this.shed.set(line.at, (this.shed.get(line.at) ?? 0) + line.count);
      else if (line.kind === 'end') this.isSlow = line.reason === 'slow';
      else {
        fresh.push({ key: ++this.#last, line, afterGap: this.#gap });
        this.#gap = false;
      }
    }
    if (fresh.length === 0) return;
    const all = [...fresh.reverse(), ...this.entries];
    if (all.length > this.#most) this.isFull = true;
    this.entries = all.slice(0, this.#most);
  }

  /** Watching begins again: what passed in the meantime is missing. */
  begin(): void {
    this.isSlow = false;
    this.#gap = this.entries.length > 0;
  }

  clear(): void {
    this.entries = [];
    this.isFull = false;
    this.isSlow = false;
    this.#gap = false;
    this.shed.clear();
  }

  /** What was not told, in all. */
  get shedCount(): number {
    return [...this.shed.values()].reduce((all, count) => all + count, 0);
  }
}
