import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { splitCommand } from '../../../src/interop/compose/command.ts';
import { app, container, said } from './app.ts';

describe('a command line becomes words as a shell makes them', () => {
  const cases: readonly (readonly [string, readonly string[] | null])[] = [
    ['', []],
    ['nginx -g "daemon off;"', ['nginx', '-g', 'daemon off;']],
    ["sh -c 'echo $HOME'", ['sh', '-c', 'echo $HOME']],
    ['a\\ b c', ['a b', 'c']],
    ['"a\\"b" "c\\d" "e\\\\f"', ['a"b', 'c\\d', 'e\\f']],
    ["''", ['']],
    ['x="a b"c', ['x=a bc']],
    ['  two\n lines ', ['two', 'lines']],
    ['a && b', ['a', '&&', 'b']],
    ["it's", null],
    ['"open', null],
  ];
  for (const [line, words] of cases) test(JSON.stringify(line), () => assert.deepEqual(splitCommand(line), words));
});

test('command and entrypoint: line, list, empty, absent', async () => {
  const found = await container('command: run --port 80\nentrypoint: [/bin/app, 8080, true]');
  assert.deepEqual(found.command, ['run', '--port', '80']);
  assert.deepEqual(found.entrypoint, ['/bin/app', '8080', 'true']);
  assert.deepEqual((await container('command: []')).command, []);
  assert.deepEqual((await container("entrypoint: ''")).entrypoint, []);
  assert.equal((await container('command:')).command, null);
});

test('an open quote is an error at the value', async () => {
  const { load } = await app(`command: "echo 'oops"`);
  assert.deepEqual(said(load.diagnostics), ['error 4:14 services.app.command compose-invalid-value']);
});
