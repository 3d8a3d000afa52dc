import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { connect as connectTls, TLSSocket } from 'node:tls';
import { type Clock, systemClock } from '../../src/async/clock.ts';
import { createSvid } from '../../src/identity/svid.ts';
import { TrustBundle } from '../../src/identity/trust-bundle.ts';
import type { PeerIdentity } from '../../src/proxy/data-plane.ts';
import { type Binding, bind } from '../../src/proxy/listener/bind.ts';
import { TlsAcceptor } from '../../src/proxy/tls/acceptor.ts';
import { createConnector, serverNameOf } from '../../src/proxy/tls/connector.ts';
import { WorkloadIdentity } from '../../src/proxy/tls/workload-identity.ts';
import type { ByteStream } from '../../src/proxy/transport/byte-stream.ts';
import { resetConnection } from '../../src/proxy/transport/reset.ts';
import { SocketStream } from '../../src/proxy/transport/socket-stream.ts';
import type { Cluster, Endpoint } from '../../src/snapshot/snapshot.ts';
import { afterTest } from '../support/after-test.ts';
import { StreamEar } from '../support/stream-ear.ts';
import { createTestCa, type LeafOptions, newKey, type TestCa } from '../support/test-ca.ts';

const ca = createTestCa(Date.now());
const spiffe = (service: string): string => `spiffe://bookshop.local/ns/default/sa/${service}`;
function identity(
  id: string,
  options: LeafOptions & { readonly authority?: TestCa; readonly clock?: Clock } = {},
): WorkloadIdentity {
  const key = newKey();
  const authority = options.authority ?? ca;
  const made = new WorkloadIdentity(options.clock ?? systemClock);
  const svid = createSvid(key, authority.issue(key, id, options), authority.bundlePem, id, options.notBeforeMs ?? Date.now());
  made.replace({ ...svid, trust: new TrustBundle(ca.bundlePem) });
  return made;
}

interface Serving {
  readonly endpoint: Endpoint;
  readonly accepted: Promise<{ readonly stream: SocketStream; readonly peer: PeerIdentity; readonly serverName: string }>;
  readonly refused: Promise<string>;
}

async function serve(server: WorkloadIdentity): Promise<Serving> {
  const acceptor = new TlsAcceptor(server, systemClock);
  const accepted = Promise.withResolvers<Awaited<Serving['accepted']>>();
  const refused = Promise.withResolvers<string>();
  const binding: Binding = await bind(['127.0.0.1'], 0, transport => {
    afterTest(() => transport.destroy());
    acceptor.accept(
      transport,
      (stream, peer, _, serverName) => {
        // Session tickets come before it.
        stream.text('hello');
        accepted.resolve({ stream, peer, serverName });
      },
      refused.resolve,
    );
  });
  afterTest(() => binding.close());
  return {
    endpoint: { workload: 'w', address: '127.0.0.1', port: binding.port, tls: 'mtls' },
    accepted: accepted.promise,
    refused: refused.promise,
  };
}

function clusterOf(...identities: string[]): Cluster {
  return {
    name: 'outbound|9080|v1|reviews',
    service: 'reviews',
    subset: 'v1',
    port: 9080,
    endpoints: [],
    balancer: 'round-robin',
    connectTimeoutMs: 5000,
    identities,
    idleTimeoutMs: 60_000,
  };
}

type Outcome = { readonly stream: ByteStream } | { readonly failure: string; readonly detail: string };

function dial(
  client: WorkloadIdentity,
  cluster: Cluster,
  endpoint: Endpoint,
  connector = createConnector(client, systemClock),
  resettable = false,
): Promise<Outcome> {
  return new Promise(resolve => {
    connector.connect(
      cluster,
      endpoint,
      stream => {
        afterTest(() => stream.destroy());
        resolve({ stream });
      },
      (failure, detail) => resolve({ failure, detail }),
      resettable,
    );
  });
}

function streamOf(outcome: Outcome): ByteStream {
  assert.ok('stream' in outcome, JSON.stringify(outcome));
  return outcome.stream;
}

test('two sidecars know each other and half-close works both ways', async () => {
  const serving = await serve(identity(spiffe('reviews')));
  const client = streamOf(await dial(identity(spiffe('storefront')), clusterOf(spiffe('reviews')), serving.endpoint));
  const { stream: server, peer, serverName } = await serving.accepted;
  assert.equal(serverName, 'outbound_.9080_.v1_.reviews');
  assert.equal(peer.spiffeId, spiffe('storefront'));
  assert.match(peer.certificateHash, /^[0-9a-f]{64}$/);
  client.text('question');
  client.end();
  const atServer = new StreamEar(server);
  await atServer.end;
  assert.equal(atServer.heard, 'question');
  server.text('answer after the end');
  server.end();
  const atClient = new StreamEar(client);
  await atClient.end;
  assert.equal(atClient.heard, 'helloanswer after the end');
  assert.deepEqual(await Promise.all([atServer.gone, atClient.gone]), [false, false]);
});

for (const resetting of ['client', 'server'] as const) {
  test(`a reset by the ${resetting} goes through TLS as a reset`, async () => {
    const serving = await serve(identity(spiffe('reviews')));
    const client = identity(spiffe('storefront'));
    const outcome = await dial(
      client,
      clusterOf(spiffe('reviews')),
      serving.endpoint,
      createConnector(client, systemClock),
      true,
    );
    const { stream: server } = await serving.accepted;
    const [resets, hears] = resetting === 'client' ? [streamOf(outcome), server] : [server, streamOf(outcome)];
    const ear = new StreamEar(hears);
    resets.reset();
    assert.equal(await ear.gone, true);
  });
}

test('a server with another identity is not spoken to', async () => {
  const serving = await serve(identity(spiffe('ratings')));
  const outcome = await dial(identity(spiffe('storefront')), clusterOf(spiffe('reviews')), serving.endpoint);
  assert.deepEqual(outcome, { failure: 'identity', detail: `server is ${spiffe('ratings')}` });
});

test('a server of another CA is not spoken to', async () => {
  const serving = await serve(identity(spiffe('reviews'), { authority: createTestCa(Date.now()) }));
  const outcome = await dial(identity(spiffe('storefront')), clusterOf(spiffe('reviews')), serving.endpoint);
  assert.equal('failure' in outcome && outcome.failure, 'tls');
});

const badClients: readonly (readonly [string, () => WorkloadIdentity, RegExp])[] = [
  ['another CA', () => identity(spiffe('storefront'), { authority: createTestCa(Date.now()) }), /client certificate: /],
  ['another trust domain', () => identity('spiffe://other.local/ns/default/sa/storefront'), /trust domain other\.local/],
  ['two URI names', () => twoNames(), /2 URI names/],
];
function twoNames(): WorkloadIdentity {
  const key = newKey();
  const made = new WorkloadIdentity(systemClock);
  const svid = createSvid(key, ca.issue(key, spiffe('a')), ca.bundlePem, spiffe('a'), Date.now());
  made.replace({ ...svid, chainPem: ca.issue(key, spiffe('a'), { names: [{ type: 'url', value: spiffe('b') }] }) });
  return made;
}
for (const [what, make, reason] of badClients) {
  test(`a client of ${what} is refused by name`, async () => {
    const serving = await serve(identity(spiffe('reviews')));
    void dial(make(), clusterOf(spiffe('reviews')), serving.endpoint);
    assert.match(await serving.refused, reason);
  });
}

test('a client whose certificate has expired is refused by name', async () => {
  const serving = await serve(identity(spiffe('reviews')));
  const slow: Clock = { ...systemClock, now: () => Date.now() - 3_600_000 };
  const expired = identity(spiffe('storefront'), {
    notBeforeMs: Date.now() - 7_200_000,
    expiresAtMs: Date.now() - 1000,
    clock: slow,
  });
  void dial(expired, clusterOf(spiffe('reviews')), serving.endpoint);
  assert.match(
    await serving.refused,
    /^client certificate: CERT_HAS_EXPIRED: has expired at \d{4}-.*Z, the clock here says \d{4}-.*Z$/,
  );
});

test('a client without a certificate, one with TLS 1.2 and one without TLS are refused by name', async () => {
  const open = async (start: (port: number) => Socket): Promise<string> => {
    const serving = await serve(identity(spiffe('reviews')));
    const socket = start(serving.endpoint.port);
    afterTest(() => socket.destroy());
    socket.on('error', () => {});
    return serving.refused;
  };
  assert.equal(
    await open(port => connectTls({ port, host: '127.0.0.1', ca: ca.bundlePem, rejectUnauthorized: false })),
    'no client certificate',
  );
  assert.match(await open(port => connectTls({ port, host: '127.0.0.1', maxVersion: 'TLSv1.2' })), /UNSUPPORTED_PROTOCOL/);
  assert.equal(
    await open(port =>
      connect(port, '127.0.0.1')
        .setNoDelay(true)
        .on('connect', function (this: Socket) {
          this.write('GET / HTTP/1.1\r\n\r\n');
        }),
    ),
    'plaintext',
  );
});

test('without an SVID and after its end nothing is dialled or accepted', async () => {
  const serving = await serve(identity(spiffe('reviews')));
  assert.deepEqual(await dial(new WorkloadIdentity(systemClock), clusterOf(spiffe('reviews')), serving.endpoint), {
    failure: 'no-svid',
    detail: 'svid_missing',
  });
  let now = Date.now();
  const clock: Clock = { ...systemClock, now: () => now };
  const ageing = identity(spiffe('reviews'), { clock });
  now += 2 * 86_400_000;
  assert.deepEqual(await dial(ageing, clusterOf(spiffe('reviews')), serving.endpoint), {
    failure: 'no-svid',
    detail: 'svid_expired',
  });
  const late = await serve(ageing);
  void dial(identity(spiffe('storefront')), clusterOf(spiffe('reviews')), late.endpoint);
  assert.equal(await late.refused, 'svid_expired');
});

test('connection failures have their kinds', async () => {
  const client = identity(spiffe('storefront'));
  const free = await bind(['127.0.0.1'], 0, () => {});
  free.close();
  const at = (port: number): Endpoint => ({ workload: 'w', address: '127.0.0.1', port, tls: 'mtls' });
  assert.deepEqual(await dial(client, clusterOf(), at(free.port)), { failure: 'refused', detail: 'ECONNREFUSED' });
  const resetting = await bind(['127.0.0.1'], 0, socket => resetConnection(socket));
  afterTest(() => resetting.close());
  const outcome = await dial(client, clusterOf(), at(resetting.port));
  assert.equal('failure' in outcome && outcome.failure, 'reset');
  const silent = await bind(['127.0.0.1'], 0, socket => {
    afterTest(() => socket.destroy());
    socket.resume();
  });
  afterTest(() => silent.close());
  assert.deepEqual(await dial(client, { ...clusterOf(), connectTimeoutMs: 50 }, at(silent.port)), {
    failure: 'timeout',
    detail: 'no connection after 50 ms',
  });
});

test('a second connection resumes the session, a renewed identity does not', async () => {
  const server = identity(spiffe('reviews'));
  const client = identity(spiffe('storefront'));
  const connector = createConnector(client, systemClock);
  const serving = await serve(server);
  const reused = async (): Promise<boolean> => {
    const stream = streamOf(await dial(client, clusterOf(spiffe('reviews')), serving.endpoint, connector));
    await new StreamEar(stream).first;
    // Tickets that came with these bytes are announced within the same turn.
    await new Promise(resolve => setImmediate(resolve));
    return stream instanceof SocketStream && stream.socket instanceof TLSSocket && stream.socket.isSessionReused();
  };
  assert.equal(await reused(), false);
  assert.equal(await reused(), true);
  const key = newKey();
  client.replace(createSvid(key, ca.issue(key, spiffe('storefront')), ca.bundlePem, spiffe('storefront'), Date.now()));
  assert.equal(await reused(), false);
});

test('server names are written as Istio writes them', () => {
  assert.equal(serverNameOf('outbound|9080|v1|reviews'), 'outbound_.9080_.v1_.reviews');
});
