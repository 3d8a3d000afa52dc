import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { AccessCellStatus, AccessMatrixDocument } from '../../src/api/access.ts';
import type { EdgeStats, TrafficEnd } from '../../src/api/stats.ts';
import {
  accessGrid,
  cellKey,
  cellText,
  chosenPart,
  countMarks,
  type GridCell,
  stepBy,
  withTraffic,
} from '../../src/dashboard/pages/security/access-grid.ts';

type Verdict = AccessCellStatus['verdict'];

const door = (from: string | null, to: string, verdict: Verdict, port = 80, rules: readonly string[] = []): AccessCellStatus => ({
  from,
  to,
  port,
  verdict,
  rules,
});

function matrix(cells: readonly AccessCellStatus[]): AccessMatrixDocument {
  return {
    apiVersion: 1,
    kind: 'AccessMatrix',
    callers: [...new Set(cells.map(({ from }) => from))],
    services: [...new Set(cells.map(({ to }) => to))],
    cells,
  };
}

const end = (
  name: string,
  version = '',
  kind: TrafficEnd['kind'] = 'service',
  principal: string | null = `spiffe://m/${name}`,
) => ({
  name,
  version,
  kind,
  principal,
});
const edge = (source: TrafficEnd, destination: TrafficEnd, requests: number, denied = 0): EdgeStats =>
  ({ source, destination, protocol: 'http', secured: true, total: { requests, denied } }) as EdgeStats;

const grid = withTraffic(
  accessGrid(
    matrix([
      door('web', 'reviews', 'allowed'),
      door('web', 'ratings', 'allowed'),
      door('details', 'ratings', 'denied'),
      door('details', 'reviews', 'denied'),
      door('reviews', 'ratings', 'depends'),
      door(null, 'ratings', 'denied'),
      door('db', 'ratings', 'allowed', 80),
      door('db', 'ratings', 'denied', 81),
    ]),
  ),
  [
    edge(end('web', '', 'gateway'), end('reviews', 'v1'), 5),
    edge(end('web', '', 'gateway'), end('reviews', 'v2'), 4, 1),
    edge(end('details'), end('ratings'), 3, 3),
    edge(end('unknown', '', 'unknown', null), end('ratings'), 2, 2),
    edge(end('stranger', '', 'external', 'spiffe://other/x'), end('ratings'), 9),
  ],
);
const cell = (from: string | null, to: string): GridCell => {
  const found = grid.cells.get(cellKey(from, to));
  assert.ok(found);
  return found;
};

describe('a cell', () => {
  const marks: readonly (readonly [from: string | null, to: string, mark: string, text: string])[] = [
    ['web', 'reviews', 'used', 'allowed, 8 calls let in, 1 call refused'],
    ['web', 'ratings', 'unused', 'allowed, never used'],
    ['details', 'ratings', 'tried', 'refused, 3 calls refused'],
    ['details', 'reviews', 'closed', 'refused'],
    ['reviews', 'ratings', 'depends', 'depends on the request'],
    [null, 'ratings', 'tried', 'refused, 2 calls refused'],
    ['db', 'ratings', 'depends', 'depends on the port or the request'],
  ];
  for (const [from, to, mark, text] of marks)
    test(`${from} → ${to} is ${mark}: ${text}`, () => {
      assert.equal(cell(from, to).mark, mark);
      assert.equal(cellText(cell(from, to)), text);
    });

  test('that is closed now and was open before says so', () => {
    const { cells } = withTraffic(accessGrid(matrix([door('a', 'b', 'denied')])), [edge(end('a'), end('b'), 4)]);
    assert.equal(cellText([...cells.values()][0] as GridCell), 'refused, 4 calls let in before');
  });

  test('that is busy says its number as it shows it', () => {
    assert.equal(cellText({ ...cell('web', 'reviews'), calls: 15_059, refused: 0 }), 'allowed, 15.1 k calls let in');
  });

  test('of every mark is counted', () =>
    assert.deepEqual(countMarks(grid), { used: 1, unused: 1, tried: 2, depends: 2, closed: 1 }));
});

test('a mesh where everybody may call everybody has no rules', () => {
  assert.equal(grid.ruled, true);
  assert.equal(accessGrid(matrix([door('a', 'b', 'allowed')])).ruled, false);
  assert.equal(accessGrid(matrix([door('a', 'b', 'allowed', 80, ['front'])])).ruled, true);
});

describe('the part that is shown', () => {
  const all = { callers: '', services: '', mark: '', hideEmpty: false } as const;

  test('is all of it, or what the names have in them', () => {
    assert.deepEqual(chosenPart(grid, all), { callers: grid.callers, services: grid.services });
    assert.deepEqual(chosenPart(grid, { ...all, callers: 'DETA', services: 'rat' }), {
      callers: ['details'],
      services: ['ratings'],
    });
    assert.deepEqual(chosenPart(grid, { ...all, callers: 'no ident' }).callers, [null]);
  });

  test('is the rows and columns that have such a cell', () => {
    assert.deepEqual(chosenPart(grid, { ...all, mark: 'used' }), { callers: ['web'], services: ['reviews'] });
    assert.deepEqual(chosenPart(grid, { ...all, mark: 'tried' }), { callers: ['details', null], services: ['ratings'] });
  });

  test('leaves out what is closed to all', () => {
    const closed = accessGrid(matrix([door('a', 'b', 'denied'), door('c', 'd', 'allowed')]));
    assert.deepEqual(chosenPart(closed, { ...all, hideEmpty: true }), { callers: ['c'], services: ['d'] });
  });
});

test('keys walk the grid and stop at its edges', () => {
  const size = [3, 4] as const;
  assert.deepEqual(stepBy('ArrowDown', false, [0, 1], size), [1, 1]);
  assert.deepEqual(stepBy('ArrowUp', false, [0, 1], size), [0, 1]);
  assert.deepEqual(stepBy('ArrowRight', false, [1, 3], size), [1, 3]);
  assert.deepEqual(stepBy('PageDown', false, [0, 1], size), [2, 1]);
  assert.deepEqual(stepBy('Home', false, [1, 2], size), [1, 0]);
  assert.deepEqual(stepBy('Home', true, [1, 2], size), [0, 0]);
  assert.deepEqual(stepBy('End', true, [1, 2], size), [2, 3]);
  assert.equal(stepBy('a', false, [1, 2], size), null);
});
