import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startBackend } from './backend.ts';
import type { Chain } from './chain.ts';
import type { HaproxyOptions } from './haproxy.ts';
import { type LoadResult, load, loadAtRate, loadHttp2 } from './load.ts';
import type { LocalmeshOptions } from './localmesh.ts';
import { listening, type Spawned, spawnOn } from './spawned.ts';

/** Load and backend run here. */
export const loadCore = 0;
/** The proxies run here. */
export const proxyCore = 1;
/** Bytes of the large bodies. */
export const mebibyte: number = 1024 * 1024;

/** A kind of load, and how the chains are set up for it. */
export interface Suite {
  /** What is said below its table. */
  readonly note: string;
  readonly haproxy: readonly HaproxyOptions[];
  readonly localmesh: readonly LocalmeshOptions[];
  readonly backend: (at: readonly string[]) => Promise<Spawned>;
  readonly load: (chain: Chain, seconds: number) => Promise<LoadResult>;
  /** A request carries this much, and what counts is MiB per CPU second. */
  readonly bytes?: number;
}

async function nodeBackend(program: string, args: readonly string[], at: readonly string[]): Promise<Spawned> {
  const backend = spawnOn(loadCore, process.execPath, [join(import.meta.dirname, program), ...args, ...at]);
  await listening(Number(at[0]?.split(':')[1]));
  return backend;
}

/** The suites by name. `dir`: folder for what they send. */
export function suitesIn(dir: string): Readonly<Record<string, Suite>> {
  const written = (name: string, content: string | Buffer): string => {
    const file = join(dir, name);
    writeFileSync(file, content);
    return file;
  };
  const message = Buffer.alloc(5 + 128, 120);
  message.writeUIntBE(0, 0, 1);
  message.writeUInt32BE(message.length - 5, 1);
  const grpcCall = ['-d', written('message', message), '-H', 'content-type: application/grpc', '-H', 'te: trailers'];
  const upload = written('upload.lua', `wrk.method = "POST"\nwrk.body = string.rep("x", ${mebibyte})\n`);
  const streams = [8, 16] as const;
  const plain = { haproxy: [{}], localmesh: [{}] };
  return {
    http2: {
      note: 'HTTP/2 without TLS from client and to backend (nginx), 1 KiB answers, 8 connections with 16 streams each.',
      haproxy: [{ spoken: 'HTTP/2' }],
      localmesh: [{ spoken: 'HTTP/2' }],
      backend: at => startBackend(dir, loadCore, at, 1024, true),
      load: (chain, seconds) => loadHttp2(loadCore, chain.url, streams, seconds),
    },
    grpc: {
      note: 'gRPC unary calls of 128 B answered with 1 KiB by a server of grpc-js, 8 connections with 16 streams each.',
      haproxy: [{ spoken: 'HTTP/2' }],
      localmesh: [{ spoken: 'HTTP/2' }],
      backend: at => nodeBackend('grpc-backend.ts', ['1024'], at),
      load: (chain, seconds) => loadHttp2(loadCore, `${chain.url}bench.Echo/Get`, streams, seconds, grpcCall),
    },
    tcp: {
      note: 'Raw TCP, 64 connections that carry requests with 1 KiB answers; HAProxy in `mode tcp`.',
      haproxy: [{ spoken: 'TCP' }],
      localmesh: [{ spoken: 'TCP' }],
      backend: at => startBackend(dir, loadCore, at, 1024),
      load: (chain, seconds) => load(loadCore, chain.url, 64, seconds),
    },
    answers: {
      note: 'HTTP/1.1, answers of 1 MiB, 16 connections.',
      ...plain,
      bytes: mebibyte,
      backend: at => nodeBackend('raw-backend.ts', [], at),
      load: (chain, seconds) => load(loadCore, `${chain.url}${mebibyte}`, 16, seconds),
    },
    uploads: {
      note: 'HTTP/1.1, uploads of 1 MiB, 16 connections.',
      ...plain,
      bytes: mebibyte,
      backend: at => nodeBackend('raw-backend.ts', [], at),
      load: (chain, seconds) => load(loadCore, `${chain.url}0`, 16, seconds, upload),
    },
    everything: {
      note: 'HTTP/1.1, 1 KiB answers, 64 connections. Everything on: retries armed with their copy of the request, three kinds of timeouts, an authorization rule, header edits both ways, access log as JSON to /dev/null.',
      haproxy: [{}],
      localmesh: [{}, { everything: true }],
      backend: at => startBackend(dir, loadCore, at, 1024),
      load: (chain, seconds) => load(loadCore, chain.url, 64, seconds),
    },
  };
}

/** Small messages: what bench/two-hop-chain.ts and bench/latency.ts measure, each with the rival it is missed against. `dir`: folder for the backend. */
export function smallSuitesIn(dir: string): Readonly<Record<string, Suite>> {
  const small = (connections: number, haproxy: HaproxyOptions): Suite => ({
    note: `HTTP/1.1, 1 KiB answers, ${connections} connection${connections === 1 ? '' : 's'}, HAProxy with an ${haproxy.hop ?? 'HTTP/1.1'} hop.`,
    haproxy: [haproxy],
    localmesh: [{}],
    backend: at => startBackend(dir, loadCore, at, 1024),
    load: (chain, seconds) => load(loadCore, chain.url, connections, seconds),
  });
  return {
    one: small(1, {}),
    eight: small(8, {}),
    'sixty-four': small(64, { hop: 'HTTP/2' }),
    rate: {
      ...small(20, {}),
      note: 'the same with 20 connections at 1,000 requests per second.',
      load: (chain, seconds) => loadAtRate(loadCore, chain.url, 20, 1000, seconds),
    },
  };
}
