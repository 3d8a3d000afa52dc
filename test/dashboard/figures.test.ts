import assert from 'node:assert/strict';
import { test } from 'node:test';
import { age, bytes, count, duration, percent, rate } from '../../src/dashboard/view/figures.ts';

test('numbers are short and keep what matters', () => {
  assert.deepEqual([0, 999, 9_999, 12_345, 3_400_000].map(count), ['0', '999', '9999', '12.3 k', '3.4 M']);
  assert.deepEqual([0, 0.017, 0.44, 9.96, 12.3, 12_345].map(rate), ['0', '0.02', '0.4', '10.0', '12', '12.3 k']);
  assert.deepEqual([0, 1_023, 1_536, 5 * 2 ** 20].map(bytes), ['0 B', '1023 B', '1.5 KiB', '5.0 MiB']);
  assert.deepEqual([null, 0, 0.82, 12.4, 999.6, 1_500, 90_000].map(duration), [
    '–',
    '0 ms',
    '0.8 ms',
    '12 ms',
    '1000 ms',
    '1.5 s',
    '1 min 30 s',
  ]);
  assert.deepEqual([0, 12_400, 190_000, 3_600_000, 187_200_000].map(age), ['0 s', '12 s', '3 min 10 s', '1 h', '2 d 4 h']);
});

test('one failure among many does not read as none', () => {
  assert.equal(percent(null), '–');
  assert.equal(percent(1), '100 %');
  assert.equal(percent(0.99999), '>99.9 %');
  assert.equal(percent(0.5), '50 %');
  assert.equal(percent(0.123), '12.3 %');
});
