import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accessValue } from '../../src/telemetry/access-log.ts';
import { accessFields, compileFilter, isFilterProblem, parseFilter } from '../../src/text/access-filter.ts';
import { accessEntry } from '../telemetry/access-entry.ts';

const entry = { ...accessEntry, status: 503, durationMs: 750, method: 'POST', path: '/api/cart?id=7', flag: 'UF' } as const;

function holds(source: string, of = entry as typeof accessEntry): boolean {
  const filter = parseFilter(source);
  assert.ok(!isFilterProblem(filter), JSON.stringify(filter));
  return compileFilter(filter, accessValue)(of);
}

for (const [source, expected] of [
  ['status >= 400', true],
  ['status>=400', true],
  ['status < 503', false],
  ['status <= 503', true],
  ['status == 503', true],
  ['status != 503', false],
  ['duration > 500ms', true],
  ['duration > 1s', false],
  ['duration < 1m', true],
  ['method == POST and path startsWith /api', true],
  ['method == GET or status > 500', true],
  ['method == GET or status > 500 and caller == nobody', false],
  ['(method == GET or status > 500) and caller == storefront', true],
  ['not status == 503', false],
  ['not not status == 503', true],
  ['not (method == GET) and called == reviews', true],
  ['path endsWith "id=7"', true],
  ["path contains 'cart?id='", true],
  ['path contains nothing', false],
  ['flag != -', true],
  ['flag == UF', true],
  ['host == reviews:9080', true],
  ['received == 1 and sent == 2', true],
  ['protocol == HTTP/1.1', true],
  ['route == default and details == via_upstream and agent startsWith curl and id == id', true],
] as const)
  test(`filter: ${source}`, () => assert.equal(holds(source), expected));

test('`-` is what a line shows where nothing is known', () => {
  assert.equal(holds('flag == - and route != -', accessEntry), true);
  assert.equal(holds('caller == -', { ...accessEntry, caller: '' }), true);
  assert.equal(holds('path == "-"', { ...accessEntry, path: '-' }), true);
});

for (const [source, at, problem] of [
  ['', 0, 'a test is missing'],
  ['status', 6, '`the end`'.slice(1, -1)],
  ['status >', 8, 'lacks its value'],
  ['status > 400 and', 16, 'a test is missing'],
  ['  colour == red', 2, '`colour` is not a field'],
  ['toString == x', 0, '`toString` is not a field'],
  ['status > 400 method == GET', 13, '`method` does not belong here'],
  ['(status > 400', 13, 'not closed'],
  ['status > 400)', 12, '`)` does not belong here'],
  ['status startsWith 4', 7, '`startsWith` does not compare `status`'],
  ['path < /a', 5, '`<` does not compare `path`'],
  ['duration > 500', 11, '`500` is not a duration'],
  ['status > high', 9, '`high` is not a number'],
  ['status == 5e3', 10, '`5e3` is not a number'],
  ["path == 'open", 8, 'does not belong here'],
  ['path = /a', 5, 'does not belong here'],
  [`${'not '.repeat(40)}status > 1`, 128, 'nested too deep'],
  [`${'('.repeat(40)}status > 1`, 32, 'nested too deep'],
  ['x'.repeat(1_001), 0, '1001 characters long'],
] as const)
  test(`filter, wrong: ${source.slice(0, 40)}`, () => {
    const found = parseFilter(source);
    assert.ok(isFilterProblem(found));
    assert.ok(found.problem.includes(problem), found.problem);
    assert.equal(found.at, at);
    assert.notEqual(found.hint, '');
  });

test('every field is read from an entry', () => {
  for (const [field, kind] of Object.entries(accessFields))
    assert.equal(
      typeof accessValue(accessEntry, field as keyof typeof accessFields),
      kind === 'text' ? 'string' : 'number',
      field,
    );
});
