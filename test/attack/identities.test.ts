/**
 * Certificates that are nearly those of a sidecar, shown to a sidecar by a caller and by a server. What is one, by X509-SVID and our own rules, is in the first
 * table; all others are refused, whatever they look like when somebody prints them.
 */
import assert from 'node:assert/strict';
import type { KeyObject } from 'node:crypto';
import { describe, test } from 'node:test';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { systemClock } from '../../src/async/clock.ts';
import { createSvid } from '../../src/identity/svid.ts';
import { bind } from '../../src/proxy/listener/bind.ts';
import { TlsAcceptor } from '../../src/proxy/tls/acceptor.ts';
import { createConnector } from '../../src/proxy/tls/connector.ts';
import { streamProtocol } from '../../src/proxy/tls/mesh-protocols.ts';
import { WorkloadIdentity } from '../../src/proxy/tls/workload-identity.ts';
import type { Cluster } from '../../src/snapshot/snapshot.ts';
import { clusterTo } from '../proxy/data-plane-harness.ts';
import { afterTest, serving } from '../support/after-test.ts';
import { createTestCa, type LeafOptions, newKey } from '../support/test-ca.ts';

const now = Date.now();
const ca = createTestCa(now);
/** Another CA that calls itself the same. */
const foreign = createTestCa(now);
const id = 'spiffe://bookshop.local/ns/default/sa/reviews';
const other = 'spiffe://bookshop.local/ns/default/sa/ratings';

interface Shown {
  readonly key: KeyObject;
  readonly chainPem: string;
}
type Case = readonly [what: string, make: () => Shown];

/** A leaf of the mesh's CA. */
function leaf(what: string, spiffeId: string | null, options: LeafOptions = {}, authority = ca): Case {
  return [
    what,
    () => {
      const key = newKey();
      return { key, chainPem: authority.issue(key, spiffeId, options) };
    },
  ];
}

const url = (value: string) => ({ type: 'url' as const, value });
const dns = (value: string) => ({ type: 'dns' as const, value });

const good: readonly Case[] = [
  leaf('an SVID', id),
  leaf('with a DNS name beside', id, { names: [dns('reviews')] }),
  leaf("with another one's id as a DNS name", id, { names: [dns(other)] }),
  leaf('with a common name', id, { commonName: 'reviews' }),
  leaf("with another one's id as common name", id, { commonName: other }),
  leaf('for servers and clients', id, { extendedKeyUsage: ['serverAuth', 'clientAuth'] }),
  leaf('with key encipherment', id, { keyUsage: 0xa0 }),
  leaf('not yet valid by less than clocks differ', id, { notBeforeMs: now - 1000 }),
];

const badNames: readonly Case[] = [
  leaf('no name at all', null),
  leaf('a DNS name only', null, { names: [dns('reviews')] }),
  leaf('an id as a DNS name', null, { names: [dns(id)] }),
  leaf('an id as common name', null, { commonName: id }),
  leaf('an id as a mail address', null, { names: [{ type: 'email', value: id }] }),
  leaf('an id as a registered id', null, { names: [{ type: 'registered', value: id }] }),
  leaf('an address only', null, { names: [{ type: 'ip', value: '\x7f\0\0\x01' }] }),
  leaf('two ids, the own one first', id, { names: [url(other)] }),
  leaf('two ids, the own one last', other, { names: [url(id)] }),
  leaf('the same id twice', id, { names: [url(id)] }),
  leaf('an id and another URI', id, { names: [url('https://reviews')] }),
  leaf('names in two extensions', id, { namesTwice: true }),
  leaf('a DNS name that prints as an id', null, { names: [dns(`a, URI:${id}`)] }),
  leaf('a DNS name that prints as an id, escaped', null, { names: [dns(`a\\u002c URI:${id}`)] }),
  leaf('a URI that prints as two', `spiffe://bookshop.local/a, URI:${id}`),
  leaf('a URI that prints as two, escaped', `spiffe://bookshop.local/a\\u002c URI:${id}`),
  leaf('a URI with a new line', `${id}\nURI:${other}`),
  leaf('an id with a NUL behind', `${id}\0`),
  leaf('an id with a NUL and more', `${id}\0.evil.test`),
  leaf('an id with a slash at its end', `${id}/`),
  leaf('an id with two slashes', 'spiffe://bookshop.local//ns/default/sa/reviews'),
  leaf('an id with a dot segment', 'spiffe://bookshop.local/ns/./default/sa/reviews'),
  leaf('an id that goes up', 'spiffe://bookshop.local/ns/default/sa/ratings/../reviews'),
  leaf('an id with a percent sign', 'spiffe://bookshop.local/ns/default/sa/%72eviews'),
  leaf('an id with a query', `${id}?a=b`),
  leaf('an id with a fragment', `${id}#a`),
  leaf('an id with a space', `${id} `),
  leaf('an id beyond ASCII', 'spiffe://bookshop.local/ns/default/sa/revi\xe9ws'),
  leaf('an id of a trust domain alone', 'spiffe://bookshop.local'),
  leaf('an id of another scheme', 'https://bookshop.local/ns/default/sa/reviews'),
  leaf('an id in capitals', 'SPIFFE://bookshop.local/ns/default/sa/reviews'),
  leaf('a trust domain in capitals', 'spiffe://BOOKSHOP.LOCAL/ns/default/sa/reviews'),
  leaf('a trust domain with a port', 'spiffe://bookshop.local:8443/ns/default/sa/reviews'),
  leaf('a trust domain with a user', 'spiffe://a@bookshop.local/ns/default/sa/reviews'),
  leaf('no trust domain', 'spiffe:///ns/default/sa/reviews'),
  leaf('another trust domain', 'spiffe://other.local/ns/default/sa/reviews'),
  leaf('a longer trust domain', 'spiffe://bookshop.local.evil.test/ns/default/sa/reviews'),
  leaf('a trust domain that ends the same', 'spiffe://evil-bookshop.local/ns/default/sa/reviews'),
  leaf('an id of 2049 bytes', `spiffe://bookshop.local/${'a'.repeat(2049 - 24)}`),
  leaf('no id', ''),
];

const badUse: readonly Case[] = [
  leaf('a CA', id, { isCa: true }),
  leaf('a CA that may sign certificates', id, { isCa: true, keyUsage: 0x84 }),
  leaf('key usage: certificates', id, { keyUsage: 0x84 }),
  leaf('key usage: revocation lists', id, { keyUsage: 0x82 }),
  leaf('key usage: no signatures', id, { keyUsage: 0x20 }),
  leaf('no key usage', id, { keyUsage: null }),
  leaf('key usage that is not critical', id, { keyUsageCritical: false }),
  leaf('for servers only', id, { extendedKeyUsage: ['serverAuth'] }),
  leaf('for clients only', id, { extendedKeyUsage: ['clientAuth'] }),
];

const badChains: readonly Case[] = [
  leaf('of another CA of the same name', id, {}, foreign),
  leaf('expired', id, { notBeforeMs: now - 7_200_000, expiresAtMs: now - 1000 }),
  leaf('of tomorrow', id, { notBeforeMs: now + 86_400_000 / 2, expiresAtMs: now + 86_400_000 }),
  [
    'signed by itself',
    () => {
      const key = newKey();
      return { key, chainPem: ca.issue(key, id, { signer: { key, commonName: 'test root' } }) };
    },
  ],
  [
    'signed by another workload, which is shown along',
    () => {
      const [key, signer] = [newKey(), newKey()];
      const between = ca.issue(signer, other, { commonName: 'ratings' });
      return { key, chainPem: ca.issue(key, id, { signer: { key: signer, commonName: 'ratings' } }) + between };
    },
  ],
  [
    'signed by a CA that a workload pretends to be',
    () => {
      const [key, signer] = [newKey(), newKey()];
      const between = ca.issue(signer, other, { commonName: 'ratings', isCa: true, keyUsage: 0x84 });
      return { key, chainPem: ca.issue(key, id, { signer: { key: signer, commonName: 'ratings' } }) + between };
    },
  ],
];

/** What a client may take a server for that is not the one it means. */
const otherServers: readonly Case[] = [
  'spiffe://bookshop.local/ns/default/sa/ratings',
  'spiffe://bookshop.local/ns/default/sa/review',
  'spiffe://bookshop.local/ns/default/sa/reviews2',
  'spiffe://bookshop.local/ns/default/sa/Reviews',
  'spiffe://bookshop.local/ns/shop/sa/reviews',
  'spiffe://bookshop.local/ns/default/sa/reviews/v1',
  'spiffe://bookshop.local/sa/reviews',
  'spiffe://bookshop.local/mesh/daemon',
].map(one => leaf(`the server ${one}`, one));

function sidecar(): WorkloadIdentity {
  const key = newKey();
  const made = new WorkloadIdentity(systemClock);
  made.replace(createSvid(key, ca.issue(key, other), ca.bundlePem, other, Date.now()));
  return made;
}

const pemOf = ({ key }: Shown): string => key.export({ type: 'pkcs8', format: 'pem' }) as string;

/** What a sidecar makes of a caller: its id, or why it was refused. */
async function asCaller(shown: Shown): Promise<string> {
  const acceptor = new TlsAcceptor(sidecar(), systemClock, [streamProtocol]);
  const outcome = Promise.withResolvers<string>();
  const binding = await bind(['127.0.0.1'], 0, transport => {
    afterTest(() => transport.destroy());
    acceptor.accept(
      transport,
      (_stream, peer) => outcome.resolve(peer.spiffeId),
      reason => outcome.resolve(`refused: ${reason}`),
    );
  });
  afterTest(() => binding.close());
  const at = { port: binding.port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: [streamProtocol] };
  const client = connectTls({ ...at, key: pemOf(shown), cert: shown.chainPem });
  afterTest(() => client.destroy());
  client.on('error', () => {});
  return outcome.promise;
}

/** What a sidecar that means `reviews` makes of a server: `connected`, or why not. */
async function asServer(shown: Shown): Promise<string> {
  const server = createTlsServer({ key: pemOf(shown), cert: shown.chainPem, requestCert: true, rejectUnauthorized: false });
  server.on('tlsClientError', () => {}).on('secureConnection', socket => socket.on('error', () => {}));
  const port = await serving(server);
  const cluster: Cluster = { ...clusterTo('reviews', []), identities: [id], connectTimeoutMs: 10_000 };
  return new Promise(resolve => {
    createConnector(sidecar(), systemClock).connect(
      cluster,
      { workload: 'reviews-1', address: '127.0.0.1', port, tls: 'mtls' },
      stream => {
        stream.destroy();
        resolve('connected');
      },
      (failure, detail) => resolve(`refused: ${failure}, ${detail}`),
    );
  });
}

describe('certificates of a sidecar', () => {
  for (const [what, make] of good)
    test(what, async () => {
      assert.equal(await asCaller(make()), id);
      assert.equal(await asServer(make()), 'connected');
    });
});

for (const [group, cases] of [
  ['names', badNames],
  ['use', badUse],
  ['chain', badChains],
] as const) {
  describe(`refused for their ${group}`, () => {
    for (const [what, make] of cases)
      test(what, async () => {
        assert.match(await asCaller(make()), /^refused: (certificate|client|tls handshake)/);
        assert.match(await asServer(make()), /^refused: (identity|tls), ./);
      });
  });
}

describe('servers that are somebody else', () => {
  for (const [what, make] of otherServers)
    test(what, async () => assert.match(await asServer(make()), /^refused: identity, server is spiffe:/));
});

test('enough is tried', () => assert.ok(badNames.length + badUse.length + badChains.length + otherServers.length >= 41));
