/** `mesh events` and `mesh traces -f` against a daemon of which only these calls are answered. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createApiServer } from '../../src/api/server.ts';
import { socketPath, stateFolder } from '../../src/api/socket-path.ts';
import type { TraceFilter, TraceSummary } from '../../src/api/trace.ts';
import type { MeshApi, MeshEvent } from '../../src/api/types.ts';
import { systemClock } from '../../src/async/clock.ts';
import { MeshCommand, mesh } from '../support/mesh-command.ts';
import { partialApi } from '../support/partial-api.ts';

const at = '2026-01-01T00:00:00.000Z';
const events: readonly MeshEvent[] = [
  { seq: 1, at, kind: 'roots', text: 'root abc signs' },
  { seq: 2, at, kind: 'started', version: '0.1.0', pid: 7 },
  { seq: 3, at, kind: 'denied', from: 'a\u001b[2J', to: 'b', calls: 2 },
  { seq: 4, at, kind: 'endpoint', change: 'ejected', service: 'b', endpoint: 'b-1', by: ['a-1'] },
  { seq: 5, at, kind: 'gap', missed: 3 },
];
const trace: TraceSummary = {
  traceId: 'ab'.repeat(16),
  requestId: 'r1',
  startMs: Date.parse(at),
  durationMs: 12.3,
  service: 'web',
  name: 'GET /\u001b[2J',
  status: 503,
  services: ['web', 'reviews'],
  spans: 4,
  errors: 1,
  broken: false,
};

let dir: string;
let server: Server;
const filters: TraceFilter[] = [];
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'mesh-cli-follow-'));
  await writeFile(join(dir, 'mesh.yaml'), 'services: {a: {image: busybox}}\n');
  const socket = socketPath(stateFolder(dir, null), process.env);
  await mkdir(join(socket, '..'), { recursive: true });
  const traffic: Partial<MeshApi['traffic']> = {
    async *watchTraces(filter, signal) {
      filters.push(filter);
      yield trace;
      yield trace;
      await new Promise(resolve => signal.addEventListener('abort', resolve));
    },
  };
  const api: Partial<MeshApi> = {
    async *events() {
      yield* events;
    },
    traffic: traffic as MeshApi['traffic'],
  };
  server = createApiServer(partialApi(api), { clock: systemClock, onBug: error => assert.fail(String(error)) });
  await new Promise<void>(resolve => server.listen(socket, resolve));
});
after(async () => {
  server.closeAllConnections();
  server.close();
  await rm(dir, { recursive: true, force: true });
});

test('events tell what was before the daemon, and a gap', async () => {
  const { code, stdout } = await mesh(['events'], dir);
  assert.equal(code, 0);
  assert.equal(
    stdout,
    [
      '2026-01-01 00:00:00  ✔ ca: root abc signs',
      '2026-01-01 00:00:00  daemon 0.1.0 began (pid 7)',
      '2026-01-01 00:00:00  ! b refused 2 calls of a\\u001b[2J by its access rules',
      '2026-01-01 00:00:00  ! b-1 of b is ejected by a-1',
      '2026-01-01 00:00:00  ! 3 events were not read in time',
      '',
    ].join('\n'),
  );
});

test('events of some kinds; a gap is told whatever is asked for', async () => {
  const { stdout } = await mesh(['events', '--kind', 'denied,roots', '--json'], dir);
  const kinds = stdout
    .trim()
    .split('\n')
    .map(line => (JSON.parse(line) as MeshEvent).kind);
  assert.deepEqual(kinds, ['roots', 'denied', 'gap']);
});

test('events of a kind that there is not', async () => {
  const { code, stderr } = await mesh(['events', '--kind', 'denied,refusals'], dir);
  assert.equal(code, 64);
  assert.match(stderr, /no events of kind "refusals"[\s\S]*some of phase, started/);
});

for (const [form, args, line] of [
  ['for people', [], `${'ab'.repeat(16)}  503     12 ms  GET /\\u001b[2J  web → reviews`],
  ['as JSON', ['--json'], JSON.stringify(trace).replace('\u001b', '\\u001b')],
] as const)
  test(`traces are followed, a line each, ${form}`, async () => {
    await using command = new MeshCommand(['traces', '-f', '--status', '5xx', '--min-duration', '10ms', ...args], dir);
    const lines = await new Promise<string[]>(resolve => {
      command.child.stdout?.on('data', () => {
        const found = command.stdout.split('\n');
        if (found.length > 2) resolve(found);
      });
    });
    assert.ok(lines[0]?.includes(line), `${lines[0]}`);
    assert.equal(lines[0], lines[1]);
    command.child.kill('SIGINT');
    assert.equal((await command.exited()).code, 0);
    assert.deepEqual(filters.at(-1), { status: '5xx', minMs: 10 });
  });
