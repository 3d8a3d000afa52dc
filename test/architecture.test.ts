/**
 * The house rules that a compiler does not know: who may import whom, where time comes from, how long a file may be, and what ends up
 * in the sidecar. The table is the one of CONTRIBUTING.md; biome.json repeats it for the editor.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, sep } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Folder → folders of src that it may import, types included. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  text: [],
  async: ['text'],
  pattern: ['text'],
  snapshot: ['pattern', 'text'],
  identity: ['text'],
  access: ['identity', 'snapshot', 'text'],
  telemetry: ['async', 'text'],
  config: ['async', 'pattern', 'identity', 'access', 'snapshot', 'text'],
  interop: ['config', 'text'],
  pki: ['identity', 'async', 'text'],
  control: ['config', 'snapshot', 'identity', 'access', 'pki', 'telemetry', 'async', 'text'],
  proxy: ['snapshot', 'identity', 'access', 'telemetry', 'async', 'pattern', 'text'],
  runtime: ['config', 'async', 'telemetry', 'text'],
  canary: ['config', 'async', 'text'],
  api: ['config', 'snapshot', 'canary', 'text'],
  daemon: [
    'async',
    'snapshot',
    'identity',
    'telemetry',
    'config',
    'interop',
    'pki',
    'control',
    'runtime',
    'canary',
    'api',
    'text',
  ],
  cli: ['api', 'config', 'identity', 'interop', 'text'],
  dashboard: ['api', 'text'],
};

/** Crossings of the table where only types may be taken: nothing of the other folder runs. */
const typesOnly: Readonly<Record<string, readonly string[]>> = {
  // What a rule, a fault or a limit is has one definition; what reads it from YAML, and what checks it on arrival, stay apart.
  access: ['snapshot'],
  config: ['snapshot'],
  runtime: ['config'],
  canary: ['config'],
  api: ['config', 'canary'],
  dashboard: ['api'],
};

/** What must never know each other, also not by way of a folder between them; the table must not be widened past this. */
const strangers: readonly (readonly [string, string])[] = [
  ['control', 'runtime'],
  ['runtime', 'control'],
  ['control', 'proxy'],
  ['proxy', 'config'],
  ['proxy', 'control'],
  ['cli', 'runtime'],
];

/** Single crossings that the table does not have, each with its why. */
const exceptions: ReadonlyMap<string, string> = new Map([
  ['cli/main.ts → daemon', 'the program `mesh` is where the command line and the daemon are put together'],
]);

interface Import {
  readonly file: string;
  readonly specifier: string;
  readonly typeOnly: boolean;
}

interface Export {
  readonly name: string;
  readonly isType: boolean;
  readonly documented: boolean;
}

interface Source {
  /** Relative to src, with `/`. */
  readonly path: string;
  readonly folder: string;
  readonly lines: number;
  /** Without comments and with the contents of strings kept. */
  readonly code: string;
  readonly imports: readonly Import[];
  readonly exports: readonly Export[];
}

/** Cuts comments, so that prose about `Date.now` is no use of it. Strings and templates are stepped over whole. */
function withoutComments(text: string): string {
  const token = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;
  return text.replace(token, found => (found.startsWith('/*') || found.startsWith('//') ? ' ' : found));
}

function importsOf(file: string, code: string): Import[] {
  const statement = /\b(import|export)\s+(type\s+)?(?:[\w*\s{},$]+?\s+from\s+)?'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/g;
  return [...code.matchAll(statement)].map(match => ({
    file,
    specifier: match[3] ?? match[4] ?? '',
    // `import { type A, type B }` takes types only as well.
    typeOnly: match[2] !== undefined || /^import\s*\{(?:\s*type\s[^,}]+,?)+\s*\}/.test(match[0]),
  }));
}

function exportsOf(text: string): Export[] {
  const statement = /^export (?:async |abstract )?(const|function\*?|class|interface|type) (\w+)/gm;
  return [...text.matchAll(statement)].map(({ 1: kind, 2: name = '', index }) => ({
    name,
    isType: kind === 'interface' || kind === 'type',
    documented: text.slice(0, index).trimEnd().endsWith('*/'),
  }));
}

function sourcesBelow(folder: string): Source[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts') || name.endsWith('.tsx'))
    .sort()
    .map(name => {
      const path = name.split(sep).join('/');
      const text = readFileSync(join(root, folder, name), 'utf8');
      const code = withoutComments(text);
      return {
        path,
        folder: path.split('/')[0] ?? '',
        lines: text.split('\n').length - 1,
        code,
        imports: importsOf(path, code),
        exports: exportsOf(text),
      };
    });
}

const sources = sourcesBelow('src');

/** Top folder that a relative import leads to, or `null` for a package. */
function folderOf(found: Import): string | null {
  if (!found.specifier.startsWith('.')) return null;
  return normalize(join(dirname(found.file), found.specifier)).split(sep)[0] ?? null;
}

const packageOf = (specifier: string): string => specifier.replace(/^((?:@[^/]+\/)?[^/]+).*$/, '$1');

/** Every place in src (without comments) that matches. */
function uses(pattern: RegExp, where: (source: Source) => boolean): string[] {
  return sources.filter(source => where(source) && pattern.test(source.code)).map(source => source.path);
}

test('the imports are read at all: relative, types, re-exports, dynamic ones and packages', () => {
  const code = withoutComments(`
    // import '../comment/x.ts';
    import { a,
      b } from '../one/x.ts';
    import type { C } from '../two/x.ts';
    export { d } from '../three/x.ts';
    export type * from '../four/x.ts';
    import '../five/x.ts';
    const six = await import('../six/x.ts');
    import * as seven from 'seven';
    const text = 'no // comment'; /* import '../comment/x.ts' */
  `);
  const found = importsOf('zero/x.ts', code);
  assert.deepEqual(found.map(folderOf), ['one', 'two', 'three', 'four', 'five', 'six', null]);
  assert.match(code, /no \/\/ comment/);
  const types = importsOf('zero/x.ts', "import { type A, type B } from './a.ts'; import { type A, b } from './b.ts';");
  assert.deepEqual(
    types.map(found => found.typeOnly),
    [true, false],
  );
  assert.deepEqual(exportsOf('/** Told. */\nexport const a = 1;\nexport interface B {}\n'), [
    { name: 'a', isType: false, documented: true },
    { name: 'B', isType: true, documented: false },
  ]);
});

describe('folders', () => {
  test('every folder of src is in the table', () => {
    const unknown = [...new Set(sources.map(source => source.folder))].filter(folder => mayImport[folder] === undefined);
    assert.deepEqual(unknown, []);
  });

  for (const [folder, allowed] of Object.entries(mayImport)) {
    test(`${folder} imports ${allowed.length === 0 ? 'no other folder' : `only ${allowed.join(', ')}`}`, () => {
      const wrong: string[] = [];
      for (const source of sources.filter(one => one.folder === folder)) {
        for (const found of source.imports) {
          const target = folderOf(found);
          if (target === null || target === folder || allowed.includes(target)) continue;
          if (exceptions.has(`${source.path} → ${target}`)) continue;
          wrong.push(`src/${source.path} imports ${found.specifier}`);
        }
      }
      assert.deepEqual(wrong, []);
    });
  }

  for (const [folder, others] of Object.entries(typesOnly)) {
    test(`${folder} takes only types from ${others.join(', ')}`, () => {
      const wrong = sources
        .filter(source => source.folder === folder)
        .flatMap(source => source.imports)
        .filter(found => !found.typeOnly && others.includes(folderOf(found) ?? ''));
      assert.deepEqual(wrong, []);
    });
  }

  test('CONTRIBUTING.md tells the table', () => {
    const rows = readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8').matchAll(/^\| `([a-z]+)` \|[^|]+\| ([^|]+) \|$/gm);
    const told = Array.from(rows, ([, folder, others = '']) => {
      const names: readonly string[] = others.replace(/;.*/, '').match(/[a-z]{2,}/g) ?? [];
      return [folder, names.filter(name => name !== 'types').sort()];
    });
    // Everybody may import `text`; of folders that are to come nothing is told yet.
    const there = new Set(sources.map(({ folder }) => folder));
    const isTold = (name: string): boolean => name !== 'text' && there.has(name);
    const table = Object.entries(mayImport).filter(([folder]) => there.has(folder));
    assert.deepEqual(
      Object.fromEntries(told),
      Object.fromEntries(table.map(([folder, others]) => [folder, others.filter(isTold).sort()])),
    );
  });

  test('biome.json repeats the table for the editor', () => {
    interface Override {
      readonly includes: readonly string[];
      readonly linter: {
        readonly rules: {
          readonly style?: {
            readonly noRestrictedImports?: {
              readonly options?: { readonly patterns: readonly { readonly group: readonly string[] }[] };
            };
          };
        };
      };
    }
    const { overrides } = JSON.parse(readFileSync(join(root, 'biome.json'), 'utf8')) as { overrides: readonly Override[] };
    const folders = Object.keys(mayImport);
    const repeated = new Map<string, readonly string[]>();
    for (const { includes, linter } of overrides) {
      const folder = /^src\/([a-z]+)\/\*\*$/.exec(includes[0] ?? '')?.[1];
      const group = linter.rules.style?.noRestrictedImports?.options?.patterns[0]?.group ?? [];
      const refused = group.flatMap(pattern => /^\.\.\/([a-z]+)\/\*\*$/.exec(pattern)?.[1] ?? []);
      if (folder !== undefined && group.length > 0)
        repeated.set(folder, folders.filter(name => name !== folder && !refused.includes(name)).sort());
    }
    const table = Object.entries(mayImport).filter(([, allowed]) => allowed.length < folders.length - 1);
    for (const [folder, allowed] of table) assert.deepEqual(repeated.get(folder), [...allowed].sort(), folder);
  });

  test('nothing imports the daemon but the program that starts it', () => {
    const users = sources.filter(
      source => source.folder !== 'daemon' && source.imports.some(found => folderOf(found) === 'daemon'),
    );
    assert.deepEqual(
      users.map(source => source.path),
      ['cli/main.ts'],
    );
  });

  test('planes and engine stay strangers, also by way of other folders', () => {
    const reaches = (from: string, to: string, seen = new Set<string>()): boolean =>
      (mayImport[from] ?? []).some(next => next === to || (!seen.has(next) && reaches(next, to, seen.add(next))));
    assert.deepEqual(
      strangers.filter(([from, to]) => reaches(from, to)),
      [],
    );
  });

  test('no two folders import each other, also not by way of others (types do not count)', () => {
    const edges = new Map<string, Set<string>>();
    for (const source of sources) {
      for (const found of source.imports) {
        const target = folderOf(found);
        if (target === null || target === source.folder || found.typeOnly) continue;
        edges.set(source.folder, (edges.get(source.folder) ?? new Set()).add(target));
      }
    }
    const reaches = (from: string, to: string, seen = new Set<string>()): boolean =>
      [...(edges.get(from) ?? [])].some(next => next === to || (!seen.has(next) && reaches(next, to, seen.add(next))));
    assert.deepEqual(
      [...edges.keys()].filter(folder => reaches(folder, folder)),
      [],
    );
  });

  test('every exception to the table is still needed', () => {
    const stale = [...exceptions.keys()].filter(key => {
      const [path, target] = key.split(' → ');
      const source = sources.find(one => one.path === path);
      return source === undefined || !source.imports.some(found => folderOf(found) === target);
    });
    assert.deepEqual(stale, []);
  });
});

describe('packages and built-ins', () => {
  test('dockerode is known to one file of src/runtime', () => {
    const users = sources
      .filter(source => source.imports.some(found => packageOf(found.specifier) === 'dockerode'))
      .map(source => source.path);
    assert.deepEqual(
      users.filter(path => !/^runtime\/(docker\/)?dockerode-adapter\.ts$/.test(path)),
      [],
    );
  });

  test('jose is known to one file', () => {
    const users = sources.filter(source => source.imports.some(found => packageOf(found.specifier) === 'jose'));
    assert.deepEqual(
      users.map(({ path }) => path),
      ['proxy/token/signature.ts'],
    );
  });

  test('the data path uses neither node:http nor node:https nor fetch', () => {
    const pattern = /'node:https?'|\bfetch\(/;
    assert.deepEqual(
      uses(pattern, source => source.path.startsWith('proxy/http1/') || source.path.startsWith('proxy/tcp/')),
      [],
    );
  });

  test('built-ins are imported with node:', () => {
    const bare =
      /from '(?:fs|net|tls|http|https|path|crypto|events|stream|os|url|util|child_process|dns|dgram|zlib)(?:\/[a-z]+)?'/;
    assert.deepEqual(
      uses(bare, () => true),
      [],
    );
  });
});

describe('habits', () => {
  test('clocks, timers and randomness come from src/async', () => {
    const ambient =
      /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(|\bMath\.random\(|\bset(?:Timeout|Interval)\(|'node:timers(?:\/promises)?'/;
    // A socket's own idle timer (`socket.setTimeout(ms)`) is a property of the socket.
    const bareOnly = new RegExp(ambient.source.replace('\\bset(?:Timeout|Interval)', '(?<!\\.)\\bset(?:Timeout|Interval)'));
    assert.deepEqual(
      uses(bareOnly, source => source.folder !== 'async' && source.folder !== 'dashboard'),
      [],
    );
  });

  test('no file is over 450 lines', () => {
    assert.deepEqual(
      [
        ...sources.map(({ path, lines }) => ({ path: `src/${path}`, lines })),
        ...sourcesBelow('test').map(({ path, lines }) => ({ path: `test/${path}`, lines })),
      ].filter(({ lines }) => lines > 450),
      [],
    );
  });

  test('files are named in kebab-case, and none is called utils, helpers, common or index', () => {
    const wrong = sources.filter(({ path }) => {
      const names = path.replace(/\.tsx?$/, '').split('/');
      return names.some(
        name => !/^[a-z0-9]+(?:[-.][a-z0-9]+)*$/.test(name) || /^(utils?|helpers?|common|misc|index)$/.test(name),
      );
    });
    assert.deepEqual(
      wrong.map(({ path }) => path),
      [],
    );
  });

  test('nothing is exported as default', () => {
    assert.deepEqual(
      uses(/^export default\b|\bas default\b/m, () => true),
      [],
    );
  });

  test('every exported symbol says what it is', () => {
    const silent = sources.flatMap(({ path, exports }) =>
      exports.filter(({ documented }) => !documented).map(({ name }) => `src/${path}: ${name}`),
    );
    assert.deepEqual(silent, []);
  });

  test('no function, class or constant is exported that nobody else uses', () => {
    const users = [...sources, ...sourcesBelow('test'), ...sourcesBelow('bench')];
    const words = new Map(users.map(source => [source, new Set(source.code.match(/\w+/g))]));
    const unused = sources.flatMap(source =>
      source.exports
        // Errors are part of what a function promises, also where nobody tells them apart yet.
        .filter(({ name, isType }) => !isType && !name.endsWith('Error'))
        .filter(({ name }) => !users.some(other => other.code !== source.code && words.get(other)?.has(name)))
        .map(({ name }) => `src/${source.path}: ${name}`),
    );
    assert.deepEqual(unused, []);
  });

  test('every production package is used', () => {
    const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    const used = new Set(sources.flatMap(source => source.imports.map(found => packageOf(found.specifier))));
    // Its native file is loaded by path: see src/proxy/interception/libc.ts.
    used.add('koffi');
    assert.deepEqual(
      Object.keys(dependencies).filter(name => !used.has(name)),
      [],
    );
  });

  test('types are not silenced: no any, no @ts-ignore, no linter exception without a reason', () => {
    const any = sources
      .filter(({ code }) => /(?::|<|\bas)\s*any\b/.test(code.replace(/'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`/g, "''")))
      .map(({ path }) => path);
    const silenced = sources.filter(({ path }) =>
      /@ts-(ignore|nocheck)|biome-ignore [^\n]*: *$/m.test(readFileSync(join(root, 'src', path), 'utf8')),
    );
    assert.deepEqual([any, silenced.map(({ path }) => path)], [[], []]);
  });
});

describe('the sidecar', () => {
  test('its bundle holds only the data plane, dns-packet and what jose checks signatures with', async t => {
    const { sidecarBundle } = (await import(new URL('../scripts/build.mjs', import.meta.url).href)) as {
      sidecarBundle: import('esbuild').BuildOptions & { entryPoints: [string] };
    };
    if (!sources.some(({ path }) => `src/${path}` === sidecarBundle.entryPoints[0])) return t.skip('there is no sidecar yet');
    const { build } = await import('esbuild');
    const { metafile } = await build({ ...sidecarBundle, write: false });
    const allowed =
      /^(src\/(text|snapshot|identity|access|telemetry|async|pattern|proxy)\/|node_modules\/(dns-packet|@leichtgewicht\/ip-codec|jose)\/)/;
    const inputs = Object.keys(metafile?.inputs ?? {});
    assert.ok(inputs.length > 5, 'the bundle has hardly any input');
    assert.deepEqual(
      inputs.filter(input => !allowed.test(input)),
      [],
    );
  });
});
