import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { systemClock } from '../../src/async/clock.ts';
import { Deadlines } from '../../src/async/deadline.ts';
import type { ConnectFailure } from '../../src/proxy/data-plane.ts';
import type { ByteStream } from '../../src/proxy/transport/byte-stream.ts';
import { tunnelProtocol } from '../../src/proxy/transport/tunnel/frame.ts';
import { TunnelAcceptor } from '../../src/proxy/transport/tunnel/tunnel-acceptor.ts';
import { type Dialer, TunnelConnector } from '../../src/proxy/transport/tunnel/tunnel-connector.ts';
import type { Cluster, Endpoint } from '../../src/snapshot/snapshot.ts';
import { Listener } from '../contract/byte-stream-contract.ts';
import { eventually } from '../support/eventually.ts';
import { type LinkEnd, memoryLink } from '../support/memory-link.ts';

const deadlines = new Deadlines(systemClock);
const endpoint: Endpoint = { workload: 'reviews-1', address: '10.0.0.7', port: 9080, tls: 'mtls' };
const soon = (check: () => void): Promise<void> => eventually(check, { everyMs: 1 });

function clusterOf(name = 'outbound|9080||reviews', identities = ['spiffe://m/ns/default/sa/reviews']): Cluster {
  return {
    name,
    service: 'reviews',
    subset: '',
    port: 9080,
    endpoints: [],
    balancer: 'round-robin',
    connectTimeoutMs: 5000,
    identities,
    idleTimeoutMs: 60_000,
  };
}

/** Connections in memory; the test decides when each is there and what the peer chose. */
class FakeDialer implements Dialer {
  readonly dials: { readonly offer: string | null; succeed(chosen: boolean): LinkEnd; fail(failure: ConnectFailure): void }[] =
    [];
  given = 0;

  dial(...[, , , offer, onConnected, onFailed]: Parameters<Dialer['dial']>): () => void {
    let over = false;
    this.dials.push({
      offer,
      succeed(chosen) {
        const [near, far] = memoryLink();
        over = true;
        onConnected(near, chosen);
        return far;
      },
      fail(failure) {
        over = true;
        onFailed(failure, 'told so');
      },
    });
    return () => {
      if (!over) this.given++;
      over = true;
    };
  }

  connect(...[cluster, to, onConnected, onFailed, resettable = false]: Parameters<Dialer['connect']>): () => void {
    return this.dial(cluster, to, resettable, null, onConnected, onFailed);
  }
}

describe('connecting to sidecars', () => {
  let dialer: FakeDialer;
  let connector: TunnelConnector;
  let acceptor: TunnelAcceptor;
  let accepted: Listener[];
  let problems: string[];
  beforeEach(() => {
    dialer = new FakeDialer();
    connector = new TunnelConnector(dialer, deadlines, { streamsPerConnection: 4 });
    const heard: string[] = [];
    problems = heard;
    acceptor = new TunnelAcceptor(deadlines, problem => heard.push(problem));
    accepted = [];
  });
  afterEach(() => {
    connector.destroy();
  });

  const connect = (cluster = clusterOf(), to = endpoint): { stream: ByteStream | null; failure: string; giveUp: () => void } => {
    const made = { stream: null as ByteStream | null, failure: '', giveUp: () => {} };
    made.giveUp = connector.connect(
      cluster,
      to,
      stream => {
        assert.equal(made.stream, null);
        made.stream = stream;
      },
      failure => {
        made.failure += failure;
      },
    );
    assert.equal(made.stream, null, 'called back within connect');
    return made;
  };
  /** The peer accepts dial `at` and chooses the tunnel. */
  const choose = (at: number): void => {
    const far = dialer.dials[at]?.succeed(true);
    if (far === undefined) assert.fail(`there is no dial ${at}`);
    acceptor.accept(far, stream => accepted.push(new Listener(stream)));
  };

  test('many streams share one connection, also of several subsets', async () => {
    const first = [connect(), connect(), connect(clusterOf('outbound|9080|v1|reviews'))];
    assert.equal(dialer.dials.length, 1);
    assert.equal(dialer.dials[0]?.offer, tunnelProtocol);
    choose(0);
    const later = connect();
    await soon(() => assert.ok(later.stream !== null));
    // Whoever sends on a stream of an older connection may find it lost: that is a reason to repeat.
    assert.deepEqual(
      [...first, later].map(wish => wish.stream?.shared),
      [false, false, false, true],
    );
    for (const [i, { stream }] of [...first, later].entries()) stream?.text(`${i}`);
    await soon(() => assert.deepEqual(accepted.map(each => each.text).sort(), ['0', '1', '2', '3']));
    assert.equal(dialer.dials.length, 1);
  });

  test('a further connection is made when one is full', async () => {
    const wishes = Array.from({ length: 6 }, () => connect());
    assert.equal(dialer.dials.length, 2, 'four wait for the first, two for the second');
    choose(0);
    choose(1);
    await soon(() => assert.ok(wishes.every(wish => wish.stream !== null)));
    const more = [connect(), connect(), connect()];
    await soon(() => assert.ok(more.filter(wish => wish.stream !== null).length === 2));
    assert.equal(dialer.dials.length, 3);
    for (const { stream } of wishes) stream?.destroy();
    const again = connect();
    await soon(() => assert.ok(again.stream !== null));
    assert.equal(dialer.dials.length, 3, 'room again');
  });

  test('a peer that does not choose it gets a connection per stream, and is asked again with each', async () => {
    const wishes = [connect(), connect(), connect()];
    assert.equal(dialer.dials.length, 1);
    const far = dialer.dials[0]?.succeed(false) as LinkEnd;
    await soon(() => assert.equal(dialer.dials.length, 3));
    wishes[0]?.stream?.text('plain');
    const heard = new Listener(far);
    await soon(() => assert.equal(heard.text, 'plain'));
    dialer.dials[1]?.succeed(false);
    const fourth = connect();
    assert.equal(dialer.dials.length, 4);
    // It has been replaced by one that does.
    choose(2);
    choose(3);
    await soon(() => assert.ok([...wishes, fourth].every(wish => wish.stream !== null)));
    connect();
    connect();
    assert.equal(dialer.dials.length, 4);
  });

  test('other identities and other endpoints need connections of their own', () => {
    connect();
    connect(clusterOf('outbound|9080||reviews', ['spiffe://m/ns/default/sa/other']));
    connect(clusterOf(), { ...endpoint, port: 9081 });
    connect(clusterOf(), { ...endpoint, workload: 'reviews-2' });
    assert.equal(dialer.dials.length, 4);
  });

  test('what is not mTLS is connected as ever', () => {
    connect(clusterOf(), { ...endpoint, tls: 'plain' });
    connect(clusterOf(), { ...endpoint, tls: 'plain' });
    assert.deepEqual(
      dialer.dials.map(dial => dial.offer),
      [null, null],
    );
  });

  test('everyone who waits hears of a failure, and the next one tries again', () => {
    const wishes = [connect(), connect()];
    dialer.dials[0]?.fail('refused');
    assert.deepEqual(
      wishes.map(wish => wish.failure),
      ['refused', 'refused'],
    );
    connect();
    assert.equal(dialer.dials.length, 2);
  });

  test('who gives up hears nothing; the last one stops the dial', async () => {
    const wishes = [connect(), connect()];
    wishes[0]?.giveUp();
    assert.equal(dialer.given, 0);
    wishes[1]?.giveUp();
    assert.equal(dialer.given, 1);
    const next = connect();
    assert.equal(dialer.dials.length, 2);
    choose(1);
    await soon(() => assert.ok(next.stream !== null));
    const ready = connect();
    ready.giveUp();
    await new Promise(resolve => setImmediate(resolve));
    assert.equal(ready.stream, null);
    assert.equal(wishes[0]?.stream, null);
  });

  test('after a renewal new streams ride new connections; the old one ends with its last stream', async () => {
    const old = connect();
    choose(0);
    await soon(() => assert.ok(old.stream !== null));
    const heard = new Listener(old.stream as ByteStream);
    connector.renew();
    const fresh = connect();
    assert.equal(dialer.dials.length, 2);
    choose(1);
    await soon(() => assert.ok(fresh.stream !== null));
    heard.stream.text('still here');
    await soon(() => assert.equal(accepted[0]?.text, 'still here'));
    assert.equal(acceptor.connections, 2);
    heard.stream.end();
    accepted[0]?.stream.end();
    await soon(() => assert.equal(acceptor.connections, 1));
    assert.equal(heard.closedAs, 'proper');
    assert.deepEqual(problems, []);
  });

  test('a peer that drains gets no new streams', async () => {
    const first = connect();
    choose(0);
    await soon(() => assert.ok(first.stream !== null));
    first.stream?.text('x');
    await soon(() => assert.equal(accepted.length, 1));
    acceptor.drain();
    await soon(() => {
      const probe = connect();
      probe.giveUp();
      assert.ok(dialer.dials.length > 1);
    });
  });

  test('a lost connection breaks its streams, and the next stream makes another', async () => {
    const first = connect();
    choose(0);
    await soon(() => assert.ok(first.stream !== null));
    const heard = new Listener(first.stream as ByteStream);
    await soon(() => assert.equal(accepted.length, 1));
    connector.destroy();
    await soon(() => assert.deepEqual(heard.events, ['failed']));
    await soon(() => assert.equal(accepted[0]?.closedAs, 'failed'));
    assert.deepEqual(problems, ['the connection was lost']);
    connect();
    assert.equal(dialer.dials.length, 2);
  });
});
