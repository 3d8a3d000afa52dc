import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readConfig } from '../../src/daemon/config-source.ts';

test('what was allowed at the start is allowed at every reload', async t => {
  const dir = await mkdtemp(join(tmpdir(), 'mesh-source-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const file = join(dir, 'mesh.yaml');
  const project = {
    dir,
    file,
    name: null,
    profiles: [],
    env: {},
    stateDir: join(dir, '.mesh'),
    socket: join(dir, 'socket'),
  };
  const asked = new Set<string>();
  const read = async (port: number, allowPrivileged: boolean, granted: ReadonlySet<string> = new Set()) => {
    await writeFile(file, `services: {a: {image: a, port: ${port}, volumes: ["/var/run/docker.sock:/s"]}}\n`);
    const { config, diagnostics } = await readConfig({ ...project, allowPrivileged, granted });
    for (const { grant } of diagnostics) if (grant !== undefined) asked.add(grant);
    return [config?.services[0]?.ports[0]?.port, ...diagnostics.map(one => `${one.severity} ${one.code}`)];
  };
  assert.deepEqual(await read(80, true), [80, 'warning docker-socket']);
  assert.deepEqual(await read(81, true), [81, 'warning docker-socket']);
  assert.deepEqual(await read(81, false), [undefined, 'error docker-socket']);
  assert.deepEqual(await read(82, false, asked), [82, 'warning docker-socket']);
});
