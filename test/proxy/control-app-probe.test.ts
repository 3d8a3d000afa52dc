import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import type { Clock } from '../../src/async/clock.ts';
import { AppProbe, kernelListeningPorts, listeningPorts } from '../../src/proxy/app-probe.ts';
import type { AppState } from '../../src/snapshot/channel.ts';
import { eventually } from '../support/eventually.ts';

const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:2378 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1 0 100 0 0 10 0
   2: 0200000A:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 3 1 0 100 0 0 10 0
   3: 0100007F:1F92 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 4 1 0 100 0 0 10 0
`;

test('only listening sockets that 127.0.0.1 reaches count', () => {
  assert.deepEqual(listeningPorts(table), [9080, 8080]);
  assert.deepEqual(listeningPorts(''), []);
});

test('the kernel tells of a port on any address and of its end', async () => {
  for (const host of ['127.0.0.1', '0.0.0.0', '::']) {
    const server = createServer();
    server.listen(0, host);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    assert.ok((await kernelListeningPorts()).has(port), host);
    server.close();
    await once(server, 'close');
    assert.ok(!(await kernelListeningPorts()).has(port), host);
  }
});

test('every change is told once, and unwatched ports are forgotten', async () => {
  const due: (() => void)[] = [];
  const clock: Clock = {
    now: () => 0,
    monotonic: () => 0,
    after: (_ms, fn) => {
      due.push(fn);
      return () => due.splice(due.indexOf(fn), 1);
    },
  };
  let open: ReadonlySet<number> = new Set();
  const told: AppState[] = [];
  const probe = new AppProbe(
    clock,
    async () => open,
    state => told.push(state),
  );
  const round = async (): Promise<void> => {
    const next = await eventually(() => due.shift() ?? assert.fail('no probe is due'));
    next();
    await eventually(() => assert.equal(due.length, 1));
  };
  probe.watch([9080, 9090]);
  await round();
  assert.deepEqual(told, []);
  open = new Set([9080]);
  await round();
  await round();
  assert.deepEqual(told, [{ port: 9080, listening: true }]);
  open = new Set();
  await round();
  assert.deepEqual(told.slice(1), [{ port: 9080, listening: false }]);
  probe.watch([9090]);
  assert.deepEqual(probe.states, [{ port: 9090, listening: false }]);
  probe.stop();
});

test('an app that starts is looked for ten times a second, one that has not come for long once', async () => {
  const waits: number[] = [];
  let due = (): void => {};
  const clock: Clock = {
    now: () => 0,
    monotonic: () => 0,
    after: (ms, fn) => {
      waits.push(ms);
      due = fn;
      return () => {};
    },
  };
  const probe = new AppProbe(
    clock,
    async () => new Set(),
    () => {},
  );
  probe.watch([9080]);
  for (let round = 1; round <= 200; round++) {
    while (waits.length < round) await Promise.resolve();
    due();
  }
  probe.stop();
  let at = 0;
  for (const ms of waits) {
    at += ms;
    if (at <= 2_000) assert.ok(ms < 150, `${ms} ms until ${at} ms`);
    if (at <= 5_000) assert.ok(ms <= 200, `${ms} ms until ${at} ms`);
  }
  assert.equal(waits.at(-1), 1000);
});

test('told to tell all, it says what it sees of every port, changed or not', async () => {
  const told: string[] = [];
  const clock: Clock = { now: () => 0, monotonic: () => 0, after: () => () => {} };
  const probe = new AppProbe(
    clock,
    async () => new Set([9080]),
    ({ port, listening }) => told.push(`${port} ${listening}`),
  );
  probe.watch([9080, 9090]);
  await eventually(() => assert.deepEqual(told, ['9080 true']));
  probe.tellAll();
  await eventually(() => assert.deepEqual(told, ['9080 true', '9080 true', '9090 false']));
  probe.stop();
});
