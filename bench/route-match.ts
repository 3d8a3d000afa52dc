/**
 * What it costs to find a request's rule in tables of 1 to 1,000 rules, by what the rules look at.
 *
 *   node bench/route-match.ts [--rounds 41] [--write]
 *
 * Each figure is the fastest of interleaved rounds of reading a head and finding its rule: what else runs on the machine only ever adds. Rules all over the
 * table are asked for.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../src/async/clock.ts';
import { createRandom } from '../src/async/random.ts';
import { RequestHead } from '../src/proxy/http1/request-head.ts';
import { pathOf } from '../src/proxy/route/path.ts';
import { RouteTableRuntime } from '../src/proxy/route/route-table.ts';
import { RuleParts } from '../src/proxy/route/rule-parts.ts';
import type { RouteMatch, RouteRule } from '../src/snapshot/route-rule.ts';
import { createLog } from '../src/telemetry/log.ts';
import { writeTable } from './table.ts';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '41' }, write: { type: 'boolean', default: false } },
});
const sizes = [1, 10, 100, 1_000];
const finds = 20_000;

const any: RouteMatch = { path: null, methods: [], headers: [], query: [] };
interface Kind {
  readonly match: (i: number) => RouteMatch;
  readonly head: (i: number) => string;
}
const id = (i: number): string => String(i).padStart(4, '0');
const get = (path: string, more = ''): string =>
  `GET ${path} HTTP/1.1\r\nHost: reviews:9080\r\nUser-Agent: bench\r\nAccept: */*\r\n${more}\r\n`;
const kinds: Readonly<Record<string, Kind>> = {
  'exact path': {
    match: i => ({ ...any, path: { kind: 'exact', value: `/api/v1/item${id(i)}` } }),
    head: i => get(`/api/v1/item${id(i)}`),
  },
  'prefix of segments': {
    match: i => ({ ...any, path: { kind: 'prefix', value: `/api/v1/item${id(i)}` } }),
    head: i => get(`/api/v1/item${id(i)}/details`),
  },
  regex: {
    match: i => ({ ...any, path: { kind: 'regex', value: `/api/v1/item${id(i)}/\\d+` } }),
    head: i => get(`/api/v1/item${id(i)}/17`),
  },
  header: {
    match: i => ({ ...any, headers: [{ name: 'x-user', kind: 'exact', value: `user${id(i)}` }] }),
    head: i => get('/api/v1/items', `X-User: user${id(i)}\r\n`),
  },
};

/** As many rules, then one for everything else. */
function tableOf(kind: Kind, size: number): RouteTableRuntime {
  const rule = (name: string, matches: readonly RouteMatch[]): RouteRule => ({
    name,
    matches,
    action: { kind: 'respond', status: 200, body: '', contentType: 'text/plain' },
    timeoutMs: null,
    retry: null,
  });
  const rules = Array.from({ length: size }, (_, i) => rule(id(i), [kind.match(i)]));
  const parts = new RuleParts({ workload: 'bench' }, () => null, {
    clock: systemClock,
    random: createRandom(1),
    log: createLog('bench'),
  });
  return new RouteTableRuntime(
    { name: 'b', virtualHosts: [{ name: 'b', domains: ['*'], rules: [...rules, rule('rest', [])] }] },
    parts,
  );
}

/** Heads for rules spread evenly over the table. */
function headsOf(kind: Kind, size: number): readonly Buffer[] {
  return Array.from({ length: 10 }, (_, n) => Buffer.from(kind.head(Math.floor((n * size) / 10)), 'latin1'));
}

const runs = Object.entries(kinds).flatMap(([name, kind]) =>
  sizes.map(size => ({ name, size, table: tableOf(kind, size), heads: headsOf(kind, size), ns: [] as number[] })),
);
const head = new RequestHead();
for (let round = 0; round < Number(values.rounds) + 2; round++) {
  for (const { table, heads, ns } of runs) {
    const began = performance.now();
    for (let i = 0; i < finds; i++) {
      const bytes = heads[i % heads.length] as Buffer;
      head.read(bytes, 0, bytes.length);
      if (table.find(head, pathOf(head.target))?.route.name === 'rest') throw new Error('the wrong rule');
    }
    // The first rounds warm up.
    if (round >= 2) ns.push(((performance.now() - began) * 1e6) / finds);
  }
}
const rows = Object.keys(kinds).map(name => {
  const of = (size: number): number => Math.min(...(runs.find(run => run.name === name && run.size === size)?.ns ?? []));
  return [name, ...sizes.map(size => of(size).toFixed(0)), (of(1_000) / of(10)).toFixed(2)];
});
const heading = ['ns to read a head and find its rule, of', ...sizes.map(String), '1,000 ÷ 10'];
console.table(rows.map(row => Object.fromEntries(row.map((cell, i) => [heading[i] ?? '', cell]))));
if (values.write) {
  const note = '`node bench/route-match.ts --write`, the fastest of 41 interleaved rounds.';
  writeTable(join(import.meta.dirname, '../docs/benchmarks.md'), 'route-match', heading, rows, note);
}
