/** The page "Traffic" in a real browser. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { openBrowser, openPage } from '../support/browser.ts';
import { assertAccessible, assertFits } from './page-checks.ts';
import { openStage, type Stage } from './stage.ts';
import { edge, end, golden, routesDocument, statsDocument } from './stage-documents.ts';

const hostile = `<img src=x onerror="window.hit=1">'"&\u001b[31m\u202e`;
let browser: Browser;
let stage: Stage;
before(async () => {
  browser = await openBrowser();
  stage = await openStage();
});
after(async () => {
  await browser?.close();
  await stage?.[Symbol.asyncDispose]();
});

for (const colorScheme of ['light', 'dark'] as const)
  test(`services, edges and routes can be read and picked by key, ${colorScheme}`, async () => {
    const { page, complaints } = await openPage(browser, { colorScheme });
    await page.goto(stage.link());
    await page.getByRole('link', { name: 'Traffic' }).click();
    await page.getByRole('row', { name: /^reviews v3 service .*80\.00 % / }).waitFor();
    await assertAccessible(page);
    await page.getByRole('button', { name: 'reviews', exact: true }).nth(1).press('Enter');
    await page.getByRole('heading', { name: 'reviews@v3, the last 15 minutes' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'reviews@v3, the last 15 minutes' }).waitFor();
    await page.locator('.chart canvas').nth(1).waitFor();
    await assertAccessible(page);
    await page.getByRole('button', { name: 'Edges' }).press('Space');
    await page.getByRole('row', { name: /^details ratings http .*all refused .* 30$/ }).waitFor();
    await page.getByRole('button', { name: 'Routes' }).press('Space');
    await page.getByRole('row', { name: /reviews canary reviews@v1 540 90 % 90 % .*as asked/ }).waitFor();
    assert.equal(new URL(page.url()).hash, '#/traffic?view=routes');
    await assertAccessible(page);
    assert.deepEqual(complaints, []);
    await page.context().close();
  });

test('columns sort both ways, and say so', async () => {
  const { page } = await openPage(browser);
  await page.goto(stage.link());
  await page.getByRole('link', { name: 'Traffic' }).click();
  const column = page.getByRole('columnheader', { name: 'Per second' });
  await column.getByRole('button').click();
  assert.equal(await column.getAttribute('aria-sort'), 'descending');
  assert.match((await page.getByRole('row').nth(1).textContent()) ?? '', /^(web|storefront|details)/);
  await column.getByRole('button').click();
  assert.equal(await column.getAttribute('aria-sort'), 'ascending');
  assert.match((await page.getByRole('row').nth(1).textContent()) ?? '', /^unknown/);
  await page.context().close();
});

test('names are text, however they look and long they are', async () => {
  const edges = [edge(end(hostile), end('x'.repeat(300), hostile), golden(60))];
  await using hostileStage = await openStage({
    traffic: { stats: async () => statsDocument(edges), routes: async () => routesDocument(hostile) },
  });
  for (const width of [1360, 700]) {
    const { page, complaints } = await openPage(browser, { viewport: { width, height: 800 } });
    await page.goto(hostileStage.link());
    await page.getByRole('link', { name: 'Traffic' }).click();
    await page.getByText('[31m\\u202e').first().waitFor();
    await assertFits(page);
    await page.getByRole('button', { name: 'Routes' }).click();
    await page.getByText('[31m\\u202e').first().waitFor();
    await assertFits(page);
    assert.equal(await page.evaluate(() => 'hit' in window), false);
    assert.deepEqual(complaints, []);
    await page.context().close();
  }
});

test('a mesh without traffic says how to make some', async () => {
  await using quiet = await openStage({ traffic: { stats: async () => statsDocument([]) } });
  const { page } = await openPage(browser);
  await page.goto(quiet.link());
  await page.getByRole('link', { name: 'Traffic' }).click();
  await page.getByText('Send a request to a gateway').waitFor();
  await page.context().close();
});
