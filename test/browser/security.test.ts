/** The page "Security" in a real browser. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import type { AccessMatrixDocument } from '../../src/api/access.ts';
import { MeshError } from '../../src/api/mesh-error.ts';
import type { ExplainRequest } from '../../src/snapshot/explanation.ts';
import { openBrowser, openPage } from '../support/browser.ts';
import { eventually } from '../support/eventually.ts';
import { assertAccessible, assertFits } from './page-checks.ts';
import { aborted, openStage, type Stage } from './stage.ts';
import { configDocument, service } from './stage-config.ts';
import { bookshopEdges, caDocument, edge, end, golden, statsDocument } from './stage-documents.ts';

const hostile = `<img src=x onerror="window.hit=1">'"&\u001b[31m\u202e`;

let browser: Browser;
let stage: Stage;
let watches = 0;
const checks: (readonly [string, ExplainRequest])[] = [];
before(async () => {
  browser = await openBrowser();
  stage = await openStage({
    async *seenCalls(_forMs, signal) {
      watches++;
      const call = { from: 'storefront', to: 'reviews', port: 9080, method: 'GET', allowed: true } as const;
      const calls = [
        { ...call, path: '/reviews/{*}', calls: 600 },
        { ...call, path: `/${hostile}`, calls: 1, allowed: false },
      ];
      yield { apiVersion: 1, kind: 'SeenCalls', more: false, unasked: [], calls };
      await aborted(signal);
      watches--;
    },
    async checkAccess(from, request) {
      checks.push([from, request]);
      const rule = { name: 'shop', action: 'allow', dryRun: false, matches: false, failed: 'method DELETE' };
      const judged = { service: 'reviews', port: 9080, workload: 'reviews-v1-1', odds: 0.9, verdict: 'denied' } as const;
      return {
        apiVersion: 1,
        kind: 'AccessCheck',
        from,
        principal: 'spiffe://shop.local/ns/default/sa/storefront',
        note: '',
        destinations: [{ ...judged, rule: null, reason: 'no rule allows it', rules: [rule] }],
      };
    },
  });
});
after(async () => {
  await browser?.close();
  await stage?.[Symbol.asyncDispose]();
});

async function openSecurity(page: Page, query = '', of: Stage = stage): Promise<void> {
  await page.goto(of.link());
  // The link leads to the map, which is left when it is there.
  await page.locator('main canvas').first().waitFor();
  await page.goto(`http://127.0.0.1:${of.web.port}/#/security${query}`);
  await page.getByRole('heading', { name: 'Security', level: 1 }).waitFor();
}

for (const colorScheme of ['light', 'dark'] as const)
  test(`the matrix tells what is allowed, used and tried, and is walked by key, ${colorScheme}`, async () => {
    const { page, complaints } = await openPage(browser, { colorScheme });
    await openSecurity(page);
    const cell = (name: string) => page.getByRole('gridcell', { name });
    await cell('storefront to reviews: allowed, 600 calls let in').waitFor();
    await cell('storefront to ratings: allowed, never used').waitFor();
    await cell('details to ratings: refused, 30 calls refused').waitFor();
    await cell('reviews to ratings: depends on the request').waitFor();
    await assertAccessible(page);
    assert.equal(await page.locator('.matrix td[tabindex="0"]').count(), 1);
    await page.locator('.matrix td[tabindex="0"]').focus();
    for (const key of ['End', 'ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowLeft']) await page.keyboard.press(key);
    await page.getByRole('heading', { name: 'details → ratings' }).waitFor();
    await eventually(() => assert.equal(new URL(page.url()).hash, '#/security?from=details&to=ratings'));
    assert.equal(await cell('details to ratings').getAttribute('aria-selected'), 'true');
    assert.equal(await cell('details to ratings').getAttribute('tabindex'), '0');
    await page.getByText('- {from: details, to: ratings}').waitFor();
    await page.getByRole('row', { name: /^9080 denied no rule allows it/ }).waitFor();
    await assertAccessible(page);
    await page.getByRole('button', { name: '○ never used 2' }).press('Enter');
    await page.reload();
    await cell('storefront to ratings: allowed, never used').click();
    await page.getByText('it could be taken away').waitFor();
    assert.equal(await page.locator('.matrix tbody tr').count(), 1);
    await page.getByRole('button', { name: 'details', exact: true }).press('Enter');
    await page.getByRole('heading', { name: 'details → ratings' }).waitFor();
    assert.deepEqual(complaints, []);
    await page.context().close();
  });

test('calls by method and path are watched only while asked for, and become a rule', async () => {
  const { page, complaints } = await openPage(browser);
  await openSecurity(page, '?from=storefront&to=reviews');
  const button = page.getByRole('button', { name: 'Watch calls' });
  await button.waitFor();
  assert.equal(watches, 0);
  await button.press('Enter');
  await page.getByRole('row', { name: /^GET \/reviews\/\{\*\} 9080 let in 600$/ }).waitFor();
  await page.getByRole('row', { name: /^GET \/<img src=x .*\\u001b.* refused 1$/ }).waitFor();
  await page.getByText('paths: ["/<img').waitFor();
  assert.equal(await page.evaluate(() => 'hit' in window), false);
  await assertAccessible(page);
  await page.getByRole('button', { name: 'Stop watching' }).press('Enter');
  await eventually(() => assert.equal(watches, 0));
  assert.deepEqual(complaints, []);
  await page.context().close();
});

test('a request is judged by the sidecars, in the words of `mesh access check`', async () => {
  const { page, complaints } = await openPage(browser, { viewport: { width: 700, height: 860 } });
  await openSecurity(page, '?from=storefront&to=reviews');
  await page.getByLabel('Method').fill('delete');
  await page.getByLabel('Header').fill('end-user: jason: x');
  await page.getByRole('button', { name: 'Ask', exact: true }).press('Enter');
  await page.getByText('90% reviews:9080: denied, no rule allows it (judged by reviews-v1-1)').waitFor();
  await page.getByRole('row', { name: /^shop allow does not match: method DELETE$/ }).waitFor();
  const request = { method: 'DELETE', url: 'http://reviews:9080/', headers: [['end-user', 'jason: x']] };
  assert.deepEqual(checks.at(-1), ['storefront', request]);
  await assertAccessible(page);
  await assertFits(page);
  assert.deepEqual(complaints, []);
  await page.context().close();
});

test('certificates and encryption tell what needs care', async () => {
  const { page, complaints } = await openPage(browser, { colorScheme: 'dark' });
  await openSecurity(page, '?view=certificates');
  await page.getByRole('row', { name: /^ratings-1 spiffe:.* 97 % not renewed, 40 % of its life is over$/ }).waitFor();
  await page.getByText('no rotation under way').waitFor();
  await assertAccessible(page);
  await page.getByRole('button', { name: 'Encryption' }).press('Enter');
  await page.getByText('None: all calls between sidecars were secured').waitFor();
  await page.getByRole('row', { name: /^reviews strict – 600 0$/ }).waitFor();
  await assertAccessible(page);
  assert.deepEqual(complaints, []);
  await page.context().close();
});

function crowd(size: number): AccessMatrixDocument {
  const services = Array.from({ length: size }, (_, index) =>
    index === 0 ? hostile : index === 1 ? 'x'.repeat(300) : `service-${index}`,
  );
  const cells = services.flatMap((from, row) =>
    services.flatMap((to, column) =>
      row === column
        ? []
        : [{ from, to, port: 80, verdict: (row + column) % 7 === 0 ? ('allowed' as const) : ('denied' as const), rules: [] }],
    ),
  );
  return { apiVersion: 1, kind: 'AccessMatrix', callers: services, services, cells };
}

test('sixty services scroll under their names, whatever these are', async () => {
  await using other = await openStage({ accessMatrix: async () => crowd(60) });
  const { page, complaints } = await openPage(browser);
  await openSecurity(page, '', other);
  await page.getByRole('gridcell', { name: 'service-59 to service-58: refused' }).waitFor({ state: 'attached' });
  assert.equal(await page.getByRole('gridcell').count(), 3_600);
  await page.locator('.matrix td[tabindex="0"]').focus();
  await page.keyboard.press('Control+End');
  const corner = await page.getByRole('gridcell', { name: 'service-59 to service-59' }).boundingBox();
  const row = await page.getByRole('rowheader', { name: 'service-59' }).boundingBox();
  const column = await page.getByRole('columnheader', { name: 'service-59' }).boundingBox();
  assert.ok(corner && row && column);
  // The names of what is in sight are in sight.
  assert.ok(row.x >= 0 && row.x < corner.x && Math.abs(row.y - corner.y) < 8, JSON.stringify([row, corner]));
  assert.ok(column.y >= 0 && column.y < corner.y, JSON.stringify([column, corner]));
  await page.getByLabel('From').fill('<img');
  await page.getByLabel('From').press('Enter');
  await page.getByRole('rowheader', { name: /^<img src=x .*\\u001b\[31m\\u202e$/ }).waitFor();
  await eventually(async () => assert.equal(await page.locator('.matrix tbody tr').count(), 1));
  assert.equal(await page.evaluate(() => 'hit' in window), false);
  await assertFits(page);
  assert.deepEqual(complaints, []);
  await page.context().close();
});

test('of two hundred services the first rows are shown, and all on request', async () => {
  await using other = await openStage({ accessMatrix: async () => crowd(200) });
  const { page, complaints } = await openPage(browser);
  await openSecurity(page, '', other);
  await page.getByText('The first 40 of 200 callers').waitFor();
  assert.equal(await page.locator('.matrix td').count(), 8_000);
  await page.getByLabel('From').fill('service-19');
  await page.getByLabel('From').press('Enter');
  await page.getByRole('rowheader', { name: 'service-199' }).waitFor();
  await page.getByText('The first 40').waitFor({ state: 'detached' });
  assert.deepEqual(complaints, []);
  await page.context().close();
});

test('a mesh without rules, with plaintext and a rotation says so', async () => {
  const services = ['a', 'b'];
  const ca = caDocument();
  await using other = await openStage({
    accessMatrix: async () => ({
      apiVersion: 1,
      kind: 'AccessMatrix',
      callers: services,
      services,
      cells: [{ from: 'a', to: 'b', port: 80, verdict: 'allowed', rules: [] }],
    }),
    config: async () => configDocument([service('a'), service('b', { mtls: 'permissive' })]),
    ca: async () => ({
      ...ca,
      rotation: { phase: 'prepared', waitingFor: [{ workload: 'a-1', reason: hostile }] },
      svids: ca.svids.map(svid => ({ ...svid, problem: hostile })),
    }),
    traffic: { stats: async () => statsDocument([...bookshopEdges, edge(end('a'), end('b'), golden(9), { secured: false })]) },
  });
  const { page, complaints } = await openPage(browser, { viewport: { width: 700, height: 860 } });
  await openSecurity(page, '?from=a&to=b', other);
  await page.getByText('There are no access rules: everybody may call everybody').waitFor();
  await page.getByText('the first one that allows something refuses everything else').waitFor();
  await page.getByRole('button', { name: 'Encryption' }).press('Enter');
  await page.getByRole('row', { name: 'a b http 0 9' }).waitFor();
  await page.getByRole('row', { name: 'b permissive – 0 9' }).waitFor();
  await page.getByRole('button', { name: 'Certificates' }).press('Enter');
  await page.getByText('waiting for a-1: <img').waitFor();
  await assertAccessible(page);
  await assertFits(page);
  assert.equal(await page.evaluate(() => 'hit' in window), false);
  assert.deepEqual(complaints, []);
  await page.context().close();
});

test('what was shown stays while the daemon is away, which is told once', async () => {
  let away = false;
  const matrix = crowd(4);
  await using other = await openStage({
    async accessMatrix() {
      if (away) throw new MeshError('internal', 'the daemon is ill');
      return matrix;
    },
    async ca() {
      if (away) throw new MeshError('internal', 'the daemon is ill');
      return caDocument();
    },
  });
  const { page } = await openPage(browser);
  await openSecurity(page, '', other);
  await page.getByRole('gridcell', { name: 'service-3 to service-2: refused' }).waitFor();
  away = true;
  await page.getByRole('alert').getByText('the daemon is ill').waitFor();
  assert.equal(await page.getByRole('alert').count(), 1);
  assert.equal(await page.getByRole('gridcell').count(), 16);
  away = false;
  await page.getByRole('alert').waitFor({ state: 'detached' });
  await page.context().close();
});
