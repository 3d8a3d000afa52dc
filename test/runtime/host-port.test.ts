import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { it } from 'node:test';
import { findListener, listenersIn } from '../../src/runtime/host-port.ts';

const row = (local: string, state: string, inode: string) =>
  `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0 100 0 0 10 0`;

it('reads listeners of a port that keep an address from being bound', () => {
  const table = [
    '  sl  local_address rem_address   st',
    row('0100007F:1F90', '0A', '11'),
    row('0100007F:1F90', '01', '12'),
    row('00000000:0050', '0A', '13'),
  ].join('\n');
  assert.deepEqual(listenersIn(table, '127.0.0.1', 8080), ['11']);
  assert.deepEqual(listenersIn(table, '0.0.0.0', 8080), ['11']);
  assert.deepEqual(listenersIn(table, '10.0.0.1', 8080), []);
  assert.deepEqual(listenersIn(table, '10.0.0.1', 80), ['13']);
  assert.deepEqual(listenersIn(table, '127.0.0.1', 81), []);
});

it('names the process, and nobody for a free port', { skip: process.platform !== 'linux' }, async () => {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  assert.match((await findListener('127.0.0.1', address.port)) ?? '', new RegExp(`\\(pid ${process.pid}\\)$`));
  await new Promise(resolve => server.close(resolve));
  assert.equal(await findListener('127.0.0.1', address.port), null);
});
