/**
 * What access rules add to a request, for 1 to 1,000 rules, by what the rules look at.
 *
 *   node bench/access.ts [--rounds 41] [--write]
 *
 * Each figure is the fastest of interleaved rounds of reading a head and judging it, less that of reading it: what else runs on the machine only ever adds.
 * Every request is allowed by its own rule; those rules are spread all over the policy.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../src/async/clock.ts';
import { createRandom } from '../src/async/random.ts';
import { ExchangeFacts } from '../src/proxy/exchange/exchange-facts.ts';
import { type Caller, passFilters, type RequestFilter } from '../src/proxy/filters/filter.ts';
import { inboundFilters } from '../src/proxy/filters/order.ts';
import { RequestHead } from '../src/proxy/http1/request-head.ts';
import { RuleParts } from '../src/proxy/route/rule-parts.ts';
import type { AccessCondition, AccessRule } from '../src/snapshot/access-policy.ts';
import { createLog } from '../src/telemetry/log.ts';
import { writeTable } from './table.ts';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '41' }, write: { type: 'boolean', default: false } },
});
const sizes = [1, 10, 100, 1_000];
const judgements = 20_000;

interface Kind {
  readonly action?: 'allow' | 'deny';
  readonly conditions: (i: number) => readonly AccessCondition[];
  readonly path?: (i: number) => string;
  readonly lines?: (i: number) => string;
  /** Each request comes from a caller of its own. */
  readonly callers?: true;
}
const id = (i: number): string => String(i).padStart(4, '0');
const principal = (i: number): string => `spiffe://shop.local/ns/default/sa/service${id(i)}`;
const web: AccessCondition = { on: 'principal', values: [principal(0)] };
const kinds: Readonly<Record<string, Kind>> = {
  caller: { conditions: i => [{ on: 'principal', values: [principal(i)] }], callers: true },
  'caller, method, path prefix': {
    conditions: i => [web, { on: 'method', values: ['GET', 'HEAD'] }, { on: 'path', values: [`/api/v1/item${id(i)}/*`] }],
    path: i => `/api/v1/item${id(i)}/details`,
  },
  'exact path': { conditions: i => [{ on: 'path', values: [`/api/v1/item${id(i)}`] }], path: i => `/api/v1/item${id(i)}` },
  'path suffix': { conditions: i => [{ on: 'path', values: [`*/item${id(i)}.css`] }], path: i => `/api/v1/item${id(i)}.css` },
  'path template': {
    conditions: i => [{ on: 'path', values: [`/api/v1/item${id(i)}/{*}/details`] }],
    path: i => `/api/v1/item${id(i)}/17/details`,
  },
  host: { conditions: i => [{ on: 'host', values: [`item${id(i)}.local`] }], lines: i => `Host: item${id(i)}.local:9080\r\n` },
  header: {
    conditions: i => [{ on: 'header', name: ['x-user'], values: [`user${id(i)}`] }],
    lines: i => `Host: a\r\nX-User: user${id(i)}\r\n`,
  },
  'path prefix within a segment': {
    conditions: i => [{ on: 'path', values: [`/api/v1/item${id(i)}*`] }],
    path: i => `/api/v1/item${id(i)}/details`,
  },
  'deny rules that do not match': {
    action: 'deny',
    conditions: i => [
      { on: 'path', values: [`/admin/item${id(i)}*`] },
      { on: 'principal', values: [principal(i)], not: true },
    ],
  },
};

const parts = new RuleParts({ workload: 'bench' }, () => null, {
  clock: systemClock,
  random: createRandom(1),
  log: createLog('bench'),
});

function filtersOf({ action = 'allow', conditions }: Kind, size: number): readonly RequestFilter[] {
  const rules = Array.from({ length: size }, (_, i): AccessRule => ({ name: id(i), action, conditions: conditions(i) }));
  const access = { default: action === 'deny' ? ('allow' as const) : ('deny' as const), rules };
  return inboundFilters({ port: 9080, protocol: 'http', mtls: 'strict', published: false, cluster: 'a', access }, parts);
}

/** Requests and their callers, spread evenly over the rules. */
function requestsOf({ path, lines, callers }: Kind, size: number): readonly (readonly [Buffer, Caller])[] {
  return Array.from({ length: 10 }, (_, n) => {
    const i = Math.floor((n * size) / 10);
    const text = `GET ${path?.(i) ?? '/api/v1/items'} HTTP/1.1\r\n${lines?.(i) ?? 'Host: a\r\n'}User-Agent: bench\r\nAccept: */*\r\n\r\n`;
    return [Buffer.from(text, 'latin1'), { principal: principal(callers ? i : 0), address: '10.0.0.9', scheme: 'http' }] as const;
  });
}

const runs = Object.entries(kinds).flatMap(([name, kind]) =>
  sizes.map(size => ({
    name,
    size,
    filters: filtersOf(kind, size),
    requests: requestsOf(kind, size),
    read: [] as number[],
    judged: [] as number[],
  })),
);
const head = new RequestHead();
const { decision } = new ExchangeFacts();
for (let round = 0; round < Number(values.rounds) + 2; round++) {
  for (const { filters, requests, read, judged } of runs) {
    const time = (act: (bytes: Buffer, caller: Caller) => void): number => {
      const began = performance.now();
      for (let i = 0; i < judgements; i++) {
        const [bytes, caller] = requests[i % requests.length] as readonly [Buffer, Caller];
        act(bytes, caller);
      }
      return ((performance.now() - began) * 1e6) / judgements;
    };
    const reading = time(bytes => head.read(bytes, 0, bytes.length));
    const judging = time((bytes, caller) => {
      head.read(bytes, 0, bytes.length);
      if (passFilters(filters, head, caller, decision) !== null) throw new Error('refused');
    });
    // The first rounds warm up.
    if (round < 2) continue;
    read.push(reading);
    judged.push(judging);
  }
}
const rows = Object.keys(kinds).map(name => {
  const of = (size: number): number => {
    const run = runs.find(one => one.name === name && one.size === size);
    return Math.min(...(run?.judged ?? [])) - Math.min(...(run?.read ?? []));
  };
  return [name, ...sizes.map(size => of(size).toFixed(0)), (of(1_000) / of(10)).toFixed(2)];
});
const heading = ['ns that rules add to a request, by what they ask', ...sizes.map(String), '1,000 ÷ 10'];
console.table(rows.map(row => Object.fromEntries(row.map((cell, i) => [heading[i] ?? '', cell]))));
if (values.write) {
  const note = '`node bench/access.ts --write`, the fastest of 41 interleaved rounds; reading the head is not counted.';
  writeTable(join(import.meta.dirname, '../docs/benchmarks.md'), 'access', heading, rows, note);
}
