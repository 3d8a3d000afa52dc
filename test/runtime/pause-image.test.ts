import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { pauseImageRef, pauseProgram } from '../../src/runtime/pause-image.ts';
import { RuntimeError } from '../../src/runtime/runtime-error.ts';
import { eventually } from '../support/eventually.ts';

const native = process.arch === 'x64' ? 'amd64' : process.arch === 'arm64' ? 'arm64' : null;

it('the pause program waits, and ends with 0 at SIGTERM', { skip: process.platform !== 'linux' || native === null }, async t => {
  assert.ok(native !== null);
  const folder = await mkdtemp(join(tmpdir(), 'mesh-pause-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'pause');
  await writeFile(file, pauseProgram(native), { mode: 0o755 });
  const child = spawn(file);
  t.after(() => child.kill('SIGKILL'));
  const ended = once(child, 'exit');
  // Asleep under its own name: it waits for a signal.
  await eventually(async () =>
    assert.match(await readFile(`/proc/${child.pid}/status`, 'utf8'), /Name:\s+pause\n[\s\S]*State:\s+S/),
  );
  assert.equal(child.exitCode, null);
  child.kill('SIGTERM');
  assert.deepEqual(await ended, [0, null]);
});

it('the pause program is small and an ELF for its machine', () => {
  for (const [arch, machine] of [
    ['amd64', 62],
    ['arm64', 183],
  ] as const) {
    const program = pauseProgram(arch);
    assert.ok(program.length < 200);
    assert.equal(program.subarray(1, 4).toString(), 'ELF');
    assert.equal(program.readUInt16LE(18), machine);
    assert.equal(Number(program.readBigUInt64LE(96)), program.length);
  }
});

it('the pause image is named by its content, and other machines are refused', () => {
  const engine = { version: '', apiVersion: '1.41', os: 'linux' };
  assert.equal(pauseImageRef({ ...engine, arch: 'x86_64' }), pauseImageRef({ ...engine, arch: 'amd64' }));
  assert.notEqual(pauseImageRef({ ...engine, arch: 'arm64' }), pauseImageRef({ ...engine, arch: 'amd64' }));
  assert.throws(() => pauseImageRef({ ...engine, arch: 's390x' }), RuntimeError);
});
