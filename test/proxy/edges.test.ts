import assert from 'node:assert/strict';
import { test } from 'node:test';
import { destinationEdge, sourceEdge } from '../../src/proxy/edges.ts';
import { clusterTo, emptySnapshot } from './data-plane-harness.ts';

const snapshot = { ...emptySnapshot, identity: 'spiffe://test.local/ns/shop/sa/bookinfo' };
const peer = (spiffeId: string) => ({ spiffeId, certificateHash: 'ab12' });

test('a caller counts itself by its account and namespace, and the server by those that it may have', () => {
  const cluster = { ...clusterTo('ratings', [1]), identities: ['spiffe://test.local/ns/data/sa/ratings'] };
  const edge = sourceEdge(snapshot, cluster, cluster.endpoints[0] ?? null);
  assert.equal(edge.sourcePrincipal, snapshot.identity);
  assert.deepEqual([edge.sourceNamespace, edge.sourceApp], ['shop', 'reviews']);
  assert.equal(edge.destinationPrincipal, 'spiffe://test.local/ns/data/sa/ratings');
  assert.equal(edge.destinationNamespace, 'data');
  const outside = sourceEdge(snapshot, clusterTo('stripe', [1]), null);
  assert.deepEqual([outside.destinationPrincipal, outside.destinationNamespace], ['unknown', 'unknown']);
});

test('a server counts its callers by what their certificates say', () => {
  const edge = destinationEdge(snapshot, peer('spiffe://test.local/ns/front/sa/web'));
  assert.equal(edge.sourcePrincipal, 'spiffe://test.local/ns/front/sa/web');
  assert.deepEqual([edge.sourceNamespace, edge.sourceApp, edge.security], ['front', 'web', 'mutual_tls']);
  assert.deepEqual([edge.destinationPrincipal, edge.destinationNamespace], [snapshot.identity, 'shop']);
  const person = destinationEdge(snapshot, peer('spiffe://test.local/user/alice'));
  assert.deepEqual([person.sourceNamespace, person.sourceApp], ['unknown', 'alice']);
  const stranger = destinationEdge(snapshot, null);
  assert.deepEqual([stranger.sourceNamespace, stranger.sourceApp, stranger.security], ['unknown', 'unknown', 'none']);
});
