/**
 * A file that is broken in any way gets diagnostics, never a stack: what is saved while somebody types is every piece and every mixture of what was meant.
 * Each diagnostic points into the file it names, and what is found good runs in a sidecar. Seeded; FUZZ_SEED and FUZZ_RUNS make other and longer runs.
 */
import assert from 'node:assert/strict';
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { systemClock } from '../../src/async/clock.ts';
import { createRandom } from '../../src/async/random.ts';
import type { LoadResult } from '../../src/config/load.ts';
import type { MeshConfig } from '../../src/config/mesh-config.ts';
import { printDiagnostics } from '../../src/config/print.ts';
import { compile } from '../../src/control/compile/compile.ts';
import { emptyRegistry, observe, workloadsOf } from '../../src/control/registry.ts';
import { loadMesh } from '../../src/interop/load-mesh.ts';
import { createDataPlane } from '../../src/proxy/assemble.ts';
import { decodeSnapshot } from '../../src/snapshot/decode.ts';
import { encodeFrame } from '../../src/snapshot/frame.ts';
import type { Snapshot } from '../../src/snapshot/snapshot.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { pod } from '../control/mesh-builder.ts';
import { plainConnector } from '../proxy/data-plane-harness.ts';

const seed = Number(process.env['FUZZ_SEED'] ?? 7);
const runs = Number(process.env['FUZZ_RUNS'] ?? 300);
const goldens = join(import.meta.dirname, '..', 'golden', 'config');
const files = globSync('*/mesh.yaml', { cwd: goldens }).sort();
const dir = mkdtempSync(join(tmpdir(), 'mesh-config-fuzz-'));
after(() => rmSync(dir, { recursive: true, force: true }));

const random = createRandom(seed);
const below = (n: number): number => Math.floor(random.next() * n);
const one = <T>(of: readonly T[]): T => of[below(of.length)] as T;

/** What goes wrong in configurations, and what is put into them on purpose. */
const hostile: readonly string[] = [
  ...['null', '~', 'true', '[]', '{}', '""', '-1', '0', '1e999', '.inf', '.nan', '0x10', '1_000', '99999999999999999999', '3.7'],
  ...[
    '"a\\nb"',
    '"a\\r\\nset-cookie: x"',
    '"\\0"',
    '"\\e[2J"',
    '"\\u202e"',
    '"\\ud800"',
    '"\u{1f600}"',
    '__proto__',
    'constructor',
  ],
  ...[
    'toString',
    '"*"',
    '*x',
    '&x',
    '&x a',
    '<<: *x',
    '!!js/function "x"',
    '!!binary aGk=',
    '!!set {a}',
    '!reset',
    '|',
    '>',
    '? a',
    '---',
  ],
  ...[
    '${',
    '${HOME}',
    '${A:?"}',
    '$$',
    '$',
    '%',
    '@',
    '`',
    '"',
    "'",
    '{',
    '}',
    '[',
    ']',
    ': ',
    '- ',
    '# ',
    '\t',
    ' ',
    '\n',
    '\r',
    '\0',
  ],
  ...[
    '[[[[',
    '{a: {a: {a: 1}}}',
    '{exact: 1, prefix: /}',
    '{regex: "("}',
    '{regex: "(a*)*$"}',
    '{regex: "a{1000}{1000}"}',
    '/a/../b',
  ],
  ...[
    '0ms',
    '25d',
    '1h1h',
    '100%',
    '101%',
    '-1%',
    '1e3s',
    '9'.repeat(400),
    `"${'a'.repeat(5000)}"`,
    '{to: v1, redirect: {}}',
    '2001-01-01',
  ],
  ...[
    'localhost',
    'a..b',
    'xn--',
    'ü',
    '..',
    '.',
    '/dev/null',
    '../../etc',
    '/',
    '',
    'x'.repeat(64),
    '*.*',
    '*.a',
    'a:70000',
    '127.0.0.1',
  ],
];

function damaged(text: string): string {
  const lines = text.split('\n');
  const at = below(lines.length);
  const line = lines[at] ?? '';
  switch (below(9)) {
    case 0:
      return text.slice(0, below(text.length));
    case 1:
      lines.splice(at, 1);
      break;
    case 2:
      lines.splice(below(lines.length), 0, line);
      break;
    case 3:
      lines.splice(at, 1, one([' ', '  ', '\t', '- ']) + line);
      break;
    case 4:
      lines.splice(at, 1, line.replace(/^ {1,2}/, ''));
      break;
    case 5: {
      const i = below(line.length + 1);
      lines.splice(at, 1, line.slice(0, i) + one(hostile) + line.slice(i));
      break;
    }
    case 6: {
      const words = [...line.matchAll(/[^\s:,[\]{}]+/g)];
      if (words.length === 0) return text;
      const { 0: word, index } = one(words);
      lines.splice(at, 1, line.slice(0, index) + one(hostile) + line.slice(index + word.length));
      break;
    }
    case 7:
      lines.splice(
        at,
        1,
        line.replace(/: .*/, () => `: ${one(hostile)}`),
      );
      break;
    default: {
      const words = [...text.matchAll(/[^\s:,[\]{}]+/g)].map(match => match[0]);
      lines.splice(
        at,
        1,
        line.replace(one(words), () => one(words)),
      );
    }
  }
  return lines.join('\n');
}

/** What is said has to be true of the file: the place is there, and printing it sends nothing to the terminal but text. */
function checkDiagnostics({ diagnostics, sources, config }: LoadResult): void {
  for (const found of diagnostics) {
    const text = found.file === null ? undefined : sources.get(found.file);
    if (found.line === null || text === undefined) continue;
    const lines = text.split(/\r?\n/);
    assert.ok(found.line >= 1 && found.line <= lines.length, `line ${found.line} of ${lines.length}: ${found.code}`);
    const width = (lines[found.line - 1] ?? '').length;
    assert.ok(
      found.column === null || (found.column >= 1 && found.column <= width + 1),
      `column ${found.column} of ${width}: ${found.code}`,
    );
  }
  assert.ok(config !== null || diagnostics.some(found => found.severity === 'error'), 'no configuration, and no reason');
  const printed = printDiagnostics(diagnostics, { sources, cwd: dir });
  assert.doesNotMatch(printed, /[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/);
}

/** What `mesh validate` finds good has to run. */
function checkRuns(config: MeshConfig): void {
  let last = 2;
  const pods = [
    ...config.services.flatMap(service => service.versions.map(version => pod(service.name, version.name, last++))),
    ...config.gateways.map(gateway => pod(gateway.name, '', last++, { kind: 'gateway' })),
  ];
  const workloads = workloadsOf(observe(emptyRegistry, { kind: 'pods', pods }));
  for (const snapshot of compile({ config, workloads, addresses: new Map() }).snapshots.values()) run(snapshot);
}

function run(snapshot: Snapshot): void {
  const wire: unknown = JSON.parse(encodeFrame(snapshot).toString('utf8', 4));
  const plane = createDataPlane({
    connector: plainConnector,
    clock: systemClock,
    random: createRandom(1),
    log: createLog('proxy', () => {}),
    tcp: () => {},
    accessLog: () => {},
  });
  plane.apply(decodeSnapshot(wire));
  void plane.drain(0);
}

test(`${runs} damaged configurations (seed ${seed})`, async () => {
  for (let i = 0; i < runs; i++) {
    const file = one(files);
    cpSync(join(goldens, dirname(file)), dir, { recursive: true });
    const target = join(dir, below(5) === 0 ? 'compose.yaml' : 'mesh.yaml');
    let text = '';
    try {
      text = readFileSync(target, 'utf8');
    } catch {
      continue;
    }
    for (let n = 1 + below(3); n > 0; n--) text = damaged(text);
    writeFileSync(target, text);
    try {
      const result = await loadMesh({ file: join(dir, 'mesh.yaml'), env: {}, profiles: [], project: null });
      checkDiagnostics(result);
      if (result.config !== null) checkRuns(result.config);
    } catch (error) {
      throw new Error(`run ${i} of ${file}:\n${text}\n${error instanceof Error ? error.stack : error}`);
    }
  }
});
