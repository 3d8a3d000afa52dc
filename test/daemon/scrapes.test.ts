import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Scrapes } from '../../src/daemon/scrapes.ts';
import { packExposition } from '../../src/telemetry/packed-exposition.ts';

const own = async (): Promise<string> => '# TYPE own gauge\nown 1\n';

test('a sidecar that cannot be asked is left out, and told', async () => {
  const expositionOf = async (workload: string): Promise<unknown> => {
    if (workload === 'dead-1') throw new Error('not connected');
    if (workload === 'odd-1') return [{ head: 1 }];
    return packExposition('# TYPE h gauge\nh 1\n');
  };
  const answer = await text(new Scrapes().read(own, ['a-1', 'dead-1', 'odd-1'], expositionOf));
  assert.match(answer, /^# TYPE own gauge\nown 1\n/);
  const samples = answer.split('\n').filter(line => line !== '' && !line.startsWith('#'));
  assert.deepEqual(samples.sort(), [
    'h{workload="a-1"} 1',
    'mesh_sidecar_up{workload="a-1"} 1',
    'mesh_sidecar_up{workload="dead-1"} 0',
    'mesh_sidecar_up{workload="odd-1"} 0',
    'own 1',
  ]);
});

test('few sidecars are asked at once, and scrapes that come together ask once', async () => {
  let asked = 0;
  let now = 0;
  let most = 0;
  const workloads = Array.from({ length: 50 }, (_, i) => `w-${i}`);
  const expositionOf = async (): Promise<unknown> => {
    asked++;
    most = Math.max(most, ++now);
    await setImmediate();
    now--;
    return packExposition('# TYPE h gauge\nh 1\n');
  };
  const scrapes = new Scrapes();
  const answers = await Promise.all([1, 2, 3].map(() => text(scrapes.read(own, workloads, expositionOf))));
  assert.equal(asked, 50);
  assert.ok(most <= 4, `${most} at once`);
  assert.equal(new Set(answers).size, 1);
  await text(scrapes.read(own, workloads, expositionOf));
  assert.equal(asked, 100);
});

test('more scrapes than can be served are refused whole; those that ended or went away make room', async () => {
  const scrapes = new Scrapes();
  const begin = async (): Promise<AsyncGenerator<string>> => {
    const reader = scrapes.read(own, ['a-1'], async () => packExposition('# TYPE h gauge\nh 1\n'));
    await reader.next();
    return reader;
  };
  const readers = await Promise.all(Array.from({ length: 8 }, begin));
  await assert.rejects(begin(), { code: 'too-many-scrapes' });
  await readers[0]?.return(undefined);
  await begin();
  await assert.rejects(begin(), { code: 'too-many-scrapes' });
});

test('sidecars that hang make nobody wait in line a second time', async () => {
  const names = Array.from({ length: 20 }, (_, i) => `hung-${i}`);
  const waiting: (() => void)[] = [];
  const expositionOf = (workload: string): Promise<unknown> =>
    workload === 'a-1'
      ? Promise.resolve(packExposition('# TYPE h gauge\nh 1\n'))
      : new Promise((_, reject) => waiting.push(() => reject(new Error('timeout'))));
  const scrapes = new Scrapes();
  const most: number[] = [];
  for (let round = 0; round < 2; round++) {
    const answer = text(scrapes.read(own, [...names, 'a-1'], expositionOf));
    let asked = 0;
    most.push(0);
    while (asked < names.length) {
      await setImmediate();
      most[round] = Math.max(most[round] ?? 0, waiting.length);
      asked += waiting.length;
      for (const end of waiting.splice(0)) end();
    }
    assert.match(await answer, /mesh_sidecar_up\{workload="a-1"\} 1/);
  }
  assert.deepEqual(most, [4, 20]);
});
