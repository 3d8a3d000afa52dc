/** The command as a user's shell starts it: output, streams and exit codes. No engine is needed. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { mesh } from '../support/mesh-command.ts';

const good = `name: shop
services:
  web: {port: 80, versions: {v1: web-v1, v2: web-v2}}
  web-v1: {image: "nginx:1"}
  web-v2: {image: "nginx:2"}
gateways:
  main: {port: 8080, routes: [{to: web}]}
routes:
  web:
    - split: {v1: 90, v2: 10}
`;
const away = { DOCKER_HOST: 'unix:///nonexistent/docker.sock' };
let dir: string;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'mesh-cli-'));
});
after(() => rm(dir, { recursive: true, force: true }));

async function withFile(text: string): Promise<string> {
  await writeFile(join(dir, 'mesh.yaml'), text);
  return dir;
}

describe('version', () => {
  test('is one line on stdout', async () => {
    const { code, stdout, stderr } = await mesh(['version'], dir);
    assert.equal(code, 0);
    assert.match(stdout, /^localmesh \d+\.\d+\.\d+ \(Node .*\)\n$/);
    assert.equal(stderr, '');
  });

  test('as JSON is one versioned document', async () => {
    const { stdout } = await mesh(['version', '--json'], dir);
    const document = JSON.parse(stdout) as Record<string, unknown>;
    assert.equal(document['apiVersion'], 1);
    assert.equal(document['kind'], 'Version');
  });
});

describe('ca', () => {
  test('prints the root that `up` left, and says so where there is none', async () => {
    const folder = await mkdtemp(join(dir, 'ca-'));
    await writeFile(join(folder, 'mesh.yaml'), good);
    const none = await mesh(['ca'], folder);
    assert.equal(none.stdout, '');
    assert.notEqual(none.code, 0);
    assert.match(none.stderr, /there is no CA yet[\s\S]*mesh up/);
    await mkdir(join(folder, '.mesh'));
    await writeFile(join(folder, '.mesh', 'ca.pem'), '-----BEGIN CERTIFICATE-----\n');
    assert.deepEqual(await mesh(['ca'], folder), { code: 0, stdout: '-----BEGIN CERTIFICATE-----\n', stderr: '' });
  });
});

describe('usage', () => {
  const wrong: readonly (readonly [what: string, args: readonly string[], said: RegExp])[] = [
    ['an unknown command names the nearest one', ['statsu'], /unknown command 'statsu'[\s\S]*status/],
    ['an unknown option names the nearest one', ['up', '--biuld'], /unknown option '--biuld'[\s\S]*--build/],
    ['a missing argument is named', ['exec'], /service/],
    ['a choice lists its values', ['up', '--progress', 'loud'], /auto, tty, plain, json, quiet|Allowed choices/],
    ['a number is wanted', ['logs', '--tail', 'many'], /whole number/],
    ['one mesh file only', ['-f', 'a.yaml', '-f', 'b.yaml', 'validate'], /more than one mesh file/],
    ['a project name has a form', ['-p', 'No Such', 'ps'], /cannot be a project's name/],
    ['an unknown shell lists the known ones', ['completion', 'tcsh'], /bash, zsh, fish/],
    ['a status that is none is told as it was written', ['fault', 'add', 'reviews', '--abort', 'abc'], /"abc" is no status/],
    ['an unknown part of a sidecar lists the known ones', ['proxy-config', 'web-1', 'nothing'], /listeners, routes, clusters/],
  ];
  for (const [what, args, said] of wrong) {
    test(`${what}, exit 64`, async () => {
      const { code, stdout, stderr } = await mesh(args, dir);
      assert.equal(code, 64, stderr);
      assert.match(stderr, said);
      assert.equal(stdout, '');
      assert.doesNotMatch(stderr, /\n\s+at /);
    });
  }

  test('--help is data and success', async () => {
    const { code, stdout } = await mesh(['--help'], dir);
    assert.equal(code, 0);
    for (const command of ['init', 'up', 'down', 'ps', 'logs', 'exec', 'validate', 'proxy-status', 'doctor'])
      assert.match(stdout, new RegExp(`\\b${command}\\b`));
    assert.doesNotMatch(stdout, /\bdaemon\b.*\n.*hidden/);
  });

  test('global options stand before or after the command', async () => {
    await withFile(good);
    const first = await mesh(['-p', 'other', 'config', '--json'], dir);
    const last = await mesh(['config', '-p', 'other', '--json'], dir);
    assert.equal(first.code, 0, first.stderr);
    assert.equal(first.stdout, last.stdout);
    assert.match(first.stdout, /"name":"other"/);
  });
});

describe('validate', () => {
  test('is silent on stdout and 0 when all is well', async () => {
    const { code, stdout, stderr } = await mesh(['validate'], await withFile(good.replace(/\nroutes:.*/s, '\n')));
    assert.equal(code, 0, stdout + stderr);
    assert.equal(stdout, '');
    assert.match(stderr, /no issues/);
  });

  test('prints file, line, column and a caret, and exits with 2', async () => {
    const { code, stdout } = await mesh(['validate'], await withFile(good.replace('v2: 10', 'v9: 10')));
    assert.equal(code, 2);
    assert.match(stdout, /mesh\.yaml:10:\d+: error/);
    assert.match(stdout, /\^/);
    assert.match(stdout, /v9/);
  });

  test('reports every error in one run', async () => {
    const { stdout } = await mesh(
      ['validate', '--json'],
      await withFile(good.replace('v2: 10', 'v9: 10').replace('to: web', 'to: wbe')),
    );
    const { valid, errors, diagnostics } = JSON.parse(stdout) as {
      valid: boolean;
      errors: number;
      diagnostics: { line: number }[];
    };
    assert.equal(valid, false);
    assert.equal(errors, 2);
    assert.deepEqual(diagnostics.map(each => each.line).sort(), [10, 7]);
  });

  test('is also called analyze', async () => {
    assert.equal((await mesh(['analyze'], await withFile(good))).code, 0);
  });

  test('of a folder without mesh.yaml says which file was looked for', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'mesh-empty-'));
    try {
      const { code, stdout } = await mesh(['validate'], empty);
      assert.equal(code, 2);
      assert.match(stdout, /mesh\.yaml/);
      const up = await mesh(['up'], empty, away);
      assert.equal(up.code, 2);
      assert.match(up.stderr, /file-not-found[\s\S]*hint: .*mesh init/);
      assert.doesNotMatch(up.stderr, /the configuration has/);
    } finally {
      await rm(empty, { recursive: true });
    }
  });

  test('finds mesh.yaml in a folder above', async () => {
    await withFile(good);
    const below = await mkdtemp(join(dir, 'below-'));
    assert.equal((await mesh(['validate'], below)).code, 0);
  });
});

describe('config', () => {
  test('prints every default filled in', async () => {
    const { code, stdout } = await mesh(['config'], await withFile(good));
    assert.equal(code, 0);
    assert.match(stdout, /name: shop/);
    assert.match(stdout, /trustDomain: shop\.local/);
  });

  test('of a broken file prints nothing but the errors, exit 2', async () => {
    const { code, stdout, stderr } = await mesh(['config'], await withFile(good.replace('port: 80', 'port: 80000')));
    assert.equal(code, 2);
    assert.equal(stdout, '');
    assert.match(stderr, /mesh\.yaml:3:/);
  });
});

describe('init', () => {
  test('writes a file that validates, and overwrites none', async () => {
    const fresh = await mkdtemp(join(tmpdir(), 'mesh-init-'));
    try {
      const first = await mesh(['init'], fresh);
      assert.equal(first.code, 0, first.stderr);
      assert.equal((await mesh(['validate'], fresh)).code, 0);
      const before = await readFile(join(fresh, 'mesh.yaml'), 'utf8');
      const second = await mesh(['init'], fresh);
      assert.equal(second.code, 1);
      assert.match(second.stderr, /--force/);
      assert.equal(await readFile(join(fresh, 'mesh.yaml'), 'utf8'), before);
    } finally {
      await rm(fresh, { recursive: true });
    }
  });

  test('builds on the compose file beside it', async () => {
    const fresh = await mkdtemp(join(tmpdir(), 'mesh-init-'));
    try {
      await writeFile(join(fresh, 'compose.yaml'), 'services:\n  web: {image: "nginx:1", ports: ["8000:80"]}\n');
      await mesh(['init'], fresh);
      const { code, stdout } = await mesh(['config', '--json'], fresh);
      assert.equal(code, 0);
      assert.match(stdout, /"name":"web"/);
    } finally {
      await rm(fresh, { recursive: true });
    }
  });
});

describe('completion', () => {
  test('for bash completes commands and options', async () => {
    const { stdout } = await mesh(['completion', 'bash'], dir);
    const complete = (...words: string[]): string =>
      execFileSync(
        'bash',
        [
          '-c',
          `${stdout}\nCOMP_WORDS=(${words.map(word => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _mesh; echo "\${COMPREPLY[@]}"`,
        ],
        { encoding: 'utf8' },
      ).trim();
    assert.equal(complete('mesh', 'proxy-s'), 'proxy-status');
    assert.equal(complete('mesh', 'up', '--dr'), '--dry-run');
  });

  for (const shell of ['zsh', 'fish']) {
    test(`for ${shell} names every command`, async () => {
      const { code, stdout } = await mesh(['completion', shell], dir);
      assert.equal(code, 0);
      for (const command of ['up', 'down', 'proxy-config']) assert.match(stdout, new RegExp(`\\b${command}\\b`));
    });
  }
});

describe('--allow-privileged', () => {
  const risky = 'name: risky\nservices: {agent: {image: a, port: 80, volumes: ["/var/run/docker.sock:/s"]}}\n';
  test('without it docker.sock is an error that names it', async () => {
    const { code, stdout } = await mesh(['validate'], await withFile(risky));
    assert.equal(code, 2);
    assert.match(stdout, /error \[docker-socket\][\s\S]*--allow-privileged/);
  });

  test('with it a warning, for validate, config and every way of up', async () => {
    const folder = await withFile(risky);
    const validate = await mesh(['validate', '--allow-privileged'], folder);
    assert.equal(validate.code, 0);
    assert.match(validate.stdout, /warning \[docker-socket\]/);
    assert.match((await mesh(['config', '--allow-privileged'], folder)).stdout, /docker\.sock/);
    for (const args of [['up'], ['up', '-d'], ['up', '--dry-run']]) {
      assert.equal((await mesh(args, folder, away)).code, 2, args.join(' '));
      const { code, stderr } = await mesh([...args, '--allow-privileged'], folder, away);
      assert.equal(code, 1, `${args.join(' ')}: ${stderr}`);
      assert.match(stderr, /\/nonexistent\/docker\.sock/);
    }
  });
});

describe('without an engine', () => {
  for (const args of [['up', '-d'], ['ps'], ['down'], ['up', '--dry-run'], ['logs']]) {
    test(`${args.join(' ')} says what was tried, exit 1`, async () => {
      const { code, stderr } = await mesh(args, await withFile(good), away);
      assert.equal(code, 1, stderr);
      assert.match(stderr, /\/nonexistent\/docker\.sock/);
      assert.match(stderr, /hint:/);
      assert.doesNotMatch(stderr, /\n\s+at /);
    });
  }

  test('doctor tells all it can and what to do, exit 1', async () => {
    const { code, stdout } = await mesh(['doctor', '--json'], await withFile(good), away);
    assert.equal(code, 1);
    const { checks } = JSON.parse(stdout) as { checks: { name: string; state: string; hint: string }[] };
    assert.equal(checks.find(each => each.name === 'engine')?.state, 'failed');
    assert.notEqual(checks.find(each => each.name === 'engine')?.hint, '');
    assert.equal(checks.find(each => each.name === 'node')?.state, 'ok');
    assert.equal(checks.find(each => each.name === 'disk')?.state, 'warning');
    const { stdout: text } = await mesh(['doctor'], dir, away);
    assert.match(text, /Tried:\n {13,}- .*\/nonexistent\/docker\.sock/);
    assert.doesNotMatch(text, /GiB free/);
  });

  test('config --running says that nothing runs, exit 1', async () => {
    const { code, stdout, stderr } = await mesh(['config', '--running'], await withFile(good), away);
    assert.equal(code, 1);
    assert.equal(stdout, '');
    assert.match(stderr, /no mesh runs/);
  });

  test('a second start names the copy that runs and how to end that very one, exit 3', async () => {
    const folder = await withFile(good);
    const run = join(folder, '.mesh', 'projects', 'two', 'run');
    await mkdir(run, { recursive: true });
    await using server = createServer();
    await once(server.listen(join(run, 'daemon.sock')), 'listening');
    for (const args of [['up'], ['up', '-d']]) {
      const { code, stderr } = await mesh(args, folder, { ...away, MESH_PROJECT: 'two' });
      assert.equal(code, 3, stderr);
      assert.match(stderr, /already runs for two in /);
      assert.match(stderr, /`mesh -p two down` ends it/);
    }
  });

  test('status says that nothing runs, exit 1', async () => {
    const { code, stderr } = await mesh(['status'], await withFile(good), away);
    assert.equal(code, 1);
    assert.match(stderr, /no mesh runs/);
  });
});
