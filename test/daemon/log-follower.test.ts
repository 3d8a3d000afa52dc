import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readLogs } from '../../src/daemon/log-follower.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import { meshConfig, oneContainer } from '../runtime/configs.ts';
import { bundleFolder, testRuntime, up } from '../runtime/test-runtime.ts';
import { eventually } from '../support/eventually.ts';
import { FakeDocker } from '../support/fake-docker.ts';

let bundle: Awaited<ReturnType<typeof bundleFolder>>;
before(async () => {
  bundle = await bundleFolder();
});
after(() => bundle.remove());

const says = (name: string) =>
  oneContainer(name, 'a:1', null, { command: ['/bin/busybox', 'sh', '-c', `echo ${name} lives; sleep 99`] });

async function started(): Promise<{ docker: FakeDocker; runtime: Runtime }> {
  const docker = new FakeDocker();
  for (const image of ['node:24', 'a:1']) docker.addImage(image);
  const sidecar = { bundleDir: bundle.path, nodeBinary: null, baseImage: 'node:24', uid: 1337, controlPort: 15012 };
  const runtime = testRuntime(docker, 'shop', bundle.path, { sidecar });
  await up(runtime, meshConfig([says('a'), says('b')]));
  return { docker, runtime };
}

function follow(runtime: Runtime, names: readonly string[], signal: AbortSignal): { lines: string[]; over: Promise<void> } {
  const lines: string[] = [];
  const onLine = ({ workload, text }: { workload: string; text: string }): void => void lines.push(`${workload} ${text}`);
  const over = readLogs(
    runtime,
    { names, container: 'app', follow: true, tail: null, since: null, timestamps: false, signal, onLine },
    '',
  );
  return { lines, over };
}

test('a service that starts again is followed in its next life', async () => {
  const { docker, runtime } = await started();
  const ending = new AbortController();
  const { lines, over } = follow(runtime, ['a'], ending.signal);
  await eventually(() => assert.deepEqual(lines, ['a-1 a lives']));
  docker.endContainer('shop-a-1', 1);
  const [pod] = await runtime.observe();
  await docker.startContainer(pod?.app?.id ?? '');
  await eventually(() => assert.ok(lines.length >= 2));
  assert.ok(lines.every(line => line === 'a-1 a lives'));
  ending.abort();
  await over;
});

test('following ends when nothing is left', async () => {
  const { runtime } = await started();
  const { lines, over } = follow(runtime, [], new AbortController().signal);
  await eventually(() => assert.deepEqual(lines.sort(), ['a-1 a lives', 'b-1 b lives']));
  await runtime.down({ volumes: false, onProgress: () => undefined });
  await over;
});
