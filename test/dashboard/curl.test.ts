/** The command is run by the shells that people have, with a `curl` that tells what it was called with. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, test } from 'node:test';
import type { TapExchange } from '../../src/api/tap.ts';
import { shownBody } from '../../src/dashboard/pages/requests/body-lines.ts';
import { curlOf } from '../../src/dashboard/pages/requests/curl.ts';
import { flagWords } from '../../src/dashboard/view/flag-words.ts';
import type { ResponseFlag } from '../../src/telemetry/response-flag.ts';
import { tappedExchange } from '../cli/tapped-exchange.ts';

const exchange = (more: Partial<TapExchange>): TapExchange => ({ ...tappedExchange, at: 'reviews-v1-1', ...more });
const body = (text: string | Buffer, cut = false) => ({ base64: Buffer.from(text).toString('base64'), cut });

/** What a shell makes of a command. */
function wordsOf(command: string, shell = 'bash'): readonly string[] {
  const script = `curl() { printf '%s\\0' "$@"; }\n${command}`;
  return execFileSync(shell, ['-c', script], { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C.UTF-8' } })
    .split('\0')
    .slice(0, -1);
}

describe('a request as a command', () => {
  test('asks the same again, as a request of its own', () => {
    const requestHeaders = [
      ['host', 'reviews:9080'],
      ['accept-encoding', 'gzip'],
      ['end-user', "it's jason"],
      ['empty', ''],
      ['content-length', '3'],
      ['traceparent', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'],
      ['x-request-id', 'id'],
    ] as const;
    const { command, note } = curlOf(exchange({ requestHeaders }));
    assert.deepEqual(wordsOf(command), [
      '-g',
      '--path-as-is',
      '--compressed',
      '-H',
      "end-user: it's jason",
      '-H',
      'empty;',
      'http://reviews:9080/reviews/1?full=yes&a=b%20c',
    ]);
    assert.equal(note, '');
  });

  test('has the method and the body where they are known', () => {
    const post = exchange({ method: 'POST', requestBody: body('@a=1&b="x"'), bytesReceived: 10 });
    assert.deepEqual(wordsOf(curlOf(post).command).slice(2, 4), ['--data-raw', '@a=1&b="x"']);
    assert.deepEqual(wordsOf(curlOf(exchange({ method: 'PUT', requestBody: body('x') })).command).slice(2, 6), [
      '-X',
      'PUT',
      '--data-raw',
      'x',
    ]);
    assert.ok(wordsOf(curlOf(exchange({ method: 'HEAD' })).command).includes('--head'));
    assert.equal(curlOf(exchange({ method: 'POST', bytesReceived: 9 })).note, 'Without its body, which was not asked for.');
    const cut = curlOf(exchange({ method: 'POST', bytesReceived: 9, requestBody: body('a', true) }));
    assert.match(cut.note, /cut off/);
    assert.ok(!cut.command.includes('--data'));
  });

  test('keeps what is masked masked, and says so', () => {
    const { command, note } = curlOf(exchange({ requestHeaders: [['authorization', '***']] }));
    assert.ok(command.includes("-H 'authorization: ***'"));
    assert.match(note, /masked/);
  });

  const evil = '\';touch /tmp/owned;$(id)`id`\\\u001b]0;x\u0007\r\n\u202e"';
  test('is one word where others wrote it, and obeyed by no terminal', () => {
    const { command } = curlOf(
      exchange({ method: evil, target: `/${evil}`, authority: evil, requestHeaders: [['x', evil]], requestBody: body(evil) }),
    );
    assert.doesNotMatch(command, /[\u0000-\u001f\u007f-\u009f\u202e]/);
    assert.deepEqual(wordsOf(command), [
      '-g',
      '--path-as-is',
      '-X',
      evil,
      '-H',
      `x: ${evil}`,
      '--data-raw',
      evil,
      `http://${evil}/${evil}`,
    ]);
  });

  test('is one word to a shell without such escapes too', () => {
    const { command } = curlOf(exchange({ target: `/${evil}`, requestBody: body(evil) }));
    assert.equal(wordsOf(command, 'sh').length, wordsOf(command).length);
  });

  test('has no quote that fish would take for an escaped one', () => {
    const { command } = curlOf(exchange({ target: "/\\'; touch /tmp/owned; '" }));
    assert.ok(wordsOf(command).includes("http://reviews:9080/\\'; touch /tmp/owned; '"));
    // Between quotes there is no backslash.
    for (const [piece] of command.matchAll(/\\.|'[^']*'/g)) assert.doesNotMatch(piece, /^'.*\\/);
  });
});

describe('a body', () => {
  test('is text where it is text, and obeyed by nobody', () => {
    assert.deepEqual(shownBody(body('{"a":\n\t1}\u001b[2J')), { form: 'text', text: '{"a":\n\t1}\\u001b[2J', bytes: 13 });
    // A character that was cut in two.
    assert.deepEqual(shownBody(body(Buffer.from('aé').subarray(0, 2), true)), { form: 'text', text: 'a\n…', bytes: 2 });
  });
  test('is hex where it is none', () => {
    const bytes = Buffer.from([0xff, 0x00, ...Buffer.from('<b>hello world, all')]);
    assert.deepEqual(shownBody(body(bytes)), {
      form: 'hex',
      text: [
        '0000  ff 00 3c 62 3e 68 65 6c 6c 6f 20 77 6f 72 6c 64  ..<b>hello world',
        '0010  2c 20 61 6c 6c                                   , all',
      ].join('\n'),
      bytes: 21,
    });
    const large = shownBody(body(Buffer.alloc(10_000, 0xff)));
    assert.equal(large.text.split('\n').length, 4_096 / 16 + 1);
    assert.equal(large.bytes, 10_000);
  });
});

test('every response flag is explained', () => {
  const flags: Readonly<Record<Exclude<ResponseFlag, '-'>, true>> = {
    UH: true,
    UF: true,
    UC: true,
    UPE: true,
    UT: true,
    NR: true,
    NC: true,
    URX: true,
    DC: true,
    DPE: true,
    SI: true,
    DI: true,
    FI: true,
    RL: true,
    UO: true,
    UAEX: true,
  };
  assert.deepEqual(
    Object.keys(flags).filter(flag => flagWords(flag) === ''),
    [],
  );
  assert.deepEqual([flagWords('-'), flagWords('constructor')], ['', '']);
});
