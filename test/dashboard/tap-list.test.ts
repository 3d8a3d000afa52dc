import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TapLine } from '../../src/api/tap.ts';
import { TapList } from '../../src/dashboard/pages/requests/tap-list.ts';
import { anything, isNarrowed, tapPath } from '../../src/dashboard/pages/requests/tap-question.ts';
import { tappedExchange } from '../cli/tapped-exchange.ts';

const line = (target: string): TapLine => ({ ...tappedExchange, at: 'reviews-v1-1', target });
const targets = (list: TapList): readonly string[] =>
  list.entries.map(({ line }) => (line.kind === 'exchange' ? line.target : line.phase));

describe('the list of live requests', () => {
  test('has the newest first, and no more than it may', () => {
    const list = new TapList(3);
    list.add([line('/1'), line('/2')]);
    assert.deepEqual([targets(list), list.isFull], [['/2', '/1'], false]);
    list.add([line('/3'), line('/4'), line('/5')]);
    assert.deepEqual([targets(list), list.isFull], [['/5', '/4', '/3'], true]);
    assert.equal(new Set(list.entries.map(({ key }) => key)).size, 3);
  });

  test('counts what sidecars did not tell, and knows its end', () => {
    const list = new TapList(3);
    list.add([
      { kind: 'shed', at: 'a-1', count: 4 },
      { kind: 'shed', at: 'b-1', count: 5 },
      { kind: 'shed', at: 'a-1', count: 6 },
    ]);
    assert.deepEqual(
      [[...list.shed], list.shedCount, list.isSlow],
      [
        [
          ['a-1', 10],
          ['b-1', 5],
        ],
        15,
        false,
      ],
    );
    list.add([{ kind: 'end', reason: 'slow' }]);
    assert.equal(list.isSlow, true);
    list.begin();
    assert.equal(list.isSlow, false);
    list.clear();
    assert.deepEqual([list.entries, list.shedCount], [[], 0]);
  });

  test('marks where nobody watched: once, at the first that came after', () => {
    const list = new TapList(9);
    const gaps = (): readonly boolean[] => list.entries.map(({ afterGap }) => afterGap);
    list.begin();
    list.add([line('/1')]);
    list.begin();
    list.begin();
    list.add([line('/2'), line('/3')]);
    assert.deepEqual(gaps(), [false, true, false]);
  });
});

describe('what the page asks', () => {
  const asked = (query: string): string => tapPath(new URLSearchParams(query));
  test('is what stands in its address', () => {
    assert.equal(asked(''), '/v1/tap?at=destination');
    assert.equal(
      asked('from=web&to=reviews&path=/a%26b&method=GET&status=5xx,404&header=end-user%3A+jason&at=both&bodies=4096'),
      '/v1/tap?at=both&from=web&to=reviews&path=%2Fa%26b&method=GET&status=5xx%2C404&header=end-user%3A+jason&bodyBytes=4096',
    );
  });
  test('is no more than what the page knows', () => {
    assert.equal(asked('at=middle&bodies=99999999&forMs=5&colour=red&page=x'), '/v1/tap?at=destination');
  });
  test('is all where nothing is in the way', () => {
    const query = new URLSearchParams('at=both&status=5xx');
    assert.equal(isNarrowed(query), true);
    for (const [name, value] of Object.entries(anything)) query.set(name, value);
    assert.equal(isNarrowed(query), false);
  });
});
