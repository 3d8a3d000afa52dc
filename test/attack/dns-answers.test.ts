/**
 * Whoever answers for a name outside chooses the address that a sidecar dials, from inside the pod: loopback there has metrics and the control channel, which
 * nobody else is to reach. At a gateway with a rule to that name the caller is a stranger.
 */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { decode, encode } from 'dns-packet';
import { systemClock } from '../../src/async/clock.ts';
import { DnsForwarder } from '../../src/proxy/dns/forward.ts';
import { ResolvedEndpoints } from '../../src/proxy/dns/resolved-endpoints.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { clusterTo, emptySnapshot } from '../proxy/data-plane-harness.ts';

test('a name outside that leads to the sidecar itself gives no endpoint', async () => {
  const socket = createSocket('udp4');
  socket.on('message', (query, { port, address }) => {
    const { id, questions } = decode(query);
    const name = questions?.[0]?.name ?? '';
    const answers = ['127.0.0.1', '127.9.9.9', '0.0.0.0', '240.240.3.4', '10.1.2.3'].map(data => ({
      type: 'A' as const,
      name,
      ttl: 60,
      data,
    }));
    socket.send(encode({ type: 'response', id: id ?? 0, questions: questions ?? [], answers }), port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const forwarder = new DnsForwarder([{ address: '127.0.0.1', port: socket.address().port }], systemClock);
  const endpoints = new ResolvedEndpoints(
    forwarder,
    systemClock,
    createLog('proxy', () => {}),
    () => {},
  );
  const cluster = (port: number) =>
    clusterTo(`to ${port}`, [], { resolution: 'dns', endpoints: [{ workload: 'x', address: 'evil.test', port, tls: 'plain' }] });
  const snapshot = { ...emptySnapshot, clusters: [cluster(15021), cluster(15012), cluster(443)] };
  await endpoints.prepare(snapshot);
  const found = endpoints.fill(snapshot).clusters.map(each => each.endpoints.map(endpoint => endpoint.address));
  endpoints.close();
  socket.close();
  assert.deepEqual(found, [['10.1.2.3'], ['10.1.2.3'], ['0.0.0.0', '10.1.2.3', '127.0.0.1', '127.9.9.9']]);
});
