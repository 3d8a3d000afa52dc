/** The page "Config" in a real browser. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import type { FaultRequest, FaultStatus } from '../../src/api/fault.ts';
import { MeshError } from '../../src/api/mesh-error.ts';
import type { PrintedDiagnostic, StatusDocument } from '../../src/api/types.ts';
import { openBrowser, openPage } from '../support/browser.ts';
import { assertAccessible, assertFits } from './page-checks.ts';
import { openStage, type Stage } from './stage.ts';
import { configDocument, service } from './stage-config.ts';
import { statusDocument } from './stage-documents.ts';

const hostile = `<img src=x onerror="window.hit=1">'"&\u001b[31m\u202e`;
const base = statusDocument();

let browser: Browser;
let stage: Stage;
let status: StatusDocument = base;
let faults: readonly FaultStatus[] = [];
const asked: FaultRequest[] = [];
before(async () => {
  browser = await openBrowser();
  stage = await openStage({
    status: async () => ({ ...status, faults }),
    config: async () =>
      configDocument([service('reviews'), service('ratings', { account: hostile, namespace: 'x'.repeat(300) })]),
    reload: async () => {
      const result = { ...base.config.lastReload, at: new Date().toISOString(), summary: '2 routes changed' } as const;
      return result as NonNullable<StatusDocument['config']['lastReload']>;
    },
    faults: {
      list: async () => ({ apiVersion: 1, kind: 'Faults', faults }),
      async add(request) {
        if (request.service !== 'reviews')
          throw new MeshError('unknown-service', `no service ${request.service}`, 'one of reviews');
        asked.push(request);
        const addedAt = new Date().toISOString();
        const added = { ...request, id: 'delay-1', effect: 'delay 2000 ms, 50 %', addedAt, expiresAt: null, remainingMs: null };
        faults = [added];
        return added;
      },
      async remove() {
        faults = [];
        return { apiVersion: 1, kind: 'Faults', faults };
      },
    },
  });
});
after(async () => {
  await browser?.close();
  await stage?.[Symbol.asyncDispose]();
});
afterEach(() => {
  status = base;
  faults = [];
});

async function openConfig(page: Page, query = ''): Promise<void> {
  await page.goto(stage.link());
  // The link leads to the map, which is left when it is there.
  await page.locator('main canvas').first().waitFor();
  await page.goto(`http://127.0.0.1:${stage.web.port}/#/config${query}`);
  await page.getByRole('heading', { name: 'Config', level: 1 }).waitFor();
}

for (const colorScheme of ['light', 'dark'] as const)
  test(`the configuration in force is read, searched and jumped through, ${colorScheme}`, async () => {
    const { page, complaints } = await openPage(browser, { colorScheme });
    await openConfig(page);
    await page.getByText('1 route changed, acked by 7 sidecars in 38 ms').waitFor();
    await page.getByText('account: "<img src=x').waitFor();
    assert.equal(await page.evaluate(() => 'hit' in window), false);
    await assertAccessible(page);
    await page.getByLabel('Find').fill('PORT');
    await page.getByLabel('Find').press('Enter');
    await page.getByText('5 places').waitFor();
    assert.deepEqual(await page.locator('mark').allTextContents(), ['port', 'port', 'port', 'port', 'port']);
    await assertAccessible(page);
    await page.getByRole('link', { name: 'ratings 2' }).press('Enter');
    await page.reload();
    await page.getByText('5 places').waitFor();
    assert.equal(new URL(page.url()).hash, '#/config?find=PORT&section=services%2Fratings');
    await page.getByRole('button', { name: 'Reload now' }).press('Enter');
    await page.getByText('Reloaded: 2 routes changed').waitFor({ state: 'attached' });
    assert.deepEqual(complaints, []);
    await page.context().close();
  });

test('errors are told with their carets, and that the last good configuration serves', async () => {
  const text = `mesh.yaml:3:5: error [unknown-service]\n  ${hostile}\n  > 3 | abc\n      |     ^`;
  const diagnostics = [{ severity: 'error', code: 'unknown-service', text }] as unknown as PrintedDiagnostic[];
  status = { ...base, config: { ...base.config, diagnostics } };
  const { page, complaints } = await openPage(browser, { viewport: { width: 700, height: 860 } });
  await openConfig(page);
  await page.getByText('The last good configuration keeps serving').waitFor();
  const shown = (await page.locator('.diagnostic pre').textContent()) ?? '';
  assert.ok(shown.endsWith('\n  > 3 | abc\n      |     ^'), shown);
  assert.match(shown, /<img src=x .*\\u001b\[31m\\u202e/);
  assert.equal(await page.evaluate(() => 'hit' in window), false);
  await assertAccessible(page);
  await assertFits(page);
  assert.deepEqual(complaints, []);
  await page.context().close();
});

test('sidecars tell how far they follow, and what they run', async () => {
  const [first, ...rest] = base.workloads;
  assert.ok(first?.proxy);
  const proxy = { ...first.proxy, state: 'STALE', listening: [], reason: `nack: ${hostile}`, svidLate: 0.4 } as const;
  status = { ...base, workloads: [{ ...first, proxy }, ...rest] };
  const { page, complaints } = await openPage(browser);
  await openConfig(page, '?view=sidecars');
  await page.getByRole('row', { name: /storefront-1 STALE a1 a1 yes nothing on 9080 not renewed, 40 %.*nack: <img/ }).waitFor();
  await assertAccessible(page);
  await page.getByRole('button', { name: 'details-1' }).press('Enter');
  await page.getByText('"routeTables": []').waitFor();
  await page.getByRole('button', { name: 'Metrics' }).press('Space');
  await page.getByText('# TYPE a counter').waitFor();
  assert.equal(new URL(page.url()).hash, '#/config?view=sidecars&pick=details-1&what=stats');
  await assertAccessible(page);
  assert.equal(await page.evaluate(() => 'hit' in window), false);
  assert.deepEqual(complaints, []);
  await page.context().close();
});

test('a fault is put on the mesh and taken away, and a wrong one is refused', async () => {
  const { page } = await openPage(browser, { colorScheme: 'dark', viewport: { width: 700, height: 860 } });
  await openConfig(page, '?view=faults');
  await page.getByText('None. Faults of mesh.yaml').waitFor();
  const add = page.getByRole('button', { name: 'Add the fault' });
  await add.press('Enter');
  await page.getByRole('alert').getByText('which service?').waitFor();
  await page.getByLabel('Service').fill('rewiews');
  await add.press('Enter');
  await page.getByRole('alert').getByText('no service rewiews').waitFor();
  await page.getByLabel('Service').fill('reviews');
  await page.getByLabel('percent').fill('50');
  await page.getByLabel('minutes').fill('');
  await add.press('Enter');
  await page.getByRole('row', { name: /delay-1 reviews – delay 2000 ms, 50 %/ }).waitFor();
  assert.deepEqual(asked.at(-1), {
    service: 'reviews',
    route: null,
    fault: { kind: 'delay', ms: 2000, jitterMs: 0, percent: 50 },
    forMs: null,
  });
  await assertAccessible(page);
  await assertFits(page);
  await page.getByRole('button', { name: 'Remove delay-1' }).press('Enter');
  await page.getByText('None. Faults of mesh.yaml').waitFor();
  await page.context().close();
});
