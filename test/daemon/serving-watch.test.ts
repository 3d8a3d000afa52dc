import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { ServingWatch } from '../../src/daemon/serving-watch.ts';
import type { ObservedContainer, ObservedPod } from '../../src/runtime/runtime.ts';

function container(state: ObservedContainer['state'], health: ObservedContainer['health']): ObservedContainer {
  return { id: 'i', name: 'n', image: 'm', state, health, exitCode: null, oomKilled: false, startedAt: '', configHash: '' };
}

function pod(
  workload: string,
  state: ObservedContainer['state'] = 'running',
  health: ObservedContainer['health'] = 'none',
): ObservedPod {
  const app = container(state, health);
  return {
    workload,
    service: workload,
    version: '',
    kind: 'service',
    replica: 1,
    pause: app,
    sidecar: app,
    app,
    address: '172.18.0.2',
    controlPort: 1,
  };
}

/** A control plane whose facts the test owns. */
function facts() {
  const listening = new Map<string, PromiseWithResolvers<void>>();
  const settled = Promise.withResolvers<number>();
  const said: string[] = [];
  const ending = new AbortController();
  const watch = new ServingWatch({
    control: {
      whenAppListening: (workload, signal) => {
        const fact = listening.get(workload) ?? Promise.withResolvers<void>();
        listening.set(workload, fact);
        const gone = Promise.withResolvers<void>();
        signal.addEventListener('abort', () => gone.reject(signal.reason));
        return Promise.race([fact.promise, gone.promise]);
      },
      settled: () => settled.promise,
    },
    ending: ending.signal,
    onServing: () => said.push('serving'),
    onTrouble: error => said.push(String(error)),
  });
  const listens = (workload: string) => {
    const fact = listening.get(workload);
    assert.ok(fact, `${workload} was asked for`);
    fact.resolve();
  };
  return { watch, listens, settled, said, ending };
}

test('says that the mesh serves when apps listen and every sidecar knows, once', async () => {
  const { watch, listens, settled, said } = facts();
  watch.again([pod('a'), pod('b')]);
  listens('a');
  settled.resolve(2);
  await setImmediate();
  assert.deepEqual(said, []);
  listens('b');
  await setImmediate();
  assert.deepEqual(said, ['serving']);
  watch.look([pod('a'), pod('b')]);
  await setImmediate();
  assert.deepEqual(said, ['serving']);
});

test('waits for health checks', async () => {
  const { watch, listens, settled, said } = facts();
  settled.resolve(1);
  watch.again([pod('a', 'running', 'starting')]);
  await setImmediate();
  assert.deepEqual(said, []);
  watch.look([pod('a', 'running', 'healthy')]);
  listens('a');
  await setImmediate();
  assert.deepEqual(said, ['serving']);
});

test('an app that ended meanwhile is not waited for', async () => {
  const { watch, listens, settled, said } = facts();
  settled.resolve(1);
  watch.again([pod('a'), pod('job')]);
  listens('a');
  watch.look([pod('a'), pod('job', 'exited')]);
  await setImmediate();
  assert.deepEqual(said, ['serving']);
});

test('says nothing after the end', async () => {
  const { watch, listens, settled, said, ending } = facts();
  watch.again([pod('a')]);
  ending.abort(new Error('the daemon ends'));
  listens('a');
  settled.resolve(1);
  await setImmediate();
  assert.deepEqual(said, []);
});
