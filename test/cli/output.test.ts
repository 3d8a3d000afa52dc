import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { MeshEvent, MeshEventBody } from '../../src/api/types.ts';
import { resolve } from '../../src/cli/commands/proxy-config.ts';
import { LogPainter } from '../../src/cli/log-painter.ts';
import { Output, wantsColour } from '../../src/cli/output.ts';
import { policyText } from '../../src/cli/policy-text.ts';
import { createPresenter, story } from '../../src/cli/progress.ts';
import { commandFor } from '../../src/cli/project.ts';
import { age, table } from '../../src/cli/table.ts';
import { escapeLines } from '../../src/text/escape.ts';

class Sink {
  text = '';
  readonly isTTY: boolean;
  readonly columns = 80;
  constructor(isTTY: boolean) {
    this.isTTY = isTTY;
  }
  write(text: string): boolean {
    this.text += text;
    return true;
  }
}

function output(tty = false): { out: Sink; err: Sink; output: Output } {
  const out = new Sink(tty);
  const err = new Sink(tty);
  return { out, err, output: new Output(out, err, { stdout: false, stderr: false }) };
}

const at = (body: MeshEventBody): MeshEvent => ({ seq: 1, at: '', ...body });
const operation = { kind: 'create-pod', target: 'web-1', cause: 'new' };

describe('colour', () => {
  const cases: readonly (readonly [
    what: string,
    ansi: 'auto' | 'never' | 'always',
    tty: boolean,
    env: Record<string, string>,
    wanted: boolean,
  ])[] = [
    ['a terminal', 'auto', true, {}, true],
    ['a pipe', 'auto', false, {}, false],
    ['NO_COLOR', 'auto', true, { NO_COLOR: '1' }, false],
    ['an empty NO_COLOR counts as none', 'auto', true, { NO_COLOR: '' }, true],
    ['a dumb terminal', 'auto', true, { TERM: 'dumb' }, false],
    ['FORCE_COLOR in a pipe', 'auto', false, { FORCE_COLOR: '1' }, true],
    ['--ansi never', 'never', true, { FORCE_COLOR: '1' }, false],
    ['--ansi always', 'always', false, { NO_COLOR: '1' }, true],
  ];
  for (const [what, ansi, tty, env, wanted] of cases)
    test(`${what}: ${wanted}`, () => assert.equal(wantsColour(ansi, new Sink(tty), env), wanted));
});

describe('text of others', () => {
  test('cannot move a cursor, set a title or turn the direction', () => {
    assert.equal(escapeLines('a\u001b]0;title\u0007\rb\u202ec'), 'a\\u001b]0;title\\u0007\\u000db\\u202ec');
  });

  test('is escaped whoever prints it, and JSON too; colours pass where there are any', () => {
    const name = 'a\u001b[31m\u001b[2J\u009b\u202e';
    for (const colour of [false, true]) {
      const [out, err] = [new Sink(true), new Sink(true)];
      const to = new Output(out, err, { stdout: colour, stderr: colour });
      to.data(name);
      to.note(name);
      to.json({ [name]: name });
      const shown = `a${colour ? '\u001b' : '\\u001b'}[31m\\u001b[2J\\u009b\\u202e\n`;
      assert.deepEqual([out.text.startsWith(shown), err.text], [true, shown]);
      assert.doesNotMatch(out.text.slice(shown.length), /[\u001b\u009b\u202e]/);
      assert.deepEqual(JSON.parse(out.text.slice(shown.length)), { [name]: name });
    }
  });

  test('of an app keeps its colours on a terminal and nothing else', () => {
    const { out, output: to } = output(true);
    new LogPainter(to, ['web-1']).print({
      workload: 'web-1',
      container: 'app',
      stream: 'stdout',
      text: '\u001b[31mred\u001b[0m\u001b[2J',
    });
    assert.equal(out.text, 'web-1 | \u001b[31mred\u001b[0m\\u001b[2J\n');
  });

  test('of an app reaches a pipe as it is', () => {
    const { out, output: to } = output(false);
    new LogPainter(to, ['web-1'], false).print({ workload: 'web-1', container: 'app', stream: 'stdout', text: 'x\u001b[2J' });
    assert.equal(out.text, 'x\u001b[2J\n');
  });
});

describe('tables', () => {
  test('are aligned, without blanks at the end, whatever the colours', () => {
    assert.deepEqual(
      table(
        ['A', 'B'],
        [
          ['\u001b[32mlonger\u001b[39m', 'x'],
          ['s', ''],
        ],
      ),
      ['A       B', '\u001b[32mlonger\u001b[39m  x', 's'],
    );
  });

  test('ages have one unit', () => {
    assert.deepEqual([0, 119_000, 120_000, 7_200_000, 172_800_000].map(age), ['0s', '119s', '2m', '2h', '2d']);
  });
});

describe('proxy-config', () => {
  const workloads = ['web-1', 'api-v1-1', 'api-v2-1'].map(name => ({ name, service: name.slice(0, 3) }));

  test('takes a workload, or a service that has one pod', () => {
    assert.equal(resolve('api-v2-1', workloads), 'api-v2-1');
    assert.equal(resolve('web', workloads), 'web-1');
  });

  test('names what may be meant', () => {
    const hinted = (hint: string) => ({ code: 'unknown-workload', hint });
    assert.throws(() => resolve('api', workloads), hinted('did you mean api-v1-1 or api-v2-1?'));
    assert.throws(() => resolve('api-v1', workloads), hinted('did you mean api-v1-1?'));
    assert.throws(() => resolve('db', workloads), hinted('one of web-1, api-v1-1, api-v2-1'));
  });
});

test('the policy of a cluster in a few words', () => {
  const cluster = { name: 'c', service: 's', subset: '', port: 1, endpoints: [], balancer: 'ring-hash' } as const;
  const bare = { ...cluster, connectTimeoutMs: 1, identities: [], idleTimeoutMs: 1 };
  assert.equal(policyText(bare), '-');
  assert.equal(
    policyText({
      ...bare,
      hash: { by: { kind: 'header', name: 'x-user' }, minRingSize: 1024 },
      slowStartMs: 1500,
      protocol: 'http2',
      limits: { maxConnections: 5, maxPendingRequests: 0, retryBudget: { percent: 20, minConcurrency: 3 } },
      maxRequestsPerConnection: 100,
      outliers: {
        consecutive5xx: 5,
        consecutiveGatewayErrors: 0,
        consecutiveLocalErrors: 0,
        intervalMs: 1,
        baseEjectionMs: 1,
        maxEjectionPercent: 50,
        minHealthPercent: 0,
      },
      healthCheck: { probe: { kind: 'tcp' }, intervalMs: 5000, timeoutMs: 1, healthyThreshold: 1, unhealthyThreshold: 3 },
    }),
    'hash header x-user, slow start 1500ms, http2, connections 5, pending 0, retries 20%, 100 per connection, outliers max 50%, tcp check every 5s',
  );
});

describe('a command that is told', () => {
  test('carries the -f and -p that were given, or their variables, quoted for the shell', () => {
    assert.equal(commandFor({ name: null }, {}, {}), 'mesh');
    assert.equal(commandFor({ name: 'two' }, {}, { MESH_FILE: 'a b.yaml' }), "mesh -f 'a b.yaml' -p two");
    assert.equal(commandFor({ name: 'two' }, { file: ['x/mesh.yaml'] }, { MESH_FILE: 'y' }), 'mesh -f x/mesh.yaml -p two');
  });

  test('ends this copy and no other', () => {
    const to = new Output(new Sink(false), new Sink(false), { stdout: false, stderr: false }, 'mesh -p two');
    assert.match(story('two', [], to, true), /look with {2}mesh -p two dashboard.*\n.*\n {2}end with {3}mesh -p two down$/);
    assert.equal(to.addressed('`mesh down` ends it'), '`mesh -p two down` ends it');
    assert.equal(to.addressed(to.addressed('see `mesh ps`')), 'see `mesh -p two ps`');
  });
});

describe('progress', () => {
  const done = at({ kind: 'operation', phase: 'done', operation, detail: '' });
  const failed = at({ kind: 'operation', phase: 'failed', operation, detail: 'no image' });

  test('plain: one line per finished operation on stderr', () => {
    const { out, err, output: to } = output();
    const presenter = createPresenter({ output: to, progress: 'plain' });
    presenter.show(at({ kind: 'operation', phase: 'start', operation, detail: '' }));
    presenter.show(done);
    presenter.show(failed);
    assert.equal(err.text, '✔ create-pod web-1 (new)\n✘ create-pod web-1 (new) no image\n');
    assert.equal(out.text, '');
  });

  test('quiet: failures only', () => {
    const { err, output: to } = output();
    const presenter = createPresenter({ output: to, progress: 'quiet' });
    presenter.show(done);
    presenter.show(failed);
    assert.equal(err.text, '✘ create-pod web-1 (new) no image\n');
  });

  test('json: every event is a line', () => {
    const { err, output: to } = output();
    const presenter = createPresenter({ output: to, progress: 'json' });
    presenter.show(done);
    assert.deepEqual(JSON.parse(err.text), done);
  });

  test('tty: what is under way stands below and goes when it is done', () => {
    const { err, output: to } = output(true);
    const presenter = createPresenter({ output: to, progress: 'tty' });
    presenter.show(at({ kind: 'operation', phase: 'start', operation, detail: '' }));
    assert.equal(err.text, '· create-pod web-1 (new)\n');
    presenter.show(done);
    assert.equal(err.text, '· create-pod web-1 (new)\n\u001b[1A\u001b[J✔ create-pod web-1 (new)\n');
    presenter.end();
  });

  test('a reload says what changed and who took it', () => {
    const { err, output: to } = output();
    const result = {
      ok: true,
      at: '',
      durationMs: 38,
      sinceSavedMs: null,
      kind: 'routing',
      summary: '2 routes changed, acked by 9 sidecars in 38 ms',
    } as const;
    createPresenter({ output: to, progress: 'plain' }).show(at({ kind: 'reload', file: 'mesh.yaml', result }));
    assert.equal(err.text, '✔ mesh.yaml: 2 routes changed, acked by 9 sidecars in 38 ms\n');
  });
});
