import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { load } from '../../src/config/load.ts';
import { printDiagnostics } from '../../src/config/print.ts';
import { loadCompose } from '../../src/interop/compose/load-compose.ts';

/**
 * The corpus of bad mesh.yaml files. Its field names are illustrative; this table says what each case is called in ours.
 * A rewrite keeps the lines: the expected line of a case is not touched.
 */
interface Rewrite {
  readonly from: string | RegExp;
  readonly to: string;
  /** Words of the case's `mustSay` that name a field of the corpus, and our field's name. */
  readonly say?: Readonly<Record<string, string>>;
}

const everywhere: readonly Rewrite[] = [
  { from: /\bdependsOn:/g, to: 'depends_on:' },
  { from: /\benvFile:/g, to: 'env_file:' },
  { from: /\benv:/g, to: 'environment:' },
  // One service's traffic policy is its only route rule.
  { from: /^traffic:\n {2}web: \{(.*)\}$/m, to: 'routes:\n  web: [{$1}]' },
  // A regular expression for a path exists in routes only.
  {
    from: /^policies:\n {2}- \{name: p, action: allow, to: web, pathRegex: (.*)\}$/m,
    to: 'routes:\n  web: [{match: {path: {regex: $1}}}]',
    say: { 'policies[0]': 'routes.web[0]' },
  },
  { from: /^policies:$/m, to: 'access:' },
];

const byCase: Readonly<Record<string, readonly Rewrite[]>> = {
  // Files with a mode are compose's secrets.
  'octal-mode': [{ from: 'files:\n  - {path: /tmp/a, mode: 0644}', to: '    secrets:\n      - {source: a, mode: 0644}' }],
  // A bound on retries belongs to the service that is called.
  'percent-150': [{ from: /^traffic:\n.*$/m, to: '    limits:\n      retryBudget: {percent: 150%}' }],
  'network-host': [{ from: 'network: host', to: 'network_mode: host' }],
};

const generated: Readonly<Record<string, () => string>> = {
  'deep-flow-100k': () => `a: ${'['.repeat(100_000)}${']'.repeat(100_000)}`,
  'deep-block-3000': () => Array.from({ length: 3000 }, (_, depth) => `${' '.repeat(depth)}a:\n`).join(''),
  'many-keys-100k': () => Array.from({ length: 100_000 }, (_, index) => `k${index}: 1\n`).join(''),
};

interface Case {
  readonly name: string;
  readonly yaml: string;
  readonly expect: {
    readonly line: number | null;
    readonly mustSay: readonly string[];
    readonly okAlso?: boolean;
    readonly maxMs?: number;
  };
}

const corpus = new URL('../../../shared/cases/config.json', import.meta.url);

function translate(one: Case): { yaml: string; mustSay: readonly string[] } {
  let yaml = generated[one.name]?.() ?? one.yaml;
  const words = new Map<string, string>();
  for (const { from, to, say } of [...(byCase[one.name] ?? []), ...everywhere]) {
    const changed = yaml.replace(from, to);
    if (changed !== yaml) for (const [theirs, ours] of Object.entries(say ?? {})) words.set(theirs, ours);
    yaml = changed;
  }
  return { yaml, mustSay: one.expect.mustSay.map(word => words.get(word) ?? word) };
}

if (!existsSync(corpus)) {
  test('the shared corpus of bad configurations', { skip: 'not beside this checkout' }, () => {});
} else {
  const { cases, count } = JSON.parse(await readFile(corpus, 'utf8')) as { cases: Case[]; count: number };
  let dir = '';
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'mesh-cases-'));
  });
  after(() => rm(dir, { recursive: true, force: true }));

  test('no case is missing', () => assert.equal(cases.length, count));

  for (const one of cases) {
    test(one.name, async () => {
      const { yaml, mustSay } = translate(one);
      const file = join(dir, 'mesh.yaml');
      await writeFile(file, yaml);
      const started = process.cpuUsage();
      const result = await load({ file, env: {}, profiles: [], project: null, composeLoader: loadCompose });
      const spent = process.cpuUsage(started);
      const printed = printDiagnostics(result.diagnostics, { sources: result.sources });
      if (one.expect.okAlso !== true) assert.equal(result.config, null, 'refused');
      if (result.config !== null && result.diagnostics.length === 0) return;
      const here = result.diagnostics.filter(diagnostic => diagnostic.line === one.expect.line || one.expect.line === null);
      assert.notEqual(here.length, 0, `something is said of line ${one.expect.line}:\n${printed}`);
      const said = here
        .map(({ path, message, hint, line }) => `line ${line} ${path} ${message} ${hint}`.toLowerCase())
        .join('\n');
      for (const word of mustSay) assert.ok(said.includes(word.toLowerCase()), `says "${word}":\n${printed}`);
      // CPU time, so that a busy machine does not fail it; a bomb costs orders of magnitude more.
      if (one.expect.maxMs !== undefined) assert.ok((spent.user + spent.system) / 1000 < one.expect.maxMs * 2);
      assert.ok(!/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/.test(printed), 'nothing that a terminal would act on');
    });
  }
}
