import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface LoadResult {
  readonly requests: number;
  readonly errors: number;
}

/** wrk, one thread, `connections` keep-alive connections for `seconds`. `script`: a file in Lua. @throws when wrk prints something unknown */
export async function load(
  core: number,
  url: string,
  connections: number,
  seconds: number,
  script?: string,
): Promise<LoadResult> {
  const lua = script === undefined ? [] : ['-s', script];
  const { stdout } = await run('taskset', ['-c', String(core), 'wrk', '-t1', `-c${connections}`, `-d${seconds}s`, ...lua, url]);
  const requests = Number(/(\d+) requests in/.exec(stdout)?.[1]);
  if (!(requests >= 0)) throw new Error(`wrk said: ${stdout}`);
  const sockets = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(stdout);
  const statuses = /Non-2xx or 3xx responses: (\d+)/.exec(stdout);
  const errors = (sockets?.slice(1).reduce((sum, value) => sum + Number(value), 0) ?? 0) + Number(statuses?.[1] ?? 0);
  return { requests, errors };
}

/** h2load with HTTP/1.1: `connections` with `rate` requests per second together for `seconds`. @throws when h2load prints something unknown */
export async function loadAtRate(
  core: number,
  url: string,
  connections: number,
  rate: number,
  seconds: number,
): Promise<LoadResult> {
  return h2load(core, ['--h1', '-t1', `-c${connections}`, `--rps=${rate / connections}`, '-D', String(seconds), url]);
}

/** h2load without TLS: `connections` with `streams` each for `seconds`. `more`: further arguments. @throws when h2load prints something unknown */
export async function loadHttp2(
  core: number,
  url: string,
  [connections, streams]: readonly [number, number],
  seconds: number,
  more: readonly string[] = [],
): Promise<LoadResult> {
  return h2load(core, ['-t1', `-c${connections}`, `-m${streams}`, '-D', String(seconds), ...more, url]);
}

async function h2load(core: number, args: readonly string[]): Promise<LoadResult> {
  const { stdout } = await run('taskset', ['-c', String(core), 'h2load', ...args], { maxBuffer: 1 << 26 });
  const found = /(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout/.exec(stdout);
  const ok = /status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx/.exec(stdout);
  if (found === null || ok === null) throw new Error(`h2load said: ${stdout}`);
  const [requests = 0, ...bad] = found.slice(1).map(Number);
  const [, ...statuses] = ok.slice(1).map(Number);
  return { requests, errors: [...bad, ...statuses].reduce((sum, value) => sum + value, 0) };
}
