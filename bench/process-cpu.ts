import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks per second on Linux (`getconf CLK_TCK`), 100 on every supported kernel. */
const ticksPerSecond = 100;

/** User and system CPU of a process and all its threads, in microseconds, from /proc. Granularity: one tick (10 ms). */
export function cpuMicros(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1e6) / ticksPerSecond;
}

/** Proportional set size of a process in bytes. */
export function pssBytes(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
  return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? Number.NaN) * 1024;
}

/** Direct children of a process. */
export function childrenOf(pid: number): number[] {
  const children: number[] = [];
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const text = readFileSync(`/proc/${pid}/task/${task}/children`, 'latin1').trim();
    if (text !== '') children.push(...text.split(' ').map(Number));
  }
  return children;
}
