// biome-ignore-all lint/suspicious/noTemplateCurlyInString: compose's variables look like templates
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { app, container, said } from './app.ts';

describe('environment', () => {
  const cases: readonly (readonly [string, Record<string, string>])[] = [
    ['environment: {B: text, A: 1}', { A: '1', B: 'text' }],
    ['environment: [A=1, "B=x=y", C=]', { A: '1', B: 'x=y', C: '' }],
    ['environment: {V: 1.10, T: true, Y: yes, N: null, E: ""}', { V: '1.10', T: 'true', Y: 'yes', E: '' }],
    ['environment: {SHELL_VALUE: , OTHER: }', { SHELL_VALUE: 'from shell' }],
    ['environment: [SHELL_VALUE, OTHER]', { SHELL_VALUE: 'from shell' }],
    ['environment: ["A=${SHELL_VALUE}", "B=$$HOME", "C=${NOPE:-default}"]', { A: 'from shell', B: '$HOME', C: 'default' }],
    ['environment: {FROM_DOTENV: }', { FROM_DOTENV: 'dot' }],
    ['environment: {SHELL_WINS: }', { SHELL_WINS: 'shell' }],
    ['env_file: app.env', { ONE: '1', TWO: '2', SHELL_VALUE: 'from shell' }],
    ['env_file: [app.env, more.env]', { ONE: '1', TWO: 'two', SHELL_VALUE: 'from shell' }],
    ['env_file: [{path: more.env, required: false}, {path: gone.env, required: false}]', { TWO: 'two' }],
    ['env_file: [{path: raw.env, format: raw}]', { R: '"a $X # b"' }],
    ['env_file: app.env\nenvironment: {ONE: over}', { ONE: 'over', TWO: '2', SHELL_VALUE: 'from shell' }],
  ];
  const options = {
    env: { SHELL_VALUE: 'from shell', SHELL_WINS: 'shell' },
    files: {
      '.env': 'FROM_DOTENV=dot\nSHELL_WINS=no\n',
      'app.env': 'ONE=1\nTWO=2\nSHELL_VALUE\n',
      'more.env': 'TWO=two\n',
      'raw.env': '# comment\nR="a $X # b"\n',
    },
  };
  for (const [written, values] of cases) {
    test(written, async () => {
      const { container, load } = await app(written, options);
      assert.deepEqual(load.diagnostics, []);
      assert.deepEqual(container.environment, values);
    });
  }

  test('names are sorted, so that the order of the file is no change', async () => {
    assert.deepEqual(Object.keys((await container('environment: [C=1, A=2, B=3]')).environment), ['A', 'B', 'C']);
  });

  test('a missing env file is an error at its name', async () => {
    const { load } = await app('env_file: [gone.env]');
    assert.deepEqual(said(load.diagnostics), ['error 4:16 services.app.env_file[0] compose-missing-file']);
    assert.match(load.diagnostics[0]?.message ?? '', /gone\.env/);
  });

  test('every file that was read is watched', async () => {
    const { load } = await app('env_file: app.env', options);
    assert.deepEqual(load.files, ['/project/shop/.env', '/project/shop/app.env', '/project/shop/compose.yaml']);
  });

  test('variables: unset is a warning with its path, required an error', async () => {
    const { load } = await app('command: "${UNSET}"\nhostname: "${NEEDED:?say it}"\nuser: "${"');
    assert.deepEqual(said(load.diagnostics), [
      'warning 4:14 services.app.command unset-variable',
      'error 5:15 services.app.hostname unset-variable',
      'error 6:11 services.app.user bad-variable',
    ]);
  });
});
