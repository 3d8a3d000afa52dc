/** Tokens on a real engine: keys fetched from this machine, claims told to apps, asked by rules, rotated and reloaded under load. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { EchoMesh } from '../support/echo-mesh.ts';
import { eventually } from '../support/eventually.ts';
import { SteadyLoad } from '../support/steady-load.ts';
import { mintToken, serveKeys, type TokenKey, type TokenServer, tokenKey } from '../support/token-issuer.ts';

const [one, two] = await Promise.all([tokenKey('ES256', 'one'), tokenKey('RS256', 'two')]);
const iss = 'https://auth.test';
const alice = { iss, sub: 'alice', exp: Math.floor(Date.now() / 1000) + 3600, realm: { groups: ['staff'] } };
const beta = { ...alice, sub: 'bob', realm: { groups: ['staff', 'beta'] } };

const rules = `
    - {name: everything, to: v1}`;

let issuer: TokenServer;
let mesh: EchoMesh;

before(async () => {
  issuer = await serveKeys({ keys: [one] });
  const more = `
tokens:
  - issuer: ${iss}
    jwks: ${issuer.url}
    forward: true
    claimsToHeaders: {x-user: sub, x-groups: realm.groups}
access:
  - {from: web, to: relay}
  - {from: [relay, web], to: echo, claims: {realm.groups: staff}}
`;
  mesh = await EchoMesh.create('e2e-tokens', rules, '', more);
  await mesh.edit(text =>
    text.replace('routes: [{to: relay}]', 'routes: [{match: {claims: {realm.groups: beta}}, to: echo/v2}, {to: relay}]'),
  );
  const up = await mesh.mesh('up', '-d', '--wait');
  assert.equal(up.code, 0, `mesh up: ${up.stderr}${up.stdout}`);
});

after(async () => {
  await mesh?.[Symbol.asyncDispose]();
  await issuer?.[Symbol.asyncDispose]();
});

const withToken = (token: string, more: Readonly<Record<string, string>> = {}) => ({
  headers: { authorization: `Bearer ${token}`, ...more },
});

async function ask(token: string): Promise<Response> {
  return fetch(`http://127.0.0.1:${mesh.gatewayPort}/echo:7000/a`, { ...withToken(token), signal: AbortSignal.timeout(20_000) });
}

/** Status that the app behind the rules answers the relay with, or the gateway the client. */
async function statusOf(token: string): Promise<number> {
  const response = await ask(token);
  return response.status === 200 ? ((await response.json()) as { status: number }).status : response.status;
}

/** A change of mesh.yaml makes the daemon ask for keys again. */
async function change(edit: (text: string) => string): Promise<void> {
  await mesh.edit(text => `${edit(text).trimEnd()}\n# ${Math.random()}\n`);
}

describe('tokens on a running mesh', () => {
  test('what a token says reaches the app and its rules, not what a client claims', async () => {
    await eventually(async () => assert.equal(await statusOf(await mintToken(one, alice)), 200));
    const got = await mesh.echo(
      'echo:7000/a',
      withToken(await mintToken(one, alice), { 'x-user': 'root', 'x-groups': 'admins' }),
    );
    assert.equal(got.headers['x-user'], 'alice');
    assert.equal(got.headers['x-groups'], Buffer.from('["staff"]').toString('base64'));
    assert.equal((await mesh.call('echo:7000/a')).status, 403);
    assert.equal((await mesh.call('echo:7000/a', { headers: { 'x-user': 'root' } })).status, 403);
    assert.equal(await statusOf(await mintToken(one, { ...alice, realm: { groups: ['guests'] } })), 403);
  });

  test('a bad one ends at the gateway', async () => {
    const expired = await ask(await mintToken(one, { ...alice, exp: 1 }));
    assert.deepEqual([expired.status, await expired.text()], [401, 'Jwt is expired']);
    assert.match(
      expired.headers.get('www-authenticate') ?? '',
      /^Bearer realm="http:\/\/127\.0\.0\.1:\d+\/echo:7000\/a", error="invalid_token"$/,
    );
    assert.equal((await ask(await mintToken(two, alice))).status, 401);
    assert.equal((await ask('nonsense')).status, 401);
  });

  test('a rule of the gateway asks for a claim', async () => {
    const response = await ask(await mintToken(one, beta));
    const { version, headers } = (await response.json()) as { version: string; headers: Record<string, string> };
    assert.deepEqual([version, headers['x-user']], ['v2', 'bob']);
  });

  test('explain says so', async () => {
    const { stdout } = await mesh.mesh(
      'explain',
      'web',
      'GET',
      `http://127.0.0.1:${mesh.gatewayPort}/`,
      '-H',
      `authorization: Bearer ${await mintToken(one, beta)}`,
    );
    assert.match(stdout, /token of https:\/\/auth\.test\/bob; its signature is not checked here/);
    assert.match(stdout, /echo/);
  });

  test('keys are rotated, and no good token is refused', async () => {
    const [old, fresh] = [await mintToken(one, alice), await mintToken(two, alice)];
    const good = async (): Promise<string | null> => {
      const status = await statusOf(old);
      return status === 200 ? null : String(status);
    };
    await using load = new SteadyLoad(2, good);
    await load.more(20);
    issuer.serve({ keys: [one, two] });
    await change(text => text);
    await eventually(async () => assert.equal(await statusOf(fresh), 200));
    await load.more(20);
    issuer.serve({ status: 503 });
    await change(text => text);
    await load.more(20);
    await load.stop();
    assert.deepEqual(load.failures, []);
    issuer.serve({ keys: [two] });
    await change(text => text);
    await eventually(async () => assert.equal(await statusOf(old), 401));
    assert.equal(await statusOf(fresh), 200);
  });

  test('a change of mesh.yaml holds at once: audiences', async () => {
    const [any, shop] = [await mintToken(two, alice), await mintToken(two, { ...alice, aud: 'shop' })];
    await change(text => text.replace('    forward: true', '    forward: true\n    audiences: [shop]'));
    await eventually(async () => {
      const response = await ask(any);
      assert.deepEqual([response.status, await response.text()], [403, 'Audiences in Jwt are not allowed']);
    });
    assert.equal(await statusOf(shop), 200);
  });

  test('keys in a file are reloaded when it changes', async () => {
    const [old, fresh] = await Promise.all([one, two].map(key => mintToken(key, { ...alice, aud: 'shop' })));
    const write = (key: TokenKey) => writeFile(join(mesh.dir, 'keys.json'), JSON.stringify({ keys: [key.jwk] }));
    const statuses = async () => [await statusOf(old ?? ''), await statusOf(fresh ?? '')];
    await write(one);
    await change(text => text.replace(issuer.url, './keys.json'));
    await eventually(async () => assert.deepEqual(await statuses(), [200, 401]));
    await write(two);
    await eventually(async () => assert.deepEqual(await statuses(), [401, 200]));
  });
});
