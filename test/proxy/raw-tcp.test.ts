/** Raw TCP through the data plane: which port speaks what, where the connection goes, what is counted. Copying bytes has its own tests. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import type { Connector, TcpProxy } from '../../src/proxy/data-plane.ts';
import type { Snapshot } from '../../src/snapshot/snapshot.ts';
import { eventually } from '../support/eventually.ts';
import { exchangeRaw, get, startHttp, startRaw, statusOf } from './backend.ts';
import {
  clusterTo,
  freePort,
  inboundSnapshot,
  outboundSnapshot,
  plainConnector,
  ruleTo,
  startPlane,
} from './data-plane-harness.ts';

/** The smallest proxy that keeps the port's promises. */
const pipes: TcpProxy = ({ socket, initial }, upstream) => {
  let received = initial.length;
  let sent = 0;
  upstream.open(
    server => {
      socket.on('data', part => {
        received += part.length;
      });
      server.on('data', part => {
        sent += part.length;
      });
      server.write(initial);
      socket.pipe(server);
      server.pipe(socket);
      socket.on('close', () => {
        server.destroy();
        upstream.closed(received, sent);
      });
      server.on('close', () => socket.destroy());
    },
    () => {
      socket.destroy();
      upstream.closed(0, 0);
    },
  );
};

function talkingTo(protocol: 'tcp' | 'auto', ports: readonly number[], http: number): Snapshot {
  const snapshot = outboundSnapshot([clusterTo('db', ports), clusterTo('web', [http])], [ruleTo('web')], { accessLog: 'json' });
  const tcp = [{ cluster: 'db', weight: 1 }];
  return { ...snapshot, outbound: [{ address: '240.240.0.1', port: 80, protocol, service: 'db', routeTable: 'all', tcp }] };
}

describe('raw TCP', () => {
  test('goes to an endpoint that answers and is counted', async () => {
    await using db = await startRaw(socket => socket.on('data', bytes => socket.end(`<${bytes.toString()}>`)));
    const dead = await freePort();
    await using plane = await startPlane('outbound', talkingTo('tcp', [dead, db.port], dead), { tcp: pipes });
    for (let i = 0; i < 2; i++) assert.equal(await exchangeRaw(plane.port, 'PING'), '<PING>');
    await eventually(() =>
      assert.match(plane.plane.metrics(), /istio_tcp_connections_closed_total\{.*destination_service="db".*\} 2\n/),
    );
    assert.match(plane.plane.metrics(), /istio_tcp_received_bytes_total\{.*\} 8\n/);
    assert.match(plane.plane.metrics(), /istio_tcp_sent_bytes_total\{.*\} 12\n/);
    assert.equal((JSON.parse(plane.accessLog[0] ?? '{}') as Record<string, unknown>)['upstream_cluster'], 'db');
  });

  test('without an endpoint that answers is closed and flagged', async () => {
    const dead = await freePort();
    await using plane = await startPlane('outbound', talkingTo('tcp', [dead], dead), { tcp: pipes });
    assert.equal(await exchangeRaw(plane.port, 'PING'), '');
    assert.equal((JSON.parse(plane.accessLog[0] ?? '{}') as Record<string, unknown>)['response_flags'], 'UF');
  });

  test('on a port of unknown protocol: the client’s first bytes tell, and silence means that the server speaks first', async () => {
    await using db = await startRaw(socket => {
      socket.write('hello');
      socket.on('data', () => socket.end());
    });
    await using web = await startHttp((_, res) => res.end());
    await using plane = await startPlane('outbound', talkingTo('auto', [db.port], web.port), { tcp: pipes });
    assert.equal(statusOf(await exchangeRaw(plane.port, get('/'))), 200);
    assert.equal(await exchangeRaw(plane.port, '*1\r\n$4\r\nPING\r\n'), 'hello');
    const silent = connect({ host: '127.0.0.1', port: plane.port });
    let got = '';
    silent.on('data', bytes => {
      got += bytes.toString();
    });
    await eventually(() => assert.equal(got, 'hello'));
    silent.destroy();
  });

  test('inbound is judged by the caller alone', async () => {
    let dialled = 0;
    const connector: Connector = {
      connect(...all) {
        dialled++;
        return plainConnector.connect(...all);
      },
    };
    await using db = await startRaw(socket => socket.end('secret'));
    const rule = {
      name: 'r',
      action: 'allow' as const,
      principals: ['spiffe://test.local/a'],
      methods: [],
      paths: [],
      hosts: [],
    };
    const snapshot = inboundSnapshot(db.port, { protocol: 'tcp', access: { default: 'deny', rules: [rule] } });
    const options = { localPort: db.port, tcp: pipes, connector };
    await using stranger = await startPlane('inbound', snapshot, options);
    assert.equal(await exchangeRaw(stranger.port, ''), '');
    assert.equal(dialled, 0);
    const peer = { spiffeId: 'spiffe://test.local/a', certificateHash: '' };
    await using friend = await startPlane('inbound', snapshot, { ...options, peer });
    assert.equal(await exchangeRaw(friend.port, ''), 'secret');
  });
});
