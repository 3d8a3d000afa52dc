import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSample } from '../../src/telemetry/sample-line.ts';

test('a label that stands twice is found, also among lines of the same labels', () => {
  const good = 'up{a="1",b="x\\"a="} 1';
  assert.deepEqual(readSample(good), { name: 'up', labels: 'a="1",b="x\\"a="', value: '1' });
  assert.deepEqual(readSample(good.replace('1', '2'))?.labels, 'a="2",b="x\\"a="');
  assert.equal(readSample('up{a="1",b="2",a="3"} 1'), null);
  assert.equal(readSample(good, ['b']), null);
  assert.notEqual(readSample(good), null);
  assert.equal(readSample('up{__name__="x"} 1'), null);
});

test('more kinds of lines than are kept in mind are read the same', () => {
  for (let round = 0; round < 2; round++)
    for (let n = 0; n < 1_000; n++) {
      assert.notEqual(readSample(`up{l${n}="1",m="2"} 1`), null);
      assert.equal(readSample(`up{l${n}="1",l${n}="2"} 1`), null);
    }
});
