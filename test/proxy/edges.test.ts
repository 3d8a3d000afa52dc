import assert from 'node:assert/strict';
import { test } from 'node:test';
import { calledService, destinationEdge, sourceEdge } from '../../src/proxy/edges.ts';
import { clusterTo, emptySnapshot } from './data-plane-harness.ts';

const snapshot = { ...emptySnapshot, mesh: 'shop', identity: 'spiffe://test.local/ns/shop/sa/bookinfo' };
const web = 'spiffe://test.local/ns/front/sa/web';
const peers = new Map([
  ['10.0.0.7', { address: '10.0.0.7', workload: 'storefront-v2-1', service: 'storefront', version: 'v2', identity: web }],
]);
const from = (spiffeId: string | null, remoteAddress = '10.0.0.9') =>
  destinationEdge(snapshot, peers, { peer: spiffeId === null ? null : { spiffeId, certificateHash: 'ab12' }, remoteAddress });

test('a caller counts itself by its account and namespace, and the server by those that it may have', () => {
  const cluster = { ...clusterTo('ratings', [1]), identities: ['spiffe://test.local/ns/data/sa/ratings'] };
  const edge = sourceEdge(snapshot, cluster, cluster.endpoints[0] ?? null);
  assert.equal(edge.sourcePrincipal, snapshot.identity);
  assert.deepEqual([edge.sourceNamespace, edge.sourceApp], ['shop', 'reviews']);
  assert.equal(edge.destinationPrincipal, 'spiffe://test.local/ns/data/sa/ratings');
  assert.equal(edge.destinationNamespace, 'data');
  const stripe = clusterTo('stripe', [1]);
  const outside = sourceEdge(snapshot, stripe, stripe.endpoints[0] ?? null);
  assert.deepEqual([outside.destinationPrincipal, outside.destinationNamespace], ['unknown', 'unknown']);
  assert.deepEqual([outside.destinationService, outside.destinationWorkload], ['stripe', 'unknown'], 'no sidecar, no workload');
});

test('a caller counts the version of the pod that answers, and knows the service of requests that go nowhere', () => {
  const cluster = { ...clusterTo('ratings', [1]), identities: ['spiffe://test.local/ns/data/sa/ratings'] };
  const endpoint = { workload: 'ratings-v2-1', address: '10.0.0.4', port: 1, tls: 'mtls', version: 'v2' } as const;
  const edge = sourceEdge(snapshot, cluster, endpoint);
  assert.deepEqual([edge.destinationWorkload, edge.destinationVersion], ['ratings-v2', 'v2']);
  assert.deepEqual([edge.sourceCluster, edge.destinationCluster], ['shop', 'shop']);
  const nowhere = sourceEdge(snapshot, calledService('ratings'), null);
  assert.deepEqual([nowhere.destinationService, nowhere.destinationWorkload], ['ratings', 'unknown']);
  assert.equal(sourceEdge(snapshot, clusterTo('stripe', [1]), null).destinationCluster, 'unknown');
});

test('a server counts its callers by what their certificates say', () => {
  const edge = from(web);
  assert.equal(edge.sourcePrincipal, web);
  assert.deepEqual([edge.sourceNamespace, edge.sourceApp, edge.security], ['front', 'web', 'mutual_tls']);
  assert.deepEqual([edge.destinationPrincipal, edge.destinationNamespace], [snapshot.identity, 'shop']);
  const person = from('spiffe://test.local/user/alice');
  assert.deepEqual([person.sourceNamespace, person.sourceApp, person.sourceCluster], ['unknown', 'alice', 'unknown']);
  const stranger = from(null);
  assert.deepEqual([stranger.sourceNamespace, stranger.sourceApp, stranger.security], ['unknown', 'unknown', 'none']);
});

test('a server knows workload, app and version of a pod whose address and identity agree', () => {
  const edge = from(web, '10.0.0.7');
  assert.deepEqual(
    [edge.sourceWorkload, edge.sourceApp, edge.sourceVersion, edge.sourceCluster],
    ['storefront-v2', 'storefront', 'v2', 'shop'],
  );
});

test('neither an address nor an identity alone names a caller', () => {
  for (const edge of [from(null, '10.0.0.7'), from('spiffe://test.local/ns/front/sa/other', '10.0.0.7'), from(web, '10.0.0.8')]) {
    assert.notEqual(edge.sourceWorkload, 'storefront-v2');
    assert.equal(edge.sourceVersion, 'unknown');
  }
});
