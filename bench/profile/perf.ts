import { execFile, execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import type { Frame, Sample, SourceOf } from './part.ts';

const run = promisify(execFile);
const buffered = { maxBuffer: 1 << 30 };

/** What of the system calls is told apart. */
export type CallKind = 'reads' | 'writes' | 'waits' | 'others';
const kinds: Readonly<Record<string, CallKind>> = {
  read: 'reads',
  readv: 'reads',
  recvfrom: 'reads',
  recvmsg: 'reads',
  write: 'writes',
  writev: 'writes',
  sendto: 'writes',
  sendmsg: 'writes',
  epoll_wait: 'waits',
  epoll_pwait: 'waits',
};

/** System calls of the processes for `seconds`. Needs the right to count tracepoints (root). */
export async function countCalls(pids: readonly number[], seconds: number): Promise<Record<CallKind, number>> {
  const events = ['raw_syscalls:sys_enter', ...Object.keys(kinds).map(name => `syscalls:sys_enter_${name}`)].join(',');
  const { stderr } = await run('perf', ['stat', '-x;', '-e', events, '-p', pids.join(','), '--', 'sleep', String(seconds)]);
  const counts = { reads: 0, writes: 0, waits: 0, others: 0 };
  for (const line of stderr.split('\n')) {
    const [count = '', , event = ''] = line.split(';');
    const kind = kinds[event.replace('syscalls:sys_enter_', '')];
    if (event.startsWith('raw')) counts.others += Number(count);
    else if (kind !== undefined) {
      counts[kind] += Number(count);
      counts.others -= Number(count);
    }
  }
  return counts;
}

/** Samples of the processes for `seconds`, two thousand per CPU second, by process. `file`: scratch. */
export async function sampleStacks(file: string, pids: readonly number[], seconds: number): Promise<Map<number, Sample[]>> {
  const which = ['-e', 'cpu-clock', '-F', '1999', '-g', '-p', pids.join(',')];
  await run('perf', ['record', '-q', '-o', file, ...which, '--', 'sleep', String(seconds)]);
  const text = execFileSync('perf', ['script', '-i', file, '-F', 'comm,pid,ip,sym,dso'], {
    ...buffered,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const samples = new Map<number, Sample[]>(pids.map(pid => [pid, []]));
  for (const block of text.toString().split('\n\n')) {
    const [head = '', ...lines] = block.split('\n').filter(line => line !== '');
    const [, thread = '', pid = ''] = /^(.*?)\s+(\d+)\s*$/.exec(head) ?? [];
    samples.get(Number(pid))?.push({ thread, stack: lines.map(frameOf) });
  }
  return samples;
}

function frameOf(line: string): Frame {
  const [, symbol = '', file = ''] = /^\s*[0-9a-f]+ (.*) \((.*?)\)$/.exec(line) ?? [];
  return { symbol, file };
}

/** Knows the source file of each line of a bundle, from the comments that esbuild leaves. */
export function bundleSources(bundle: string): SourceOf {
  let source = '';
  const sources = readFileSync(bundle, 'utf8')
    .split('\n')
    .map(line => {
      source = /^\s*\/\/ (.*\.ts)$/.exec(line)?.[1] ?? source;
      return source;
    });
  return line => sources[line - 1] ?? '';
}
