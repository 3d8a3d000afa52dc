import assert from 'node:assert/strict';
import { test } from 'node:test';
import { counterText, histogramText, labels } from '../../src/telemetry/exposition.ts';
import { Histogram } from '../../src/telemetry/histogram.ts';
import { packExposition, unpackSamples } from '../../src/telemetry/packed-exposition.ts';

test('families come out as they went in, by themselves', () => {
  const histogram = new Histogram();
  histogram.record(3);
  const parts = [
    counterText('one_total', 'With ä and # TYPE in its help.', [['a="# HELP x"', 1]]),
    histogramText('two', 'A histogram.', [['a="\\n"', histogram]]),
    counterText('none_total', 'Without samples.', []),
    '# TYPE bare gauge\nbare 1\n',
  ];
  const packed = packExposition(parts.join(''));
  const unpacked = packed.map(({ head, samples }) => head + unpackSamples(Buffer.from(samples, 'base64')));
  assert.deepEqual(unpacked, parts);
  assert.equal(packed[1]?.head, '# HELP two A histogram.\n# TYPE two histogram\n');
});

test('a thousand series take a few kilobytes', () => {
  const edges = Array.from({ length: 1_000 }, (_, i) =>
    labels({ source_principal: 'spiffe://shop.local/ns/default/sa/reviews', i: String(i) }),
  );
  const text = counterText(
    'hits_total',
    'Hits.',
    edges.map(each => [each, 12]),
  );
  const [family] = packExposition(text);
  assert.ok((family?.samples.length ?? 0) < text.length / 8, `${family?.samples.length} of ${text.length}`);
});
