/** Raw TCP through the data plane: which port speaks what, where the connection goes, what is counted. Copying bytes has its own tests. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import type { Connector, TcpProxy } from '../../src/proxy/data-plane.ts';
import { TcpSessions } from '../../src/proxy/tcp/tcp-proxy.ts';
import type { ByteStream } from '../../src/proxy/transport/byte-stream.ts';
import type { Snapshot } from '../../src/snapshot/snapshot.ts';
import { eventually } from '../support/eventually.ts';
import { rule } from './access/rules.ts';
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
const pipes: TcpProxy = ({ stream, initial }, upstream) => {
  let received = initial.length;
  let sent = 0;
  upstream.open(
    (server, spoken) => {
      const copy = (from: ByteStream, to: ByteStream, count: (length: number) => void, over: () => void): void => {
        from.readBy({
          bytes(bytes, start, end) {
            count(end - start);
            to.write(Buffer.from(bytes.subarray(start, end)));
          },
          ended: () => to.end(),
          drained() {},
          closed: over,
        });
        from.resume();
      };
      server.write(initial);
      if (spoken !== undefined) stream.write(spoken);
      sent = spoken?.length ?? 0;
      copy(
        stream,
        server,
        length => {
          received += length;
        },
        () => {
          server.destroy();
          upstream.closed(received, sent);
        },
      );
      copy(
        server,
        stream,
        length => {
          sent += length;
        },
        () => stream.destroy(),
      );
    },
    () => {
      stream.destroy();
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

  test('on a port of unknown protocol a late request is HTTP all the same, and goes the way of its route', async () => {
    let dialled = 0;
    let left = 0;
    await using db = await startRaw(socket => {
      dialled++;
      socket.on('end', () => left++).resume();
    });
    await using web = await startHttp((_, res) => res.end('routed'));
    await using plane = await startPlane('outbound', talkingTo('auto', [db.port], web.port), { tcp: new TcpSessions().proxy });
    const late = connect({ host: '127.0.0.1', port: plane.port });
    let got = '';
    late.on('data', bytes => {
      got += bytes.toString();
    });
    // Longer than anybody waits for a client's first byte: the server that might speak first has been dialled.
    await eventually(() => assert.equal(dialled, 1));
    late.write('GE');
    late.write('T / HTTP/1.1\r\nHost: x\r\n\r\n');
    await eventually(() => assert.match(got, /routed/));
    await eventually(() => assert.equal(left, 1));
    late.destroy();
    assert.match(plane.plane.metrics(), /istio_tcp_connections_closed_total\{.*destination_service="db".*\} 1\n/);
  });

  test('on a port of unknown protocol late bytes that are not HTTP go to the server that was dialled for them', async () => {
    const heard: string[] = [];
    await using db = await startRaw(socket => {
      heard.push('');
      socket.on('data', bytes => socket.end(`<${bytes.toString()}>`));
    });
    await using plane = await startPlane('outbound', talkingTo('auto', [db.port], db.port), { tcp: new TcpSessions().proxy });
    const late = connect({ host: '127.0.0.1', port: plane.port });
    let got = '';
    late.on('data', bytes => {
      got += bytes.toString();
    });
    await eventually(() => assert.equal(heard.length, 1));
    late.write('ping');
    await eventually(() => assert.equal(got, '<ping>'));
    assert.equal(heard.length, 1);
    late.destroy();
  });

  test('a silent client of a server that cannot be reached is closed', async () => {
    const dead = await freePort();
    await using plane = await startPlane('outbound', talkingTo('auto', [dead], dead), { tcp: new TcpSessions().proxy });
    const silent = connect({ host: '127.0.0.1', port: plane.port });
    let closed = false;
    silent
      .on('error', () => {})
      .on('close', () => {
        closed = true;
      });
    await eventually(() => assert.equal(closed, true));
    const entry = JSON.parse(plane.accessLog[0] ?? '{}') as Record<string, unknown>;
    assert.equal(entry['response_flags'], 'UF');
    assert.equal(plane.accessLog.length, 1);
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
    const snapshot = inboundSnapshot(db.port, {
      protocol: 'tcp',
      access: { default: 'deny', rules: [rule('allow', { principal: ['spiffe://test.local/a'] })] },
    });
    const options = { localPort: db.port, tcp: pipes, connector };
    await using stranger = await startPlane('inbound', snapshot, options);
    assert.equal(await exchangeRaw(stranger.port, ''), '');
    assert.equal(dialled, 0);
    const peer = { spiffeId: 'spiffe://test.local/a', certificateHash: '' };
    await using friend = await startPlane('inbound', snapshot, { ...options, peer });
    assert.equal(await exchangeRaw(friend.port, ''), 'secret');
  });
});
