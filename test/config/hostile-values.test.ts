/**
 * Values that the schema let through and that no sidecar could run, or ran as something else. What `mesh validate` calls good must work as written: each of
 * these either stopped every sidecar of the mesh from taking its next configuration, did nothing without a word, or wrote lines of its own into answers.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { sidecarPorts } from '../../src/config/resolve/sidecar-ports.ts';
import { loadMesh } from '../../src/interop/load-mesh.ts';
import { ports } from '../../src/snapshot/ports.ts';

const dir = mkdtempSync(join(tmpdir(), 'mesh-hostile-'));
after(() => rmSync(dir, { recursive: true, force: true }));

async function found(text: string): Promise<readonly string[]> {
  writeFileSync(join(dir, 'mesh.yaml'), `name: hostile\nservices:\n  shop: {image: shop, port: 8080}\n${text}`);
  const { diagnostics } = await loadMesh({ file: join(dir, 'mesh.yaml'), env: {}, profiles: [], project: null });
  return diagnostics.map(({ line, column, code, path }) => `${line}:${column} ${code} ${path}`);
}

const cases: readonly (readonly [story: string, text: string, expected: string])[] = [
  ['two dots are no DNS name: every snapshot was refused', '  a..b: {image: b, port: 1}', '4:3 bad-name services.a..b'],
  ['DNS knows no case: the one never got a call', '  Shop: {image: b, port: 1}', '3:3 name-clash services.shop'],
  ['`shop.mesh` is the name of `shop`', '  shop.mesh: {image: b, port: 1}', '4:3 bad-name services.shop.mesh'],
  ['the sidecar listens there: the app could not', '  b: {image: b, port: 15021}', '4:23 duplicate-port services.b.port'],
  [
    'an address of the mesh itself: its listener could be there twice',
    'external: {e: {hosts: [a.com], port: 80, addresses: [240.240.0.1]}}',
    '4:54 bad-value external.e.addresses[0]',
  ],
  [
    'loopback is the sidecar beside the caller, at a gateway one with ports that strangers must not reach',
    'external: {e: {hosts: [a.com], port: 15021, addresses: [127.0.0.1]}}',
    '4:57 bad-value external.e.addresses[0]',
  ],
  ['localhost never leaves the pod', 'external: {e: {hosts: [localhost], port: 80}}', '4:16 bad-value external.e.hosts'],
  [
    'a line of its own in every answer that sets the cookie',
    '  b: {image: b, port: 1, balancer: {ringHash: {cookie: {name: "a=b\\r\\nx-evil: 1", ttl: 1s}}}}',
    '4:63 bad-value services.b.balancer.ringHash.cookie.name',
  ],
  [
    'another attribute of the cookie',
    '  b: {image: b, port: 1, balancer: {ringHash: {cookie: {name: a, path: "/;Domain=com", ttl: 1s}}}}',
    '4:47 bad-value services.b.balancer.ringHash',
  ],
  ['no port that high', 'routes: {shop: [{rewrite: {host: "a:99999"}}]}', '4:34 bad-value routes.shop[0].rewrite.host'],
  [
    'no host: the rule did nothing',
    'routes: {shop: [{headers: {request: {set: {host: "a b/c"}}}}]}',
    '4:50 bad-value routes.shop[0].headers.request.set.host',
  ],
  [
    'no server takes such a head',
    `routes: {shop: [{headers: {request: {set: {x: ${'v'.repeat(5000)}}}}}]}`,
    '4:47 bad-value routes.shop[0].headers.request.set.x',
  ],
  [
    'clients send it encoded: it never matched',
    'routes: {shop: [{match: {path: /ü}}]}',
    '4:32 bad-value routes.shop[0].match.path',
  ],
];

for (const [story, text, expected] of cases)
  test(story, async () => assert.deepEqual((await found(text)).slice(0, 1), [expected]));

test('the ports that apps cannot have are those of the sidecar', () => {
  assert.deepEqual(sidecarPorts, Object.values(ports));
});
