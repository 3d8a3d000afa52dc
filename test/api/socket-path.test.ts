import assert from 'node:assert/strict';
import { test } from 'node:test';
import { socketPath, stateFolder } from '../../src/api/socket-path.ts';

test('the socket lies in the state folder', () => {
  assert.equal(socketPath('/shop/.mesh', {}), '/shop/.mesh/run/daemon.sock');
});

test('a path too long for a socket gives way to a short one that stays the same', () => {
  const long = `/${'deep/'.repeat(30)}.mesh`;
  const path = socketPath(long, { XDG_RUNTIME_DIR: '/run/user/7' });
  assert.match(path, /^\/run\/user\/7\/localmesh-\d+-[0-9a-f]{16}\/daemon\.sock$/);
  assert.equal(socketPath(long, { XDG_RUNTIME_DIR: '/run/user/7' }), path);
  assert.notEqual(socketPath(`${long}2`, { XDG_RUNTIME_DIR: '/run/user/7' }), path);
  assert.ok(Buffer.byteLength(path) <= 100);
});

test('a copy under another name has a folder of its own', () => {
  assert.notEqual(stateFolder('/shop', null), stateFolder('/shop', 'copy'));
  assert.notEqual(stateFolder('/shop', 'a'), stateFolder('/shop', 'b'));
});
