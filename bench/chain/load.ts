import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface LoadResult {
  readonly requests: number;
  readonly errors: number;
}

/** wrk, one thread, `connections` keep-alive connections for `seconds`. @throws when wrk prints something unknown */
export async function load(core: number, url: string, connections: number, seconds: number): Promise<LoadResult> {
  const { stdout } = await run('taskset', ['-c', String(core), 'wrk', '-t1', `-c${connections}`, `-d${seconds}s`, url]);
  const requests = Number(/(\d+) requests in/.exec(stdout)?.[1]);
  if (!(requests >= 0)) throw new Error(`wrk said: ${stdout}`);
  const sockets = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(stdout);
  const statuses = /Non-2xx or 3xx responses: (\d+)/.exec(stdout);
  const errors = (sockets?.slice(1).reduce((sum, value) => sum + Number(value), 0) ?? 0) + Number(statuses?.[1] ?? 0);
  return { requests, errors };
}
