/** Where nodes go, and how one moves over them. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { placesOf } from '../../src/dashboard/layout/places.ts';
import { layoutQuestion, placesOfNodes } from '../../src/dashboard/pages/map/map-groups.ts';
import type { MapEdge, MapNode } from '../../src/dashboard/pages/map/map-model.ts';
import { firstNode, neighbourOf } from '../../src/dashboard/pages/map/neighbour.ts';

const box = (id: string) => ({ id, width: 100, height: 30 });

describe('places', () => {
  test('go from callers to called, left to right', () => {
    const { places } = placesOf({
      nodes: [box('b'), box('a'), box('c')],
      edges: [
        { source: 'a', target: 'b' },
        { source: 'b', target: 'c' },
      ],
      ratio: 100,
    });
    const x = Object.fromEntries(places.map(place => [place.id, place.x]));
    assert.ok((x['a'] ?? 0) < (x['b'] ?? 0) && (x['b'] ?? 0) < (x['c'] ?? 0));
  });

  test('go downwards where they are larger that way', () => {
    const nodes = Array.from({ length: 6 }, (_, index) => box(`n${index}`));
    const edges = nodes.slice(1).map(({ id }, index) => ({ source: `n${index}`, target: id }));
    const { places } = placesOf({ nodes, edges, ratio: 1.2 });
    assert.equal(new Set(places.map(({ x }) => x)).size, 1);
    assert.deepEqual(
      places.map(({ y }) => y),
      places.map(({ y }) => y).sort((one, other) => one - other),
    );
  });

  test('of many in long columns are drawn apart, to the shape of the window', () => {
    const nodes = Array.from({ length: 80 }, (_, index) => box(`n${index}`));
    const edges = nodes
      .slice(40)
      .flatMap(({ id }, index) => [0, 1, 2, 3].map(each => ({ source: `n${(index + each) % 40}`, target: id })));
    const spread = (ratio: number): number => Math.max(...placesOf({ nodes, edges, ratio }).places.map(({ x }) => x));
    assert.ok(spread(1) > 2 * spread(0.01), `${spread(1)} against ${spread(0.01)}`);
  });

  test('are in rows beneath for nodes without calls, a call to itself is none', () => {
    const alone = Array.from({ length: 8 }, (_, index) => box(`alone${index}`));
    const { places } = placesOf({
      nodes: [box('a'), box('b'), ...alone],
      edges: [
        { source: 'a', target: 'b' },
        { source: 'alone0', target: 'alone0' },
      ],
      ratio: 100,
    });
    const rows = new Set(places.slice(2).map(({ y }) => y));
    assert.equal(rows.size, 2);
    assert.ok(Math.min(...rows) > Math.max(...places.slice(0, 2).map(({ y }) => y)));
  });

  test('do not overlap, in circles neither, and are the same for the same question', () => {
    const nodes = Array.from({ length: 30 }, (_, index) => box(`n${index}`));
    const edges = nodes.flatMap(({ id }, index) => [
      { source: id, target: `n${(index * 7 + 1) % 30}` },
      { source: id, target: `n${(index + 11) % 30}` },
    ]);
    const { places } = placesOf({ nodes, edges, ratio: 1 });
    for (const [index, one] of places.entries())
      for (const other of places.slice(index + 1))
        assert.ok(Math.abs(one.x - other.x) >= 100 || Math.abs(one.y - other.y) >= 30, `${one.id} over ${other.id}`);
    assert.deepEqual(placesOf({ nodes, edges, ratio: 1 }).places, places);
  });

  test('of nothing are none', () => assert.deepEqual(placesOf({ nodes: [], edges: [], ratio: 1 }).places, []));
});

describe('boxes', () => {
  const node = (id: string, inBox: string | null = null): MapNode => ({ id, box: inBox }) as MapNode;
  const edge = (source: string, target: string): MapEdge => ({ source, target }) as MapEdge;
  const nodes = [node('a'), node('b1', 'b'), node('b2', 'b')];

  test('are laid out as one, and calls within them not at all', () => {
    const question = layoutQuestion({ nodes, edges: [edge('a', 'b1'), edge('a', 'b2'), edge('b1', 'b2')] }, () => 80);
    assert.deepEqual(
      question.nodes.map(({ id }) => id),
      ['a', 'b'],
    );
    assert.ok((question.nodes[1]?.height ?? 0) > 2 * (question.nodes[0]?.height ?? 0));
    assert.deepEqual(question.edges, [{ source: 'a', target: 'b' }]);
  });

  const at = [
    { id: 'a', x: 0, y: 0 },
    { id: 'b', x: 200, y: 10 },
  ];

  test('hold their versions one under another where calls go to the right', () => {
    const places = placesOfNodes(nodes, { places: at, down: false }, () => 80);
    assert.deepEqual(places.get('a'), { x: 0, y: 0 });
    const [one, two] = [places.get('b1'), places.get('b2')];
    assert.deepEqual([one?.x, two?.x], [200, 200]);
    assert.ok((two?.y ?? 0) - (one?.y ?? 0) > 32);
  });

  test('hold them beside each other where calls go down', () => {
    const places = placesOfNodes(nodes, { places: at, down: true }, () => 80);
    const [one, two] = [places.get('b1'), places.get('b2')];
    assert.equal(one?.y, two?.y);
    assert.ok((two?.x ?? 0) - (one?.x ?? 0) > 80);
    assert.equal(((one?.x ?? 0) + (two?.x ?? 0)) / 2, 200);
  });
});

describe('arrow keys', () => {
  const places = new Map([
    ['a', { x: 0, y: 0 }],
    ['b', { x: 200, y: 0 }],
    ['c', { x: 100, y: 20 }],
    ['d', { x: 0, y: 100 }],
  ]);
  const joined = (one: string, other: string): boolean => one === 'a' && other === 'b';

  test('go rather to a neighbour than to what is nearer', () => {
    assert.equal(neighbourOf('a', 'ArrowRight', places, joined), 'b');
    assert.equal(
      neighbourOf('a', 'ArrowRight', places, () => false),
      'c',
    );
  });

  test('go where the arrow shows, or nowhere', () => {
    assert.equal(neighbourOf('a', 'ArrowDown', places, joined), 'd');
    assert.equal(neighbourOf('d', 'ArrowUp', places, joined), 'a');
    assert.equal(neighbourOf('b', 'ArrowLeft', places, joined), 'c');
    assert.equal(neighbourOf('a', 'ArrowLeft', places, joined), null);
    assert.equal(neighbourOf('nobody', 'ArrowLeft', places, joined), null);
  });

  test('begin at what nobody calls, at the top', () => {
    assert.equal(
      firstNode(places, id => id !== 'd'),
      'd',
    );
    assert.equal(
      firstNode(places, () => false),
      'a',
    );
    assert.equal(
      firstNode(new Map(), () => false),
      null,
    );
  });
});
