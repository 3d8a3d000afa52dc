import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseEnvFile } from '../../src/config/env-file.ts';
import { substitute } from '../../src/config/interpolate.ts';
import { editDistance, nearest, suggest } from '../../src/config/nearest.ts';
import { chooseProtocol } from '../../src/config/protocol.ts';
import { regexProblem } from '../../src/config/regex.ts';
import { hasControlCharacter, shown } from '../../src/config/shown.ts';
import { isProblem, parseDuration, parsePercent, parseSize } from '../../src/config/units.ts';

const variables: Readonly<Record<string, string>> = { V: 'x', EMPTY: '', N: 'V' };

for (const [text, expected] of [
  ['$V ${V}', 'x x'],
  ['a${V}b', 'axb'],
  ['${V:-d} ${EMPTY:-d} ${NO:-d}', 'x d d'],
  ['${V-d} ${EMPTY-d} ${NO-d}', 'x  d'],
  ['${V:+r} ${EMPTY:+r} ${NO:+r}', 'r  '],
  ['${V+r} ${EMPTY+r} ${NO+r}', 'r r '],
  ['${NO:-${V}}', 'x'],
  ['${NO:-${ALSO:-deep}}', 'deep'],
  ['${NO:-a}b}', 'ab}'],
  ['$$V $${V}', '$V ${V}'],
  ['^/v[0-9]+$', '^/v[0-9]+$'],
  ['${V:?e} ${EMPTY?e}', 'x '],
] as const) {
  test(`variables: ${text}`, () =>
    assert.deepEqual(
      substitute(text, name => variables[name]),
      { text: expected, problems: [] },
    ));
}

for (const [text, problem] of [
  ['$NO', { kind: 'unset', name: 'NO' }],
  ['${NO}', { kind: 'unset', name: 'NO' }],
  ['${NO:?write $V}', { kind: 'required', name: 'NO', message: 'write x' }],
  ['${EMPTY:?}', { kind: 'required', name: 'EMPTY', message: '' }],
  ['${V', { kind: 'invalid', text: '${V' }],
  ['${}', { kind: 'invalid', text: '${}' }],
  ['${1V}', { kind: 'invalid', text: '${1V}' }],
] as const) {
  test(`variables, wrong: ${text}`, () => assert.deepEqual(substitute(text, name => variables[name]).problems, [problem]));
}

test('an env file: quotes, comments, export, variables, several lines', () => {
  const text = [
    '# comment',
    'A=1 # not part of it',
    'export B = two words ',
    "C='$A # as is'",
    'D="a\\nb ${A}"',
    'E="first',
    'second"',
    'F=${B}!',
    'G',
    'H=',
    '',
  ].join('\r\n');
  const { values, diagnostics } = parseEnvFile(text, '.env');
  assert.deepEqual(diagnostics, []);
  assert.deepEqual(Object.fromEntries(values), {
    A: '1',
    B: 'two words',
    C: '$A # as is',
    D: 'a\nb 1',
    E: 'first\nsecond',
    F: 'two words!',
    G: null,
    H: '',
  });
});

test('an env file: mistakes have a line', () => {
  const { diagnostics } = parseEnvFile('A=1\n=x\nB="never closed\n', '.env');
  assert.deepEqual(
    diagnostics.map(({ line, code }) => [line, code]),
    [
      [2, 'bad-env-file'],
      [3, 'bad-env-file'],
    ],
  );
});

for (const [text, ms] of [
  ['500ms', 500],
  ['2s', 2000],
  ['1m30s', 90_000],
  ['1.5h', 5_400_000],
  ['24d', 2_073_600_000],
] as const) {
  test(`duration ${text}`, () => assert.equal(parseDuration(text), ms));
}

for (const value of ['5', 5, '-5s', '0s', '25d', '5 s', 'soon', '', null, '1e3s', `${'9'.repeat(40)}s`]) {
  test(`no duration: ${value}`, () => assert.ok(isProblem(parseDuration(value))));
}

test('sizes are powers of 1024 with a unit', () => {
  assert.equal(parseSize('64m'), 64 * 1024 ** 2);
  assert.equal(parseSize('1.5GB'), 1.5 * 1024 ** 3);
  assert.equal(parseSize('2KiB'), 2048);
  for (const value of [64, '64', '0b', 'm', '-1k']) assert.ok(isProblem(parseSize(value)), String(value));
});

test('percentages', () => {
  assert.equal(parsePercent('0%'), 0);
  assert.equal(parsePercent('99.5%'), 99.5);
  for (const value of ['101%', '-1%', '5', 5]) assert.ok(isProblem(parsePercent(value)), String(value));
});

test('the nearest name: two edits, one for short names, swapped letters count once', () => {
  assert.equal(editDistance('abc', 'acb'), 1);
  assert.equal(editDistance('', 'abc'), 3);
  assert.equal(nearest('wbe', ['api', 'web']), 'web');
  assert.equal(nearest('reviws', ['ratings', 'reviews']), 'reviews');
  assert.equal(nearest('db', ['a', 'cache']), null);
  assert.equal(suggest('zzz', ['a', 'b']), 'known: a, b');
});

test('values in messages: shortened, escaped, secrets masked', () => {
  assert.equal(shown('\u001b[2J'), '`\\u001b[2J`');
  assert.equal(shown('x'.repeat(100)), `\`${'x'.repeat(60)}…\``);
  assert.equal(shown('hunter2', 'DB_PASSWORD'), '`***`');
  assert.ok(hasControlCharacter('\u0007'));
  assert.ok(!hasControlCharacter('two\n\tlines'));
});

const unknown = { configured: undefined, port: 7000 + 999, portName: '', appProtocol: '', images: [] };
for (const [what, facts, protocol, from] of [
  ['what the user says', { configured: 'http', port: 6379 }, 'http', 'config'],
  ['app_protocol', { appProtocol: 'grpc' }, 'http', 'port-name'],
  ['the name before the dash', { portName: 'redis-cache' }, 'tcp', 'port-name'],
  ['a name that says nothing', { portName: 'web' }, 'auto', 'unknown'],
  ['a database image', { images: ['docker.io/library/postgres:16@sha256:0'] }, 'tcp', 'image'],
  ['a database image on an odd port', { images: ['registry:5000/redis'], port: 8888 + 1 }, 'tcp', 'image'],
  ['the admin page of a broker', { images: ['rabbitmq:3-management'], port: 15672 }, 'http', 'port-number'],
  ['elasticsearch', { images: ['elasticsearch:8'], port: 9200 }, 'http', 'image'],
  ['its transport port', { images: ['elasticsearch:8'], port: 9300 }, 'tcp', 'port-number'],
  ['a well-known port', { port: 3306 }, 'tcp', 'port-number'],
  ['a web port', { port: 8080 }, 'http', 'port-number'],
  ['nothing', {}, 'auto', 'unknown'],
] as const) {
  test(`protocol from ${what}`, () =>
    assert.deepEqual(chooseProtocol({ ...unknown, ...facts }), { protocol, protocolFrom: from }));
}

for (const source of [
  '/v[0-9]+',
  '(a|b)+c',
  'jason|jane',
  '[a-z]+@example\\.com',
  '(?:abc)*',
  '\\(\\?=',
  '[(a+)+]',
  'end\\-user',
  '(?i)jason|[Z-a]',
  '(?i)(a|A)*',
  '(/[a-z]+)*',
  '(a|ab)+',
  '(\\w|\\d)*',
]) {
  test(`regex allowed: ${source}`, () => assert.equal(regexProblem(source), null));
}

for (const source of [
  '[',
  'a)|(b',
  '(a+)+',
  'x(?:(a*))+y',
  'a(?i)',
  'a(?=b)',
  '(?<!a)b',
  '(a)\\1',
  '(?<n>a)\\k<n>',
  'a'.repeat(600),
  '(abc){900}',
]) {
  test(`regex refused: ${source.slice(0, 20)}`, () => assert.notEqual(regexProblem(source), null));
}
