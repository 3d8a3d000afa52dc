import { readFile } from 'node:fs/promises';
import type { Clock } from '../async/clock.ts';
import type { AppState } from '../snapshot/channel.ts';

/** Callers wait for an app that starts: it is seen a moment after it listens. */
const firstProbeMs = 100;
/** Each wait for the app against the one before: still 200 ms after five seconds, the longest after three quarters of a minute. */
const slower = 1.02;
/** While the app has not been there for long. */
const waitingProbeMs = 1000;
/** While it is: how late its going is noticed. */
const settledProbeMs = 3000;

/** Ports on which something in this network namespace accepts connections from 127.0.0.1. */
export type ListeningPorts = () => Promise<ReadonlySet<number>>;

/** TCP_LISTEN as /proc/net/tcp writes it. */
const listenState = '0A';
/** 0.0.0.0, 127.0.0.1, ::, ::ffff:127.0.0.1 in the kernel's host-order hex: what a connection to 127.0.0.1 reaches. */
const reachable = new Set(['00000000', '0100007F', '0'.repeat(32), '0000000000000000FFFF00000100007F']);

/** Reads the text of /proc/net/tcp or tcp6. */
export function listeningPorts(table: string): number[] {
  const ports: number[] = [];
  for (const line of table.split('\n').slice(1)) {
    const [, local = '', , state] = line.trim().split(/\s+/);
    const [address = '', port = ''] = local.split(':');
    if (state === listenState && reachable.has(address)) ports.push(Number.parseInt(port, 16));
  }
  return ports;
}

/** Asks the kernel, not the app: a probe by connecting fills the logs of databases with half-made connections. */
export const kernelListeningPorts: ListeningPorts = async () => {
  const tables = await Promise.all(['tcp', 'tcp6'].map(name => readFile(`/proc/self/net/${name}`, 'latin1').catch(() => '')));
  return new Set(tables.flatMap(listeningPorts));
};

/** Watches whether the app listens on its ports and tells every change. */
export class AppProbe {
  readonly #clock: Clock;
  readonly #listening: ListeningPorts;
  readonly #changed: (state: AppState) => void;
  #states = new Map<number, boolean>();
  #delayMs = firstProbeMs;
  #cancel = (): void => {};
  #stopped = false;
  #round = 0;
  #tellAll = false;

  constructor(clock: Clock, listening: ListeningPorts, changed: (state: AppState) => void) {
    this.#clock = clock;
    this.#listening = listening;
    this.#changed = changed;
  }

  /** Every port watched, as it was last seen. */
  get states(): readonly AppState[] {
    return [...this.#states].map(([port, listening]) => ({ port, listening }));
  }

  /** Watches these ports from now on. */
  watch(ports: readonly number[]): void {
    const before = this.#states;
    this.#states = new Map(ports.map(port => [port, before.get(port) ?? false]));
    this.#delayMs = firstProbeMs;
    this.#cancel();
    void this.#probe();
  }

  /** Looks at once and tells every port, changed or not. */
  tellAll(): void {
    this.#tellAll = true;
    this.#cancel();
    void this.#probe();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  async #probe(): Promise<void> {
    const round = ++this.#round;
    const open = await this.#listening();
    if (this.#stopped || round !== this.#round) return;
    const tellAll = this.#tellAll;
    this.#tellAll = false;
    for (const [port, was] of this.#states) {
      const listening = open.has(port);
      if (listening === was && !tellAll) continue;
      this.#states.set(port, listening);
      this.#changed({ port, listening });
      if (listening === was) continue;
      this.#delayMs = firstProbeMs;
    }
    const settled = [...this.#states.values()].every(listening => listening);
    this.#cancel = this.#clock.after(settled ? settledProbeMs : this.#delayMs, () => void this.#probe());
    this.#delayMs = Math.min(waitingProbeMs, this.#delayMs * slower);
  }
}
