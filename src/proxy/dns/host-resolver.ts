import { randomInt } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { decode, encode, RECURSION_DESIRED, TRUNCATED_RESPONSE } from 'dns-packet';
import { backoffMs } from '../../async/backoff.ts';
import type { Clock } from '../../async/clock.ts';
import type { Log } from '../../telemetry/log.ts';
import type { DnsForwarder } from './forward.ts';

/** A time to live of 0 must not become a question per turn of the loop. Envoy's own default between two questions. */
const minTtlMs = 5_000;
/** What lives longer is asked for again all the same: a server that moved is found within this. */
const maxTtlMs = 300_000;
const firstRetryMs = 1_000;
const maxRetryMs = 30_000;

interface Watched {
  /** Sorted; `null` until somebody answered. */
  addresses: readonly string[] | null;
  failures: number;
  cancel: () => void;
  /** Resolved after the first try, however it went. */
  readonly tried: PromiseWithResolvers<void>;
}

/** Keeps the addresses of host names: asks the pod's nameservers, again when the time to live is over. A failure keeps what was known last. */
export class HostResolver {
  readonly #forwarder: DnsForwarder;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #onChanged: () => void;
  readonly #watched = new Map<string, Watched>();

  constructor(forwarder: DnsForwarder, clock: Clock, log: Log, onChanged: () => void) {
    this.#forwarder = forwarder;
    this.#clock = clock;
    this.#log = log;
    this.#onChanged = onChanged;
  }

  /** IPv4 addresses, sorted; empty while nothing is known. */
  addresses(host: string): readonly string[] {
    return isIPv4(host) ? [host] : (this.#watched.get(host)?.addresses ?? []);
  }

  /** Begins to ask for these too; resolves when each was asked for once, at the latest after `maxMs`. */
  async warm(hosts: Iterable<string>, maxMs: number): Promise<void> {
    const tries: Promise<void>[] = [];
    for (const host of hosts) {
      if (isIPv4(host)) continue;
      let watched = this.#watched.get(host);
      if (watched === undefined) {
        watched = { addresses: null, failures: 0, cancel: () => {}, tried: Promise.withResolvers() };
        this.#watched.set(host, watched);
        this.#ask(host, watched, 'udp');
      }
      tries.push(watched.tried.promise);
    }
    if (tries.length === 0) return;
    const late = Promise.withResolvers<void>();
    const cancel = this.#clock.after(maxMs, () => late.resolve());
    await Promise.race([Promise.all(tries), late.promise]);
    cancel();
  }

  /** Asks for others no longer. */
  keep(hosts: ReadonlySet<string>): void {
    for (const [host, watched] of this.#watched) {
      if (hosts.has(host)) continue;
      watched.cancel();
      this.#watched.delete(host);
    }
  }

  close(): void {
    this.keep(new Set());
  }

  #ask(host: string, watched: Watched, transport: 'udp' | 'tcp'): void {
    const query = encode({
      type: 'query',
      id: randomInt(65_536),
      flags: RECURSION_DESIRED,
      questions: [{ type: 'A', name: host }],
    });
    this.#forwarder.ask(query, transport, answer => {
      if (this.#watched.get(host) !== watched) return;
      const read = answer === null ? 'no answer' : readAddresses(answer, host);
      if (read === 'truncated' && transport === 'udp') {
        this.#ask(host, watched, 'tcp');
        return;
      }
      if (typeof read === 'string') this.#failed(host, watched, read);
      else this.#found(host, watched, read);
      watched.tried.resolve();
    });
  }

  #found(host: string, watched: Watched, { addresses, ttlMs }: Found): void {
    const changed = addresses.join() !== watched.addresses?.join();
    watched.addresses = addresses;
    watched.failures = 0;
    this.#again(host, watched, Math.min(Math.max(ttlMs, minTtlMs), maxTtlMs));
    if (changed) this.#onChanged();
  }

  #failed(host: string, watched: Watched, reason: string): void {
    watched.failures++;
    if (watched.failures === 1)
      this.#log.warn('a host cannot be resolved', { host, reason, kept: watched.addresses?.length ?? 0 });
    this.#again(host, watched, backoffMs(watched.failures, firstRetryMs, maxRetryMs));
  }

  #again(host: string, watched: Watched, inMs: number): void {
    watched.cancel = this.#clock.after(inMs, () => this.#ask(host, watched, 'udp'));
  }
}

interface Found {
  readonly addresses: readonly string[];
  readonly ttlMs: number;
}

/** The addresses of an answer, whatever names lead to them; or why there are none. */
function readAddresses(answer: Buffer, host: string): Found | string {
  try {
    const { answers = [], questions = [], flags = 0, rcode } = decode(answer) as ReturnType<typeof decode> & { rcode?: string };
    if ((flags & TRUNCATED_RESPONSE) !== 0) return 'truncated';
    if (rcode !== undefined && rcode !== 'NOERROR') return rcode;
    if (questions[0]?.name.toLowerCase() !== host) return 'an answer to another question';
    const addresses = [...new Set(answers.flatMap(record => (record.type === 'A' ? [record.data] : [])))].sort();
    if (addresses.length === 0) return 'no IPv4 address';
    const ttls = answers.flatMap(record => ('ttl' in record && typeof record.ttl === 'number' ? [record.ttl] : []));
    return { addresses, ttlMs: Math.min(...ttls) * 1000 };
  } catch {
    return 'an answer that cannot be read';
  }
}
