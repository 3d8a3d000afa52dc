/**
 * The rules of mesh.yaml on a real engine, one after the other: what the app behind the sidecars gets, what the caller gets, and that an edit is in force
 * without a failed request.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { EchoMesh } from '../support/echo-mesh.ts';
import { eventually } from '../support/eventually.ts';
import { SteadyLoad } from '../support/steady-load.ts';

const rules = `
    - {name: exact, match: {path: /exact}, split: {v1: 90, v2: 10}, exact: true}
    - {name: query, match: {query: {debug: "1"}}, to: v2}
    - {name: not, match: {path: /not, headers: {plan: {not: {exact: free}}}}, to: v2}
    - {name: regex, match: {path: {regex: "/user/[0-9]+"}}, to: v2}
    - {name: rewrite, match: {path: /old/*}, to: v1, rewrite: {prefix: /new}}
    - {name: redirect, match: {path: /moved}, redirect: {path: /here, status: 302}}
    - {name: respond, match: {path: /teapot}, respond: {status: 418, body: "short and stout"}}
    - name: headers
      match: {path: /headers}
      to: v1
      headers: {request: {set: {x-set: "1"}, remove: [x-gone]}, response: {add: {x-added: "2"}, remove: [x-from]}}
    - {name: cors, match: {path: /cors}, to: v1, cors: {origins: ["https://shop.example"], methods: [GET, PUT], maxAge: 1h}}
    - {name: mirror, match: {path: /mirror}, to: v1, mirror: v2}
    - {name: abort, match: {path: /abort}, to: v1, fault: {abort: 503}}
    - {name: delay, match: {path: /delay}, to: v1, fault: {delay: 300ms}}
    - {name: cut, match: {path: /cut}, to: v1, fault: {reset: true}}
    - {name: timeout, match: {path: /timeout}, to: v1, timeout: 200ms}
    - {name: retry, match: {path: /retry}, to: v1, retries: {attempts: 3, on: [5xx], backoff: 1ms}}
    - {name: limited, match: {path: /limited}, to: v1, rateLimit: {requests: 2, per: 1h}}
    - {name: rest, to: v1}`;

let mesh: EchoMesh;

before(async () => {
  mesh = await EchoMesh.create('e2e-traffic', rules, '', 'seed: 7');
  const up = await mesh.mesh('up', '-d', '--wait');
  assert.equal(up.code, 0, `mesh up: ${up.stderr}${up.stdout}`);
});

after(async () => {
  await mesh?.[Symbol.asyncDispose]();
});

const version = async (url: string, headers: Readonly<Record<string, string>> = {}): Promise<string> =>
  (await mesh.echo(url, { headers })).version;

describe('matching', () => {
  test('query parameters, negated headers and regular expressions choose the rule', async () => {
    assert.equal(await version('echo:7000/x?debug=1'), 'v2');
    assert.equal(await version('echo:7000/x?debug=10'), 'v1');
    assert.equal(await version('echo:7000/not', { plan: 'paid' }), 'v2');
    assert.equal(await version('echo:7000/not'), 'v2');
    assert.equal(await version('echo:7000/not', { plan: 'free' }), 'v1');
    assert.equal(await version('echo:7000/user/42'), 'v2');
    assert.equal(await version('echo:7000/user/42/x'), 'v1');
  });

  test('an exact split gives 9 and 1 in every 10', async () => {
    for (let round = 0; round < 3; round++) {
      const seen: string[] = [];
      for (let i = 0; i < 10; i++) seen.push(await version('echo:7000/exact'));
      assert.equal(seen.filter(each => each === 'v2').length, 1, seen.join(' '));
    }
  });
});

describe('actions', () => {
  test('a prefix is rewritten, the old path is told, the query stays', async () => {
    const got = await mesh.echo('echo:7000/old/a/b?c=d');
    assert.equal(got.url, '/new/a/b?c=d');
    assert.equal(got.headers['x-envoy-original-path'], '/old/a/b?c=d');
  });

  test('redirects and direct responses come from the sidecar', async () => {
    const moved = await mesh.call('echo:7000/moved?a=b');
    assert.equal(moved.status, 302);
    assert.equal(moved.headers['location'], 'http://echo:7000/here?a=b');
    const teapot = await mesh.call('echo:7000/teapot');
    assert.deepEqual([teapot.status, teapot.body], [418, 'short and stout']);
  });

  test('headers are set, added and removed on the way there and back', async () => {
    const answer = await mesh.call('echo:7000/headers', { headers: { 'x-set': '0', 'x-gone': 'x' } });
    const got = JSON.parse(answer.body);
    assert.equal(got.headers['x-set'], '1');
    assert.equal(got.headers['x-gone'], undefined);
    assert.equal(answer.headers['x-added'], '2');
    assert.equal(answer.headers['x-from'], undefined);
  });

  test('a preflight of an allowed origin is answered by the sidecar, the request itself marked', async () => {
    const origin = 'https://shop.example';
    const preflight = await mesh.call('echo:7000/cors', {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'PUT' },
    });
    assert.equal(preflight.status, 200);
    assert.equal(preflight.headers['access-control-allow-origin'], origin);
    assert.equal(preflight.headers['access-control-allow-methods'], 'GET,PUT');
    assert.equal(preflight.headers['access-control-max-age'], '3600');
    assert.equal(preflight.headers['x-from'], undefined, 'the app was not asked');
    const real = await mesh.call('echo:7000/cors', { headers: { origin } });
    assert.equal(real.headers['access-control-allow-origin'], origin);
    const strange = await mesh.call('echo:7000/cors', { headers: { origin: 'https://evil.example' } });
    assert.equal(strange.headers['access-control-allow-origin'], undefined);
  });

  test('a mirror gets a copy with its body, the caller only the first answer', async () => {
    const key = 'mirrored';
    const answer = await mesh.echo('echo:7000/mirror', { method: 'POST', headers: { 'x-key': key }, body: 'copy me' });
    assert.equal(answer.version, 'v1');
    await eventually(async () => {
      // v2 counts the requests of a key: the mirrored one came before this.
      const seen = await mesh.echo('echo-v2:7000/', { headers: { 'x-key': key } });
      assert.ok(seen.tries >= 2, `v2 has seen ${seen.tries}`);
    });
  });
});

describe('faults, timeouts and retries', () => {
  test('an abort answers in place of the service, a reset cuts the connection, a delay waits', async () => {
    const aborted = await mesh.call('echo:7000/abort');
    assert.deepEqual([aborted.status, aborted.body], [503, 'fault filter abort']);
    assert.equal((await mesh.call('echo:7000/cut')).error, 'ECONNRESET');
    assert.equal((await mesh.call('echo:7000/delay')).status, 200);
    const log = await mesh.mesh('logs', '--sidecar', 'relay');
    assert.match(log.stdout, /"GET \/abort HTTP\/1\.1" 503 FI fault_filter_abort/);
    assert.match(log.stdout, /"GET \/delay HTTP\/1\.1" 200 DI via_upstream/);
  });

  test('a slow answer is given up with 504 UT', async () => {
    const answer = await mesh.call('echo:7000/timeout', { headers: { 'x-slow': '5000' } });
    assert.deepEqual([answer.status, answer.body], [504, 'upstream request timeout']);
  });

  test('a failing request is tried again, the app is told which try it is', async () => {
    const got = await mesh.echo('echo:7000/retry', { headers: { 'x-key': 'retry', 'x-fail-first': '2' } });
    assert.equal(got.tries, 3);
    assert.equal(got.headers['x-envoy-attempt-count'], '3');
  });

  test('a token bucket that is empty answers 429', async () => {
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await mesh.call('echo:7000/limited')).status);
    assert.deepEqual(statuses, [200, 200, 429]);
  });

  test('a live fault is in force when the command returns, hits the first calls only, and ends', async () => {
    const added = await mesh.mesh('fault', 'add', 'echo', '--abort', '500', '--first', '2', '--route', 'rest');
    assert.equal(added.code, 0, added.stderr);
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await mesh.call('echo:7000/other')).status);
    assert.deepEqual(statuses, [500, 500, 200]);
    assert.match((await mesh.mesh('status')).stdout, /abort-\d+ +echo +rest +abort 500, first 2/);
    assert.equal((await mesh.mesh('fault', 'rm', added.stdout.trim())).code, 0);
    const whole = await mesh.mesh('fault', 'add', 'echo', '--abort', '501');
    assert.equal((await mesh.call('echo:7000/other')).status, 501);
    assert.equal((await mesh.mesh('fault', 'rm', whole.stdout.trim())).code, 0);
    assert.equal((await mesh.call('echo:7000/other')).status, 200);
  });
});

describe('explain', () => {
  test('says which rule takes a request, why the others do not, and where it goes', async () => {
    const asked = await mesh.mesh('explain', 'relay', 'GET', 'http://echo:7000/old/a?b=c');
    assert.equal(asked.code, 0, asked.stderr);
    assert.match(asked.stdout, /^listener 240\.240\.\d+\.\d+:7000 \(echo\)$/m);
    assert.match(asked.stdout, /^✖ exact: path has to be /m);
    assert.match(asked.stdout, /^✔ rewrite$/m);
    assert.match(asked.stdout, /^→ 100% outbound\|7000\|v1\|echo$/m);
    assert.match(asked.stdout, /^ {2}as \/new\/a\?b=c/m);
    const negated = await mesh.mesh('explain', 'relay', 'get', 'http://echo:7000/not', '-H', 'plan: paid', '--json');
    assert.equal(JSON.parse(negated.stdout).route.outcome.rule, 'not');
    const gateway = await mesh.mesh('explain', 'web', 'GET', 'http://shop.localhost/');
    assert.match(gateway.stdout, /listener gateway web/);
    const outside = await mesh.mesh('explain', 'relay', 'GET', 'http://nowhere.example/');
    assert.match(outside.stdout, /nowhere\.example is no name of the mesh/);
    const unknown = await mesh.mesh('explain', 'rellay', 'GET', 'http://echo:7000/');
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /no workload "rellay" runs\n.*did you mean `relay`/);
  });
});

describe('hot reload', () => {
  test('every kind of rule is changed under load without a failed request', async () => {
    const load = new SteadyLoad(4, async () => {
      const answer = await mesh.call('echo:7000/steady');
      return answer.status === 200 ? null : `${answer.status} ${answer.body}`;
    });
    await using _ = load;
    const edits: readonly (readonly [string, string])[] = [
      ['to: v1, rewrite: {prefix: /new}', 'to: v2, rewrite: {prefix: /newer}'],
      ['status: 418', 'status: 410'],
      ['{set: {x-set: "1"}', '{set: {x-set: "3"}'],
      ['maxAge: 1h', 'maxAge: 2h'],
      ['mirror: v2', 'mirror: {to: v2, percent: 50%}'],
      ['fault: {abort: 503}', 'fault: {abort: 404}'],
      ['timeout: 200ms', 'timeout: 5s'],
      ['attempts: 3', 'attempts: 2'],
      ['requests: 2, per: 1h', 'requests: 1000, per: 1s'],
      ['seed: 7', 'seed: 8'],
      [
        'versions: {v1: echo-v1, v2: echo-v2}',
        'versions: {v1: echo-v1, v2: echo-v2}, balancer: {ringHash: {header: x-user}}, outliers: {maxEjected: 50%}',
      ],
    ];
    for (const [from, to] of edits) {
      await mesh.edit(text => text.replace(from, to));
      await load.more(8);
    }
    await eventually(async () => assert.equal((await mesh.call('echo:7000/abort')).status, 404));
    await eventually(async () => assert.equal((await mesh.echo('echo:7000/old/a')).url, '/newer/a'));
    await load.stop();
    assert.deepEqual(load.failures, []);
    const status = await mesh.status();
    assert.deepEqual(status.config.diagnostics, []);
  });
});
