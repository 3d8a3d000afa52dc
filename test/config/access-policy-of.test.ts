/** What rules of mesh.yaml come to at the sidecar of each service. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { gatewayPolicy, servicePolicy } from '../../src/config/access-policy-of.ts';
import type { MeshConfig } from '../../src/config/mesh-config.ts';
import { loadMesh } from '../../src/interop/load-mesh.ts';
import type { AccessPolicy } from '../../src/snapshot/access-policy.ts';

const bookshop = `
name: shop
services:
  storefront: {image: a, port: 80}
  details: {image: a, port: 80}
  reviews: {image: a, port: 80}
  ratings: {image: a, port: 80}
  mailer: {image: a, port: 80}
gateways:
  web: {port: 8080, routes: [{to: storefront}]}
`;

async function load(yaml: string): Promise<MeshConfig> {
  const dir = mkdtempSync(join(tmpdir(), 'mesh-access-'));
  try {
    writeFileSync(join(dir, 'mesh.yaml'), yaml);
    const { config, diagnostics } = await loadMesh({ file: join(dir, 'mesh.yaml'), env: {}, profiles: [], project: null });
    if (config === null) throw new Error(JSON.stringify(diagnostics));
    return config;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

const id = (name: string, domain = 'shop.local'): string => `spiffe://${domain}/ns/default/sa/${name}`;

/** Who is let in by name. */
function callers(policy: AccessPolicy | null): readonly string[] | null {
  return policy === null ? null : policy.rules.flatMap(({ conditions }) => conditions.flatMap(({ values }) => values));
}

describe('one sentence closes the mesh', () => {
  test('a list that allows something', async () => {
    const config = await load(
      `${bookshop}access: [{from: web, to: storefront}, {from: storefront, to: [reviews, details]}, {from: reviews, to: ratings}]`,
    );
    const allowed = Object.fromEntries(config.services.map(({ name }) => [name, callers(servicePolicy(config, name))]));
    assert.deepEqual(allowed, {
      storefront: [id('web')],
      details: [id('storefront')],
      reviews: [id('storefront')],
      ratings: [id('reviews')],
      // No rule names it: nobody may call.
      mailer: [],
    });
    for (const { name } of config.services) assert.equal(servicePolicy(config, name)?.default, 'deny');
    assert.equal(gatewayPolicy(config, 'web'), null, 'a gateway is open until a rule names it');
  });

  for (const [what, access, wanted] of [
    ['a list that only denies', '[{action: deny, from: mailer, to: reviews}]', 'allow'],
    ['a list that only audits', '[{action: audit, to: reviews}]', 'allow'],
    ['a list of dry runs', '[{dryRun: true, from: mailer, to: reviews}]', 'allow'],
    ['the long form', '{rules: [{from: mailer, to: reviews}]}', 'allow'],
    ['the long form that says so', '{default: deny}', 'deny'],
  ] as const)
    test(`${what}: ${wanted}`, async () => {
      const config = await load(`${bookshop}access: ${access}`);
      assert.equal(config.access.default, wanted);
      const policy = servicePolicy(config, 'mailer');
      assert.deepEqual(policy, wanted === 'allow' ? null : { default: 'deny', rules: [] });
    });

  test('a service may say otherwise', async () => {
    const closed = await load(bookshop.replace('mailer: {', 'mailer: {access: deny, '));
    assert.deepEqual(servicePolicy(closed, 'mailer'), { default: 'deny', rules: [] });
    assert.equal(servicePolicy(closed, 'reviews'), null);
    const open = await load(
      `${bookshop.replace('mailer: {', 'mailer: {access: allow, ')}access: [{from: storefront, to: reviews}]`,
    );
    assert.equal(servicePolicy(open, 'mailer'), null);
  });
});

describe('callers', () => {
  const conditions = async (rule: string, before = bookshop) => {
    const config = await load(`${before}access: [${rule}]`);
    return servicePolicy(config, 'reviews')?.rules[0]?.conditions;
  };
  test('services and principals are one condition, without the one another', async () => {
    assert.deepEqual(
      await conditions(
        '{from: [web, details], principals: "*/sa/x", notFrom: ratings, notPrincipals: shop.local/y, to: reviews}',
      ),
      [
        { on: 'principal', values: ['*/sa/x', id('details'), id('web')] },
        { on: 'principal', values: [id('ratings'), 'spiffe://shop.local/y'], not: true },
      ],
    );
  });
  test('accounts and namespaces are those of the service', async () => {
    const shared = bookshop.replace('details: {', 'details: {account: books, namespace: back, ');
    assert.deepEqual(await conditions('{from: details, to: reviews}', shared), [
      { on: 'principal', values: ['spiffe://shop.local/ns/back/sa/books'] },
    ]);
  });
  test('former names of the trust domain stand for it', async () => {
    const renamed = `${bookshop}identity: {trustDomainAliases: [old.local]}\n`;
    assert.deepEqual(
      await conditions(
        '{from: web, principals: ["spiffe://old.local/*", "spiffe://other.local/x"], trustDomains: old.local, to: reviews}',
        renamed,
      ),
      [
        {
          on: 'principal',
          values: ['spiffe://old.local/*', id('web', 'old.local'), 'spiffe://other.local/x', 'spiffe://shop.local/*', id('web')],
        },
        { on: 'trust-domain', values: ['old.local', 'shop.local'] },
      ],
    );
  });
  test('a rule without `to` is for services, not for gateways', async () => {
    const config = await load(`${bookshop}access: [{action: deny, ips: 10.0.0.0/8}, {to: web, hosts: shop.localhost}]`);
    assert.equal(servicePolicy(config, 'ratings')?.rules.length, 1);
    assert.deepEqual(gatewayPolicy(config, 'web'), {
      default: 'allow',
      rules: [{ name: 'access[1]', action: 'allow', conditions: [{ on: 'host', values: ['shop.localhost'] }] }],
    });
  });
});
