import type { Chain } from './chain/chain.ts';
import type { LoadResult } from './chain/load.ts';
import { median } from './median.ts';
import { cpuMicros } from './process-cpu.ts';

/** What a chain needed, medians over all rounds. */
export interface Cost {
  readonly chain: Chain;
  /** User and system CPU of the measured processes. */
  readonly microsPerRequest: number;
  /** The same in the best round, where other work of the machine disturbed least. */
  readonly leastMicrosPerRequest: number;
  readonly requestsPerSecond: number;
}

/** How long and how often. `seconds`: of one round. */
export interface Rounds {
  readonly rounds: number;
  readonly seconds: number;
  /** Processes whose CPU counts. @default all of the chain */
  readonly pids?: (chain: Chain) => readonly number[];
}

/** Loads one chain after the other, again and again, so that whatever else the machine does hits all of them. Errors are told on stderr and set the exit code. */
export async function interleave(
  chains: readonly Chain[],
  { rounds, seconds, pids = chain => chain.pids }: Rounds,
  load: (chain: Chain, seconds: number) => Promise<LoadResult>,
): Promise<Cost[]> {
  const samples = chains.map(chain => ({ chain, micros: [] as number[], rates: [] as number[] }));
  for (const chain of chains) await load(chain, 3); // pools, JIT
  for (let round = 1; round <= rounds; round++) {
    for (const { chain, micros, rates } of samples) {
      const before = pids(chain).map(cpuMicros);
      const { requests, errors } = await load(chain, seconds);
      const spent = pids(chain).reduce((sum, pid, at) => sum + cpuMicros(pid) - (before[at] ?? 0), 0);
      if (errors > 0) {
        process.exitCode = 1;
        process.stderr.write(`${chain.name}: ${errors} errors\n`);
      }
      micros.push(spent / requests);
      rates.push(requests / seconds);
    }
    process.stderr.write(`round ${round} of ${rounds}\n`);
  }
  return samples.map(({ chain, micros, rates }) => ({
    chain,
    microsPerRequest: median(micros),
    leastMicrosPerRequest: Math.min(...micros),
    requestsPerSecond: median(rates),
  }));
}
