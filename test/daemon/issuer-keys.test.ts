/** Keys of issuers over real HTTP: fetched, refreshed, kept while the issuer is away. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { MeshEventBody } from '../../src/api/types.ts';
import type { PublicKeys } from '../../src/config/jwks.ts';
import type { MeshConfig, TokenIssuerConfig } from '../../src/config/mesh-config.ts';
import { IssuerKeys } from '../../src/daemon/issuer-keys.ts';
import { meshConfig } from '../runtime/configs.ts';
import { afterTest } from '../support/after-test.ts';
import { eventually } from '../support/eventually.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';
import { serveKeys, type TokenAnswer, type TokenServer, tokenKey } from '../support/token-issuer.ts';

const one = await tokenKey('ES256', 'one');
const two = await tokenKey('RS256', 'two');

function configOf(...urls: readonly string[]): MeshConfig {
  const tokens = urls.map(
    (url, index): TokenIssuerConfig => ({
      ...{ issuer: `issuer-${index}`, audiences: [], from: [], to: [], forward: false, claimHeaders: [], spaceDelimited: [] },
      keys: { kind: 'url', url },
    }),
  );
  return { ...meshConfig([]), tokens };
}

interface Fixture {
  readonly keys: IssuerKeys;
  readonly clock: ManualClock;
  readonly events: MeshEventBody[];
  readonly stateDir: string;
  /** Names of the keys in force, by URL. */
  kids(url: string): readonly unknown[] | null;
}

function fixture(stateDir = mkdtempSync(join(tmpdir(), 'mesh-keys-'))): Fixture {
  const clock = manualClock();
  const events: MeshEventBody[] = [];
  let applied: ReadonlyMap<string, PublicKeys> = new Map();
  const keys = new IssuerKeys({ clock, stateDir, apply: now => (applied = now), emit: event => events.push(event) });
  afterTest(async () => {
    await keys.close();
    rmSync(stateDir, { recursive: true, force: true });
  });
  return { keys, clock, events, stateDir, kids: url => applied.get(url)?.map(key => key['kid']) ?? null };
}

async function issuer(answer: TokenAnswer): Promise<TokenServer> {
  const server = await serveKeys(answer);
  afterTest(() => server[Symbol.asyncDispose]());
  return server;
}

const textOf = (event: MeshEventBody | undefined): string =>
  event?.kind === 'keys' ? `${event.change}: ${event.text}` : String(event?.kind);

describe('keys by URL', () => {
  test('are fetched, and every five minutes again; old and new ones are there together', async () => {
    const { keys, clock, kids, events } = fixture();
    const server = await issuer({ keys: [one] });
    keys.update(configOf(server.url));
    await eventually(() => assert.deepEqual(kids(server.url), ['one']));
    server.serve({ keys: [one, two] });
    clock.advance(299_000);
    assert.equal(server.asked, 1);
    clock.advance(1000);
    await eventually(() => assert.deepEqual(kids(server.url), ['one', 'two']));
    assert.deepEqual(events.map(textOf), [
      'refreshed: keys of issuer issuer-0 refreshed: 1 key',
      'refreshed: keys of issuer issuer-0 refreshed: 2 keys',
    ]);
  });

  test('stay while the issuer is away, which is told once; it is asked again sooner', async () => {
    const { keys, clock, kids, events } = fixture();
    const server = await issuer({ keys: [one] });
    keys.update(configOf(server.url));
    await eventually(() => assert.deepEqual(kids(server.url), ['one']));
    server.serve({ status: 503 });
    keys.refresh();
    await eventually(() => assert.equal(events.length, 2));
    assert.equal(
      textOf(events[1]),
      'unreachable: keys of issuer issuer-0 cannot be fetched: it answered 503; those known stay in force',
    );
    for (const [asked, waitMs] of [
      [3, 1000],
      [4, 2000],
      [5, 4000],
    ] as const)
      await eventually(() => {
        clock.advance(waitMs);
        assert.ok(server.asked >= asked);
      });
    assert.deepEqual([kids(server.url), events.length], [['one'], 2]);
    assert.deepEqual(keys.statuses, [{ issuer: 'issuer-0', url: server.url, keys: 1, problem: 'it answered 503' }]);
    server.serve({ keys: [one] });
    await eventually(() => {
      clock.advance(60_000);
      assert.equal(textOf(events[2]), 'refreshed: keys of issuer issuer-0 refreshed: 1 key');
    });
  });

  test('are kept for the next daemon, for nobody else to read', async () => {
    const first = fixture();
    const server = await issuer({ keys: [one] });
    first.keys.update(configOf(server.url));
    const file = join(first.stateDir, 'issuer-keys.json');
    await eventually(() => assert.match(readFileSync(file, 'utf8'), /"kid": "one"/));
    assert.equal(statSync(file).mode & 0o777, 0o600);
    server.serve({ silent: true });
    const next = fixture(first.stateDir);
    next.keys.update(configOf(server.url));
    assert.deepEqual(next.kids(server.url), ['one']);
  });

  test('what a kept file holds is checked like an answer', async () => {
    const server = await issuer({ silent: true });
    for (const kept of ['nonsense', '[]', '{"x": 1}', JSON.stringify({ [server.url]: [{ kty: 'oct', k: 'c2VjcmV0' }] })]) {
      const { keys, kids, stateDir } = fixture();
      writeFileSync(join(stateDir, 'issuer-keys.json'), kept);
      keys.update(configOf(server.url));
      assert.equal(kids(server.url), null);
    }
  });

  test('of an issuer that is gone are forgotten, and it is not asked any more', async () => {
    const { keys, clock, kids } = fixture();
    const [a, b] = [await issuer({ keys: [one] }), await issuer({ keys: [two] })];
    keys.update(configOf(a.url, b.url));
    await eventually(() => assert.deepEqual([kids(a.url), kids(b.url)], [['one'], ['two']]));
    keys.update(configOf(b.url));
    assert.deepEqual([kids(a.url), kids(b.url)], [null, ['two']]);
    clock.advance(300_000);
    await eventually(() => assert.equal(b.asked, 2));
    assert.equal(a.asked, 1);
  });
});

describe('what is no answer', () => {
  const privateKey = { ...one.jwk, d: 'c2VjcmV0' };
  for (const [what, answer, reason] of [
    ['no JSON', { body: '<html>' }, 'its answer is not JSON'],
    ['no key set', { body: '{"key": []}' }, 'there is no key set (`{"keys": […]}`)'],
    ['a private key', { body: JSON.stringify({ keys: [two.jwk, privateKey] }) }, 'the key set holds a private key'],
    [
      'a shared key',
      { body: '{"keys":[{"kty":"oct","k":"eA"}]}' },
      'the key set holds a shared secret (`oct`): whoever checks with it can sign too',
    ],
    ['far too much', { body: `{"keys":[],"x":"${'x'.repeat(300_000)}"}` }, 'the key set is larger than 256 KiB'],
    [
      'a way to somebody else',
      { status: 302, headers: { location: 'http://127.0.0.1:1/keys' } },
      'it redirects to somebody else',
    ],
    ['a circle', { status: 302, headers: { location: '/keys' } }, 'it redirects again and again'],
    ['a redirect to nowhere', { status: 302 }, 'it answered 302'],
  ] as const satisfies readonly (readonly [string, TokenAnswer, string])[]) {
    test(what, async () => {
      const { keys, kids, events } = fixture();
      const server = await issuer(answer);
      keys.update(configOf(server.url));
      await eventually(() => assert.equal(events.length, 1));
      assert.equal(
        textOf(events[0]),
        `unreachable: keys of issuer issuer-0 cannot be fetched: ${reason}; its tokens are refused until it answers`,
      );
      assert.equal(kids(server.url), null);
    });
  }

  test('nobody there', async () => {
    const { keys, events } = fixture();
    keys.update(configOf('http://127.0.0.1:1/keys'));
    await eventually(() => assert.match(textOf(events[0]), /cannot be fetched: (ECONNREFUSED|bad port)/));
  });

  test('a redirect within the host is followed', async () => {
    const { keys, kids } = fixture();
    const server = createServer((request, response) => {
      if (request.url === '/keys') response.writeHead(307, { location: '/v2/keys' }).end();
      else response.end(JSON.stringify({ keys: [one.jwk] }));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    afterTest(() => {
      server.closeAllConnections();
      server.close();
    });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
    keys.update(configOf(url));
    await eventually(() => assert.deepEqual(kids(url), ['one']));
  });
});
