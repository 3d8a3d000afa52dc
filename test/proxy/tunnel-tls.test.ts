import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { systemClock } from '../../src/async/clock.ts';
import { Deadlines } from '../../src/async/deadline.ts';
import { createSvid } from '../../src/identity/svid.ts';
import { bind } from '../../src/proxy/listener/bind.ts';
import { TlsAcceptor } from '../../src/proxy/tls/acceptor.ts';
import { createConnector } from '../../src/proxy/tls/connector.ts';
import { WorkloadIdentity } from '../../src/proxy/tls/workload-identity.ts';
import type { ByteStream } from '../../src/proxy/transport/byte-stream.ts';
import { tunnelProtocol } from '../../src/proxy/transport/tunnel/frame.ts';
import { TunnelAcceptor } from '../../src/proxy/transport/tunnel/tunnel-acceptor.ts';
import { TunnelConnector } from '../../src/proxy/transport/tunnel/tunnel-connector.ts';
import type { Cluster, Endpoint } from '../../src/snapshot/snapshot.ts';
import { Listener } from '../contract/byte-stream-contract.ts';
import { afterTest } from '../support/after-test.ts';
import { eventually } from '../support/eventually.ts';
import { createTestCa, newKey } from '../support/test-ca.ts';

const ca = createTestCa(Date.now());
const spiffe = (service: string): string => `spiffe://bookshop.local/ns/default/sa/${service}`;
function svid(service: string): ReturnType<typeof createSvid> {
  const key = newKey();
  return createSvid(key, ca.issue(key, spiffe(service)), ca.bundlePem, spiffe(service), Date.now());
}

function identity(service: string): WorkloadIdentity {
  const made = new WorkloadIdentity(systemClock);
  made.replace(svid(service));
  return made;
}

/** A server that chooses among `protocols`; streams greet. */
async function serve(
  protocols: readonly string[],
): Promise<{ endpoint: Endpoint; protocols: (string | null)[]; peers: string[] }> {
  const acceptor = new TlsAcceptor(identity('reviews'), systemClock, protocols);
  const tunnels = new TunnelAcceptor(new Deadlines(systemClock), () => {});
  const seen: (string | null)[] = [];
  const peers: string[] = [];
  const binding = await bind(['127.0.0.1'], 0, (transport: Socket) => {
    afterTest(() => transport.destroy());
    acceptor.accept(
      transport,
      (stream, peer, protocol) => {
        seen.push(protocol);
        const greet = (to: ByteStream): void => {
          peers.push(peer.spiffeId);
          to.text('hello');
        };
        if (protocol === tunnelProtocol) tunnels.accept(stream, greet);
        else greet(stream);
      },
      assert.fail,
    );
  });
  afterTest(() => binding.close());
  return { endpoint: { workload: 'reviews-1', address: '127.0.0.1', port: binding.port, tls: 'mtls' }, protocols: seen, peers };
}

const cluster: Cluster = {
  name: 'outbound|9080||reviews',
  service: 'reviews',
  subset: '',
  port: 9080,
  endpoints: [],
  balancer: 'round-robin',
  connectTimeoutMs: 5000,
  identities: [spiffe('reviews')],
  idleTimeoutMs: 60_000,
};

/** Opens `count` streams and waits until each has been greeted. */
async function greeted(connector: TunnelConnector, endpoint: Endpoint, count: number): Promise<void> {
  const listeners: Listener[] = [];
  for (let i = 0; i < count; i++)
    connector.connect(
      cluster,
      endpoint,
      stream => listeners.push(new Listener(stream)),
      (failure, detail) => assert.fail(`${failure}: ${detail}`),
    );
  await eventually(() => assert.equal(listeners.filter(each => each.text === 'hello').length, count), { everyMs: 2 });
}

function connectorOf(own: WorkloadIdentity): TunnelConnector {
  const connector = new TunnelConnector(createConnector(own, systemClock), new Deadlines(systemClock));
  own.onReplaced(() => connector.renew());
  afterTest(() => connector.destroy());
  return connector;
}

test('sidecars choose the tunnel: many streams, one handshake, the same peer on each', async () => {
  const server = await serve([tunnelProtocol]);
  await greeted(connectorOf(identity('storefront')), server.endpoint, 20);
  assert.deepEqual(server.protocols, [tunnelProtocol]);
  assert.deepEqual(server.peers, Array(20).fill(spiffe('storefront')));
});

test('a new certificate means a new connection', async () => {
  const server = await serve([tunnelProtocol]);
  const own = identity('storefront');
  const connector = connectorOf(own);
  await greeted(connector, server.endpoint, 3);
  own.replace(svid('storefront'));
  await greeted(connector, server.endpoint, 3);
  assert.equal(server.protocols.length, 2);
});

test('a server that does not know the tunnel gets a connection per stream', async () => {
  const server = await serve([]);
  await greeted(connectorOf(identity('storefront')), server.endpoint, 5);
  assert.deepEqual(server.protocols, Array(5).fill(null));
});

test('a foreign client with names of its own is served as it comes', async () => {
  const server = await serve([tunnelProtocol]);
  const key = newKey();
  const socket = connectTls({
    port: server.endpoint.port,
    host: '127.0.0.1',
    key: key.export({ type: 'pkcs8', format: 'pem' }),
    cert: ca.issue(key, spiffe('foreign')),
    ca: ca.bundlePem,
    ALPNProtocols: ['h2', 'http/1.1'],
    checkServerIdentity: () => undefined,
  });
  afterTest(() => socket.destroy());
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  assert.equal(bytes.toString(), 'hello');
  assert.deepEqual(server.protocols, ['h2']);
  assert.deepEqual(server.peers, [spiffe('foreign')]);
});
