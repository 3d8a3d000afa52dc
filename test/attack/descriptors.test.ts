/** A sidecar that has no descriptors left: it says so once in a while, serves whom it has, and takes others again as soon as it can. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { snapshotOf } from '../proxy/sidecar-fixture.ts';
import { eventually } from '../support/eventually.ts';
import { createTestCa } from '../support/test-ca.ts';
import { TestDaemon } from '../support/test-daemon.ts';

test('more connections than descriptors', async () => {
  const ca = createTestCa(Date.now());
  const echo = createServer(socket => socket.on('error', () => {}).pipe(socket));
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  const fixture = join(import.meta.dirname, 'fixtures', 'lone-sidecar.ts');
  const bundle = Buffer.from(ca.bundlePem).toString('base64');
  const { port } = echo.address() as AddressInfo;
  const child = spawn(
    'sh',
    ['-c', 'ulimit -n 160; exec "$0" "$@"', process.execPath, '--no-warnings', fixture, bundle, String(port)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const lines: string[] = [];
  const first = Promise.withResolvers<string>();
  createInterface({ input: child.stdout }).on('line', line => {
    if (line.startsWith('{"outbound"')) first.resolve(line);
    else lines.push(line);
  });
  const clients: Socket[] = [];
  const dial = (to: number): Socket => {
    const socket = connect(to, '127.0.0.1').on('error', () => {});
    clients.push(socket);
    return socket;
  };
  const echoes = async (socket: Socket, text: string): Promise<void> => {
    const answer = once(socket, 'data');
    socket.write(text);
    assert.equal(String((await answer)[0]), text);
  };
  let daemon: TestDaemon | null = null;
  try {
    const ports = JSON.parse(await first.promise) as { readonly outbound: number; readonly control: number };
    daemon = await TestDaemon.dial(ports.control, ca, {});
    assert.equal((await daemon.push(snapshotOf('reviews', { version: '1', egress: 'allow-any' }))).kind, 'ack');
    const good = dial(ports.outbound);
    await echoes(good, 'before\n');

    const many = Array.from({ length: 400 }, () => dial(ports.outbound));
    await eventually(() => assert.ok(many.filter(socket => socket.destroyed).length >= 250));
    await echoes(good, 'meanwhile\n');
    daemon.send({ kind: 'ping', id: 7 });
    assert.deepEqual(await daemon.expect('pong'), { kind: 'pong', id: 7 });
    const told = (): number => lines.filter(line => line.includes('"descriptors"')).length;
    await eventually(() => assert.ok(told() >= 1, lines.join('\n')));
    assert.ok(told() <= 5, lines.join('\n'));
    assert.ok(lines.length <= 20, lines.join('\n'));

    for (const socket of many) socket.destroy();
    await eventually(async () => {
      const late = dial(ports.outbound);
      await Promise.race([echoes(late, 'after\n'), once(late, 'close').then(() => assert.fail('refused'))]);
    });
    assert.equal(child.exitCode, null);
  } finally {
    daemon?.[Symbol.dispose]();
    for (const socket of clients) socket.destroy();
    child.kill('SIGKILL');
    await once(child, 'exit');
    echo.close();
  }
});
