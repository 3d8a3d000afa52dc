/** Rules that change, for connections that were open before: through real sockets. */
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { inboundJudge } from '../../../src/proxy/filters/order.ts';
import { TcpSessions } from '../../../src/proxy/tcp/tcp-proxy.ts';
import type { AccessPolicy } from '../../../src/snapshot/access-policy.ts';
import { eventually } from '../../support/eventually.ts';
import { exchangeRaw, get, startHttp, startRaw, statusOf } from '../backend.ts';
import { type Harness, inboundSnapshot, startPlane } from '../data-plane-harness.ts';
import { ruleParts } from '../rule-harness.ts';
import { rule } from './rules.ts';

const web = { spiffeId: 'spiffe://test.local/ns/default/sa/web', certificateHash: 'aa' };
const open: AccessPolicy = { default: 'deny', rules: [rule('allow', { principal: [web.spiffeId] }, { name: 'web' })] };
const shut: AccessPolicy = {
  default: 'deny',
  rules: [rule('allow', { principal: ['spiffe://test.local/ns/default/sa/other'] })],
};

interface Client {
  readonly socket: Socket;
  /** All that came so far. */
  readonly got: () => string;
}

function client(port: number): Client {
  const socket = connect({ host: '127.0.0.1', port });
  let got = '';
  socket.setEncoding('latin1');
  socket.on('data', part => {
    got += part;
  });
  socket.on('error', () => {});
  return { socket, got: () => got };
}

describe('a policy that changes', () => {
  test('is for the next request on an open connection', async () => {
    await using app = await startHttp((_, res) => res.end('ok'));
    const snapshot = (access: AccessPolicy) => inboundSnapshot(app.port, { access });
    await using plane = await startPlane('inbound', snapshot(open), { localPort: app.port, peer: web });
    const { socket, got } = client(plane.port);
    const request = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
    socket.write(request);
    await eventually(() => assert.match(got(), /200 OK[\s\S]*ok$/));
    plane.plane.apply(snapshot(shut));
    socket.write(request);
    await eventually(() => assert.match(got(), /403 Forbidden[\s\S]*RBAC: access denied$/));
    plane.plane.apply(snapshot(open));
    socket.write(request);
    await eventually(() => assert.equal(got().match(/200 OK/g)?.length, 2));
    socket.destroy();
  });

  test('ends raw TCP connections that it refuses, and no others', async () => {
    await using db = await startRaw(socket => socket.on('data', data => socket.write(data)));
    const sessions = new TcpSessions();
    const snapshot = (access: AccessPolicy | null) => inboundSnapshot(db.port, { protocol: 'tcp', access });
    await using plane = await startPlane('inbound', snapshot(null), { localPort: db.port, peer: web, tcp: sessions.proxy });
    const { socket, got } = client(plane.port);
    socket.write('hello');
    await eventually(() => assert.equal(got(), 'hello'));
    plane.plane.apply(snapshot(open));
    socket.write(' again');
    await eventually(() => assert.equal(got(), 'hello again'));
    const closed = new Promise(resolve => socket.on('close', resolve));
    plane.plane.apply(snapshot(shut));
    await closed;
    await eventually(() => assert.equal(sessions.count, 0));
    assert.match(plane.bugs.at(-1) ?? '', /refused a connection.*rbac_access_denied/);
    assert.equal(await exchangeRaw(plane.port, 'x'), '');
  });

  const handshake =
    'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n';
  const startWebSocket = async (plane: Harness): Promise<Client> => {
    const opened = client(plane.port);
    opened.socket.write(handshake);
    await eventually(() => assert.match(opened.got(), /101 Switching/));
    return opened;
  };

  test('ends WebSockets of callers that it refuses altogether', async () => {
    await using app = await startRaw(socket =>
      socket.once('data', () =>
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'),
      ),
    );
    const snapshot = (access: AccessPolicy) => ({ ...inboundSnapshot(app.port, { access }), accessLog: 'json' as const });
    await using plane = await startPlane('inbound', snapshot(open), { localPort: app.port, peer: web });
    const { socket } = await startWebSocket(plane);
    // Some of what this caller may send is refused: that is for requests to come.
    plane.plane.apply(snapshot({ default: 'allow', rules: [rule('deny', { path: ['/admin*'] })] }));
    assert.equal(plane.accessLog.length, 0);
    const closed = new Promise(resolve => socket.on('close', resolve));
    plane.plane.apply(snapshot(shut));
    await closed;
    await eventually(() => assert.match(plane.accessLog[0] ?? '', /"response_code":101.*"rbac_access_denied/));
  });
});

test('rules that stay the same are judged by the same judge', () => {
  const parts = ruleParts();
  const { inbound } = inboundSnapshot(80, { access: open });
  const [listener] = inbound;
  assert.ok(listener);
  const before = inboundJudge(listener, parts);
  const later = ruleParts({ before: parts });
  assert.equal(inboundJudge({ ...listener, rateLimits: [] }, later), before);
  assert.notEqual(inboundJudge({ ...listener, access: shut }, later), before);
});

describe('what is refused or marked', () => {
  const samples = (plane: Harness): readonly string[] =>
    plane.plane
      .metrics()
      .split('\n')
      .filter(line => line.startsWith('mesh_access_decisions_total{'))
      .map(line => line.replace('mesh_access_decisions_total', ''))
      .sort();

  test('is counted by its rule and told in the access log, with the request id', async () => {
    await using app = await startHttp((_, res) => res.end('ok'));
    const access: AccessPolicy = {
      default: 'allow',
      rules: [
        rule('deny', { path: ['/admin*'] }, { name: 'no admin' }),
        rule('audit', { path: ['/export*'] }, { name: 'exports' }),
        rule('deny', { path: ['/new*'] }, { name: 'new wall', dryRun: true }),
      ],
    };
    const snapshot = { ...inboundSnapshot(app.port, { access }), accessLog: 'json' as const };
    await using plane = await startPlane('inbound', snapshot, { localPort: app.port, peer: web });
    const statuses = [];
    for (const path of ['/ok', '/admin/a', '/export/1', '/new/1'])
      statuses.push(statusOf(await exchangeRaw(plane.port, get(path, `X-Request-Id: for ${path}`))));
    assert.deepEqual(statuses, [200, 403, 200, 200]);
    await eventually(() => assert.equal(plane.accessLog.length, 4));
    const told = plane.accessLog.map(line => JSON.parse(line) as Record<string, string>);
    assert.deepEqual(
      told.map(line => [line['response_code_details'], line['request_id']]),
      [
        ['via_upstream', 'for /ok'],
        ['rbac_access_denied_matched_policy[no_admin]', 'for /admin/a'],
        ['via_upstream;rbac_audit[exports]', 'for /export/1'],
        ['via_upstream;rbac_dry_run_denied[new_wall]', 'for /new/1'],
      ],
    );
    assert.deepEqual(samples(plane), [
      '{rule="",action="default",result="allowed",dry_run="false"} 3',
      '{rule="",action="default",result="allowed",dry_run="true"} 2',
      '{rule="exports",action="audit",result="audited",dry_run="false"} 1',
      '{rule="new wall",action="deny",result="denied",dry_run="true"} 1',
      '{rule="no admin",action="deny",result="denied",dry_run="false"} 1',
      '{rule="no admin",action="deny",result="denied",dry_run="true"} 1',
    ]);
    plane.plane.apply(inboundSnapshot(app.port, { access: { default: 'allow', rules: [] } }));
    assert.ok(
      samples(plane).every(line => line.includes('rule=""')),
      'series of rules that are gone go too',
    );
  });

  test('gRPC is told in its own way', async () => {
    await using app = await startHttp((_, res) => res.end('ok'));
    await using plane = await startPlane('inbound', inboundSnapshot(app.port, { access: shut }), {
      localPort: app.port,
      peer: web,
    });
    const answer = await exchangeRaw(plane.port, get('/pkg.Service/Call', 'Content-Type: application/grpc'));
    assert.match(answer, /^HTTP\/1.1 200 OK[\s\S]*grpc-status: 7\r\n/i);
    assert.match(answer, /grpc-message: RBAC%3A access denied/i);
  });

  test('a raw connection is counted too', async () => {
    await using db = await startRaw(socket => socket.end('hi'));
    const access: AccessPolicy = {
      default: 'deny',
      rules: [
        rule('allow', { principal: ['*/sa/web'] }, { name: 'web' }),
        rule('audit', {}, { name: 'all' }),
        rule('deny', {}, { name: 'wall', dryRun: true }),
      ],
    };
    const options = { localPort: db.port, tcp: new TcpSessions().proxy };
    await using plane = await startPlane('inbound', inboundSnapshot(db.port, { protocol: 'tcp', access }), {
      ...options,
      peer: web,
    });
    assert.equal(await exchangeRaw(plane.port, ''), 'hi');
    assert.deepEqual(samples(plane), [
      '{rule="all",action="audit",result="audited",dry_run="false"} 1',
      '{rule="wall",action="deny",result="denied",dry_run="true"} 1',
      '{rule="web",action="allow",result="allowed",dry_run="false"} 1',
    ]);
  });
});
