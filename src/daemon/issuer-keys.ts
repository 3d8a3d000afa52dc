import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IssuerStatus, MeshEventBody } from '../api/types.ts';
import { backoffMs } from '../async/backoff.ts';
import type { Clock } from '../async/clock.ts';
import { type PublicKeys, publicKeys } from '../config/jwks.ts';
import type { MeshConfig } from '../config/mesh-config.ts';
import { messageOf } from '../text/message-of.ts';
import { fetchKeySet } from './key-set-fetch.ts';
import { writeAtomically } from './state-folder.ts';

/** An issuer that changes its keys announces the new one before it signs with it, as a rule for longer than this. @see Envoy, remote_jwks cache_duration */
const refreshMs = 5 * 60_000;
/** Tries after a failure. */
const firstRetryMs = 1000;
const maxRetryMs = 60_000;

/** What the keys of issuers act on. */
export interface IssuerKeysParts {
  readonly clock: Clock;
  /** Where they are kept for the next daemon. */
  readonly stateDir: string;
  /** Puts these in force, instead of those before. */
  readonly apply: (keys: ReadonlyMap<string, PublicKeys>) => void;
  readonly emit: (event: MeshEventBody) => void;
}

interface Source {
  readonly issuer: string;
  keys: PublicKeys | null;
  /** Of the last question. */
  problem: string;
  /** Questions without answer, one after the other. */
  failures: number;
  readonly end: AbortController;
  cancel: () => void;
  asking: boolean;
}

/**
 * Public keys of issuers, by URL: fetched by the daemon, asked for again every five minutes, and kept in memory and on disk while the issuer is away: sidecars
 * call no stranger, and a daemon that comes back has keys before it has asked.
 */
export class IssuerKeys {
  readonly #parts: IssuerKeysParts;
  readonly #sources = new Map<string, Source>();
  readonly #file: string;
  #writing: Promise<void> = Promise.resolve();

  constructor(parts: IssuerKeysParts) {
    this.#parts = parts;
    this.#file = join(parts.stateDir, 'issuer-keys.json');
  }

  /** Another configuration: who is new is asked, who is gone is forgotten. */
  update({ tokens = [] }: MeshConfig): void {
    const wanted = new Map(tokens.flatMap(({ issuer, keys }) => (keys.kind === 'url' ? [[keys.url, issuer] as const] : [])));
    const gone = [...this.#sources.keys()].filter(url => !wanted.has(url));
    const fresh = [...wanted].filter(([url]) => !this.#sources.has(url));
    for (const url of gone) this.#forget(url);
    const kept = fresh.length === 0 ? new Map<string, PublicKeys>() : this.#read();
    for (const [url, issuer] of fresh) {
      const source = {
        issuer,
        keys: kept.get(url) ?? null,
        problem: '',
        failures: 0,
        end: new AbortController(),
        cancel: () => {},
        asking: false,
      };
      this.#sources.set(url, source);
      void this.#ask(url, source);
    }
    if (gone.length + fresh.length > 0) this.#apply();
  }

  /** Asks all issuers now. */
  refresh(): void {
    for (const [url, source] of this.#sources) void this.#ask(url, source);
  }

  /** In the order of the configuration. */
  get statuses(): readonly IssuerStatus[] {
    return [...this.#sources].map(([url, { issuer, keys, problem }]) => ({ issuer, url, keys: keys?.length ?? 0, problem }));
  }

  /** No more questions; what sidecars have stays. */
  async close(): Promise<void> {
    for (const url of [...this.#sources.keys()]) this.#forget(url);
    await this.#writing;
  }

  #forget(url: string): void {
    const source = this.#sources.get(url);
    source?.cancel();
    source?.end.abort();
    this.#sources.delete(url);
  }

  async #ask(url: string, source: Source): Promise<void> {
    if (source.asking) return;
    source.cancel();
    source.asking = true;
    try {
      const keys = await fetchKeySet(url, source.end.signal);
      if (!source.end.signal.aborted) this.#take(source, keys);
    } catch (error) {
      if (!source.end.signal.aborted) this.#miss(source, messageOf(error));
    }
    source.asking = false;
    if (source.end.signal.aborted) return;
    const waitMs = source.failures === 0 ? refreshMs : backoffMs(source.failures, firstRetryMs, maxRetryMs);
    source.cancel = this.#parts.clock.after(waitMs, () => void this.#ask(url, source));
  }

  #take(source: Source, keys: PublicKeys): void {
    const changed = JSON.stringify(keys) !== JSON.stringify(source.keys);
    const back = source.failures > 0;
    source.failures = 0;
    source.problem = '';
    source.keys = keys;
    if (changed) {
      this.#apply();
      this.#keep();
    }
    const number = `${keys.length} key${keys.length === 1 ? '' : 's'}`;
    if (changed || back)
      this.#parts.emit({ kind: 'keys', change: 'refreshed', text: `keys of issuer ${source.issuer} refreshed: ${number}` });
  }

  #miss(source: Source, reason: string): void {
    source.failures += 1;
    source.problem = reason;
    // Once until it is back: the log is not for repetition.
    if (source.failures > 1) return;
    const rest = source.keys === null ? 'its tokens are refused until it answers' : 'those known stay in force';
    this.#parts.emit({
      kind: 'keys',
      change: 'unreachable',
      text: `keys of issuer ${source.issuer} cannot be fetched: ${reason}; ${rest}`,
    });
  }

  #known(): ReadonlyMap<string, PublicKeys> {
    return new Map([...this.#sources].flatMap(([url, { keys }]) => (keys === null ? [] : [[url, keys] as const])));
  }

  #apply(): void {
    this.#parts.apply(this.#known());
  }

  /** A disk that is full costs the next daemon a question. */
  #keep(): void {
    const text = `${JSON.stringify(Object.fromEntries(this.#known()), null, 2)}\n`;
    this.#writing = this.#writing.then(() => writeAtomically(this.#file, text)).catch(() => undefined);
  }

  /** What another daemon kept, checked as if it were new; whatever is wrong with it counts for nothing. */
  #read(): ReadonlyMap<string, PublicKeys> {
    try {
      const value: unknown = JSON.parse(readFileSync(this.#file, 'utf8'));
      const entries = Object.entries(typeof value === 'object' && value !== null ? value : {});
      return new Map(
        entries.flatMap(([url, keys]) => {
          const checked = publicKeys({ keys });
          return typeof checked === 'string' ? [] : [[url, checked] as const];
        }),
      );
    } catch {
      return new Map();
    }
  }
}
