import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pruneSidecarImages } from '../../src/runtime/prune-images.ts';
import { FakeDocker } from '../support/fake-docker.ts';

const hourMs = 3_600_000;
const labels = { 'dev.localmesh.image': 'sidecar' };

test('older sidecar images go, unless they are used, young, needed or somebody else’s', async () => {
  const docker = new FakeDocker();
  const nowMs = 1000 * hourMs;
  const old = { labels, createdAtMs: nowMs - hourMs };
  docker.addImage('localmesh-sidecar:new', old);
  docker.addImage('localmesh-sidecar:old', old);
  docker.addImage('localmesh-sidecar:older', old);
  docker.addImage('localmesh-sidecar:used', old);
  docker.addImage('localmesh-sidecar:young', { labels, createdAtMs: nowMs - 1000 });
  docker.addImage('localmesh-sidecar:unlabelled', { createdAtMs: 0 });
  docker.addImage('built-upon-ours:1', old);
  await docker.createContainer('other-project-web-1-sidecar', {
    Image: 'localmesh-sidecar:used',
    Labels: {},
    HostConfig: { NetworkMode: 'none' },
  });
  assert.equal(await pruneSidecarImages(docker, 'localmesh-sidecar:new', nowMs), 2);
  assert.deepEqual(
    [...docker.images.keys()],
    [
      'localmesh-sidecar:new',
      'localmesh-sidecar:used',
      'localmesh-sidecar:young',
      'localmesh-sidecar:unlabelled',
      'built-upon-ours:1',
    ],
  );
});
