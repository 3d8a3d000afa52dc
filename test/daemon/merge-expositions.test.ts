import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mergeExpositions } from '../../src/daemon/merge-expositions.ts';

test('families stand once, samples carry their workload', () => {
  const text = '# HELP hits_total Hits\n# TYPE hits_total counter\nhits_total{code="200"} 3\nhits_total 1\n';
  const merged = mergeExpositions(
    new Map([
      ['a-1', text],
      ['b-1', text],
    ]),
  );
  assert.equal(
    merged,
    [
      '# HELP hits_total Hits',
      '# TYPE hits_total counter',
      'hits_total{workload="a-1",code="200"} 3',
      'hits_total{workload="a-1"} 1',
      'hits_total{workload="b-1",code="200"} 3',
      'hits_total{workload="b-1"} 1',
      '',
    ].join('\n'),
  );
});

test('the series of a histogram stay with their family', () => {
  const text = '# TYPE d histogram\nd_bucket{le="1"} 1\nd_sum 1\nd_count 1\n';
  const lines = mergeExpositions(
    new Map([
      ['a-1', text],
      ['b-1', text],
    ]),
  )
    .trimEnd()
    .split('\n');
  assert.equal(lines.filter(line => line.startsWith('#')).length, 1);
  assert.equal(lines.length, 7);
});

test('nothing in, nothing out', () => {
  assert.equal(mergeExpositions(new Map()), '');
});
