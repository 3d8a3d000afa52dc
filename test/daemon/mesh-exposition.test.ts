import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateRawSync } from 'node:zlib';
import { MeshExposition } from '../../src/daemon/mesh-exposition.ts';
import { packExposition } from '../../src/telemetry/packed-exposition.ts';

function merged(texts: Readonly<Record<string, string>>): string {
  const exposition = new MeshExposition();
  for (const [workload, text] of Object.entries(texts)) exposition.add(workload, packExposition(text));
  return [...exposition.text()].join('');
}

test('families stand once, samples carry their workload', () => {
  const text = '# HELP hits_total Hits\n# TYPE hits_total counter\nhits_total{code="200"} 3\nhits_total 1\n';
  assert.equal(
    merged({ 'a-1': text, 'b-1': text }),
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

test('the series of a histogram stay with their family, in whichever order workloads tell families', () => {
  const one = '# TYPE d histogram\nd_bucket{le="1"} 1\nd_sum 1\nd_count 1\n# TYPE e gauge\ne 1\n';
  const other = '# TYPE e gauge\ne 2\n# TYPE d histogram\nd_bucket{le="1"} 2\nd_sum 2\nd_count 2\n';
  const names = merged({ 'a-1': one, 'b-1': other })
    .trimEnd()
    .split('\n')
    .map(line => /^# TYPE \w+|^\w+/.exec(line)?.[0]);
  assert.deepEqual(names, ['# TYPE d', 'd_bucket', 'd_sum', 'd_count', 'd_bucket', 'd_sum', 'd_count', '# TYPE e', 'e', 'e']);
});

test('a family that sidecars of two versions describe in two ways is described once', () => {
  const text = merged({ 'a-1': '# HELP h Old\n# TYPE h gauge\nh 1\n', 'b-1': '# HELP h New\n# TYPE h counter\nh 2\n' });
  assert.equal(text, '# HELP h Old\n# TYPE h gauge\nh{workload="a-1"} 1\nh{workload="b-1"} 2\n');
});

test('what is no metric is left out, and nobody else’s lines suffer', () => {
  const broken = '# TYPE h gauge\nh{a="1"} 1\nwhat is this\n}{\nh{a="x\nh{a="3"} 3\n';
  assert.equal(
    merged({ 'a-1': broken, 'b-1': '# TYPE h gauge\nh 2\n' }),
    '# TYPE h gauge\nh{workload="a-1",a="1"} 1\nh{workload="a-1",a="3"} 3\nh{workload="b-1"} 2\n',
  );
  assert.equal(merged({ 'a-1': 'no head 1\n' }), '');
});

test('what was not packed as it should be costs the one who sent it', () => {
  const exposition = new MeshExposition();
  exposition.add('a-1', [{ head: '# TYPE h gauge\n', samples: 'no deflate' }]);
  exposition.add('a-1', [{ head: 'no head', samples: '' }]);
  exposition.add('b-1', packExposition('# TYPE h gauge\nh 2\n'));
  assert.equal([...exposition.text()].join(''), '# TYPE h gauge\nh{workload="b-1"} 2\n');
});

test('a line that Prometheus would refuse does not take those of the others with it', () => {
  const lines = ['h{workload="b-1"} 1', 'h{a="1",a="2"} 1', 'h{__name__="x"} 1', 'h 1x', 'h 1 1.5', 'h{a="\\', 'up 1', 'h_x 1'];
  const hostile = `# TYPE h wheel\n# HELP h Hits\n${lines.join('\n')}\n`;
  assert.equal(
    merged({ 'a-1': hostile, 'b-1': '# TYPE h gauge\nh 2\n' }),
    '# HELP h Hits\n# TYPE h gauge\nh{workload="b-1"} 2\n',
  );
});

test('what is small on the way and large at the end costs the one who sent it', () => {
  const exposition = new MeshExposition();
  const samples = deflateRawSync(Buffer.alloc(48 * 1024 * 1024, 'x')).toString('base64');
  const bombs = Array.from({ length: 200 }, (_, i) => ({ head: `# TYPE x${i} gauge\n`, samples }));
  exposition.add('a-1', [...bombs, ...packExposition('# TYPE h gauge\nh 1\n')]);
  exposition.add('b-1', packExposition('# TYPE h gauge\nh 2\n'));
  assert.match([...exposition.text()].join(''), /\n# TYPE h gauge\nh\{workload="b-1"\} 2\n$/);
});

test('large families come out as they went in', () => {
  const lines = Array.from({ length: 5_000 }, (_, i) => `h{path="/ä/${i}",code="200"} ${i}`);
  const text = merged({ 'a-1': `# TYPE h gauge\n${lines.join('\n')}\n` });
  assert.equal(text, `# TYPE h gauge\n${lines.map(line => line.replace('{', '{workload="a-1",')).join('\n')}\n`);
});

test('nothing in, nothing out', () => {
  assert.equal(merged({}), '');
});
