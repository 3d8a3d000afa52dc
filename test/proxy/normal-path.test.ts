/** One form of a path: the modes by table, `strict` against a reference of its own and the worst that a server could read. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { pathNormalizer, withoutNeedlessCodes } from '../../src/proxy/route/normal-path.ts';
import type { PathNormalization } from '../../src/snapshot/access-policy.ts';

const strict = pathNormalizer('strict');
const shared = new URL('../../../shared/cases/', import.meta.url);
const reference = new URL('tools/path-norm-reference.mjs', shared);
const istio = new URL('istio.json', shared);

describe('strict', () => {
  for (const [path, normal] of [
    ['/', '/'],
    ['/a/b', '/a/b'],
    ['/a//b/./c/../d', '/a/b/d'],
    ['/%61%2e', '/a.'],
    ['/a/..', '/'],
    ['/a/.', '/a/'],
    ['/a/b/', '/a/b/'],
    ['/a//', '/a/'],
    ['/a;v=1/b', '/a;v=1/b'],
    ['/..../a', '/..../a'],
    ['/%e2%82%ac', '/%E2%82%AC'],
    ['/100%25', '/100%25'],
    ['/a%20b', '/a%20b'],
    ['', null],
    ['a', null],
    ['/../../x', null],
    ['/a/../../x', null],
    ['/a%2fb', null],
    ['/a%5cb', null],
    ['/a\\b', null],
    ['/a%00', null],
    ['/a%0d', null],
    ['/a%7F', null],
    ['/%252e', null],
    ['/%2561dmin', null],
    ['/%25zz', '/%25zz'],
    ['/%25%32%65', null],
    ['/%25252e', null],
    ['/a/..;/b', null],
    ['/a/.%3b/b', null],
    ['/a/..%23', null],
    ['/%zz', null],
    ['/%', null],
    ['/%c0%ae', null],
    ['/%ed%a0%80', null],
    ['/a"b', null],
    ['/{a}', null],
    ['/a|b', null],
    ['/\u00e9', null],
  ] as const)
    test(`${path} is ${normal ?? 'refused'}`, () => assert.equal(strict(path), normal));

  test('what came out is not changed any more', () => {
    fc.assert(
      fc.property(hostilePath, path => {
        const once = strict(path);
        if (once !== null) assert.equal(strict(once), once);
      }),
      { numRuns: 20_000, seed: 3 },
    );
  });
});

describe('the modes of Istio', () => {
  for (const [path, base, merge, decode] of [
    ['/a/../b', '/b', '/b', '/b'],
    ['/a//b', '/a//b', '/a/b', '/a/b'],
    ['/a//../b', '/a/b', '/a/b', '/a/b'],
    ['/%61%2a', '/a%2a', '/a%2a', '/a%2a'],
    ['/a%2fb', '/a%2fb', '/a%2fb', '/a/b'],
    ['/a%5C..%5cb', '/a%5C..%5cb', '/a%5C..%5cb', '/b'],
    ['/a\\b', '/a/b', '/a/b', '/a/b'],
    ['/../../a', '/a', '/a', '/a'],
    ['/a/.', '/a/', '/a/', '/a/'],
    ['/a/..', '/', '/', '/'],
    ['/a%00', null, null, null],
  ] as const)
    test(path, () => {
      assert.equal(pathNormalizer('none')(path), path);
      assert.deepEqual(
        [pathNormalizer('base')(path), pathNormalizer('merge-slashes')(path), pathNormalizer('decode-and-merge-slashes')(path)],
        [base, merge, decode],
      );
    });

  test('as in its own tests', { skip: !existsSync(istio) && 'the cases are not here' }, () => {
    const file = JSON.parse(readFileSync(istio, 'utf8')) as IstioCases;
    const cases = file.cases.filter(({ group }) => group === 'normalization');
    assert.equal(cases.length, 186);
    const wrong: unknown[] = [];
    for (const { config, request, expect } of cases) {
      const settings =
        file.configs[config]?.find(({ kind }) => kind === 'MeshConfig')?.spec.pathNormalization.normalization ?? '';
      const mode = settings.toLowerCase().replaceAll('_', '-') as PathNormalization;
      // What stands behind a `#` is no part of a path; such a request is refused before.
      if (request.path.includes('#')) continue;
      const found = pathNormalizer(mode)(request.path);
      if (found !== (expect.upstream?.path ?? null)) wrong.push([mode, request.path, found, expect]);
    }
    assert.deepEqual(wrong, []);
  });
});

interface IstioCases {
  readonly configs: Readonly<
    Record<
      string,
      readonly { readonly kind: string; readonly spec: { readonly pathNormalization: { readonly normalization: string } } }[]
    >
  >;
  readonly cases: readonly {
    readonly group: string;
    readonly config: string;
    readonly request: { readonly path: string };
    readonly expect: { readonly upstream?: { readonly path: string } };
  }[];
}

/** Paths made of what has fooled servers before. */
const hostilePath = fc
  .array(
    fc.oneof(
      {
        weight: 6,
        arbitrary: fc.constantFrom('/', '//', '.', '..', '/..', '/.', '/../', 'public', '/public/', 'admin', '/admin', 'a', 'b'),
      },
      {
        weight: 4,
        arbitrary: fc.constantFrom(
          '%2e',
          '%2E',
          '%2f',
          '%5c',
          '\\',
          '%25',
          '%252e',
          '%252f',
          '%00',
          '%0a',
          '%7f',
          '%3b',
          ';',
          '%23',
          '%3f',
        ),
      },
      {
        weight: 3,
        arbitrary: fc.constantFrom(
          '%61',
          '%2',
          '%',
          '%zz',
          '%c0%ae',
          '%c0%af',
          '%e2%82%ac',
          '%ef%bc%8f',
          '%ff',
          '%u002e',
          ';a=b',
          '..;',
        ),
      },
      { weight: 2, arbitrary: fc.integer({ min: 0, max: 255 }).map(code => `%${code.toString(16).padStart(2, '0')}`) },
      { weight: 1, arbitrary: fc.integer({ min: 33, max: 255 }).map(code => String.fromCharCode(code)) },
    ),
    { maxLength: 12 },
  )
  .map(parts => `/${parts.join('')}`.replaceAll('?', ''));

const allowedPrefix = '/public/';

describe('strict against the reference', { skip: !existsSync(reference) && 'the reference is not here' }, async () => {
  if (!existsSync(reference)) return;
  const { norm, worst } = (await import(reference.href)) as {
    norm: (path: string) => { readonly path?: string };
    worst: (path: string) => string;
  };
  const numRuns = Number(process.env['MESH_PATH_RUNS'] ?? 50_000);

  test(`${numRuns} hostile paths: as it says, and whoever reads the worst stays below what was allowed`, () => {
    let passed = 0;
    fc.assert(
      fc.property(fc.boolean(), hostilePath, (below, tail) => {
        const path = below ? `/public${tail}` : tail;
        const found = strict(path);
        // Stricter in one thing: who decodes twice reads `/%2561dmin` as `/admin`, which a rule may deny.
        const wanted = norm(path).path ?? null;
        if (found === null && wanted !== null) assert.match(withoutNeedlessCodes(path), /%25[0-9A-F]{2}/i, path);
        else assert.equal(found, wanted, path);
        if (found?.startsWith(allowedPrefix)) {
          passed++;
          assert.ok(
            worst(found).startsWith(allowedPrefix) || `${worst(found)}/` === allowedPrefix,
            `${path} → ${found} → ${worst(found)}`,
          );
        }
      }),
      { numRuns, seed: numRuns },
    );
    assert.ok(passed > numRuns / 100, `only ${passed} paths came through: nothing was tried`);
  });
});
