/**
 * The dashboard as a user has it: `mesh dashboard` of a running bookshop on a real engine, opened in a real Chromium, every page with real traffic.
 * With UPDATE_SCREENSHOTS=1 the pictures of docs/dashboard.md are made anew.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import type { StatsDocument } from '../../src/api/stats.ts';
import { assertAccessible } from '../browser/page-checks.ts';
import { Bookshop } from '../support/bookshop.ts';
import { openBrowser, openPage } from '../support/browser.ts';
import { eventually } from '../support/eventually.ts';

const shooting = process.env['UPDATE_SCREENSHOTS'] !== undefined;
const pictures = join(import.meta.dirname, '../../docs/images');
const access = `
access:
  - {name: front, from: web, to: storefront}
  - {name: shop, from: storefront, to: [details, reviews]}
  - {name: stars, from: reviews, to: ratings}
  - {name: store, from: ratings, to: redis}
  - {name: no-writes, action: deny, to: details, methods: [DELETE]}
`;

let shop: Bookshop;
let browser: Browser;
let page: Page;
let complaints: readonly string[];
let origin: string;
/** Requests run as long as the tests: the pages are live. */
const ending = new AbortController();
let traffic: Promise<void>;

before(async () => {
  shop = await Bookshop.create('e2e-dashboard');
  await shop.edit(text => text + access);
  const up = await shop.mesh('up', '-d', '--wait');
  assert.equal(up.code, 0, `mesh up: ${up.stderr}${up.stdout}`);
  traffic = useShop(ending.signal);
  if (shooting) await eventually(async () => assert.ok((await requests()) > 400), { timeoutMs: 120_000 });
  const { stdout, code, stderr } = await shop.mesh('dashboard', '--port', '0', '--no-open');
  assert.equal(code, 0, stderr);
  const link = stdout.trim();
  assert.match(link, /^http:\/\/127\.0\.0\.1:\d+\/#code=[\w-]{43}$/);
  origin = new URL(link).origin;
  browser = await openBrowser();
  ({ page, complaints } = await openPage(browser));
  await page.goto(link);
  await page.getByRole('heading', { name: 'Map', level: 1 }).waitFor();
});

after(async () => {
  ending.abort();
  await traffic;
  await browser?.close();
  await shop?.[Symbol.asyncDispose]();
});

/** People look at the book; one in three is jason. */
async function useShop(signal: AbortSignal): Promise<void> {
  for (let i = 0; !signal.aborted; i++) await shop.book(i % 3 === 0 ? { 'end-user': 'jason' } : {}).catch(() => undefined);
}

/** So many reached the storefront in the last minutes. */
async function requests(): Promise<number> {
  const { services } = JSON.parse((await shop.mesh('stat', '--window', '5m', '--json')).stdout) as StatsDocument;
  return services.find(({ name }) => name === 'storefront')?.total.requests ?? 0;
}

async function open(name: string, fragment: string): Promise<void> {
  await page.goto(`${origin}/${fragment}`);
  await page.getByRole('heading', { name, level: 1 }).waitFor();
}

/** For the docs, when it is asked for. */
async function picture(name: string): Promise<void> {
  if (shooting) await page.screenshot({ path: join(pictures, `dashboard-${name}.png`) });
}

describe('the dashboard of a running bookshop', () => {
  test('map: who calls whom, live, and what an edge says when it is picked', async () => {
    await open('Map', '#/map');
    await page.getByRole('row', { name: /^storefront service (healthy|degraded|failing)/ }).waitFor();
    await page.locator('canvas').first().waitFor();
    await picture('map');
    await page.getByRole('button', { name: /^Calls / }).click();
    await page.getByRole('button', { name: /^storefront → reviews v1/ }).click();
    const panel = page.getByRole('region', { name: 'Details' });
    await panel.getByText('http, mTLS').waitFor();
    await panel.getByText('90 reviews@v1, 10 reviews@v3').waitFor();
    await panel.getByText(`/sa/storefront`).first().waitFor();
    await panel.getByRole('link', { name: /^GET / }).first().waitFor();
    await assertAccessible(page);
    await picture('edge');
  });

  test('traffic: what was called, and the shares of the split', async () => {
    await open('Traffic', '#/traffic?pick=storefront');
    await page.getByRole('row', { name: /^storefront – service [\d.>]+ % / }).waitFor();
    await page.getByRole('heading', { name: 'storefront, the last 15 minutes' }).waitFor();
    await picture('traffic');
    await open('Traffic', '#/traffic?view=routes');
    await page.getByRole('row', { name: /reviews@v1 \d+ 90 % / }).waitFor();
    await picture('routes');
  });

  test('requests: they come in as they pass, and lead to their trace', async () => {
    await open('Requests', '#/requests');
    await page
      .getByRole('row', { name: /reviews\/0/ })
      .nth(5)
      .waitFor();
    await picture('requests');
    await open('Requests', '#/requests?to=ratings');
    await page
      .getByRole('row', { name: /reviews → ratings\s*GET \/ratings\/0/ })
      .nth(2)
      .waitFor();
    await page
      .getByRole('row', { name: /reviews → ratings/ })
      .first()
      .getByRole('link')
      .click();
    await page.getByRole('heading', { name: 'Traces', level: 1 }).waitFor();
    const spans = page.getByRole('table', { name: 'Spans' });
    await spans.getByRole('row', { name: /storefront → reviews/ }).waitFor();
    await spans.getByRole('row', { name: /reviews → ratings/ }).waitFor();
    await picture('trace');
    await open('Traces', '#/traces?service=ratings');
    await page.getByRole('link', { name: 'GET /api/book' }).first().waitFor();
    await picture('traces');
  });

  test('security: who may call whom and does, and a call that was refused', async () => {
    const call = "fetch('http://details:9080/details/0').then(answer => console.log(answer.status))";
    const denied = await shop.mesh('exec', '-T', 'ratings', 'node', '-e', call);
    assert.deepEqual([denied.code, denied.stdout.trim()], [0, '403'], denied.stderr);
    await open('Security', '#/security');
    await page.getByRole('gridcell', { name: /^storefront to reviews: allowed, [\d.]+( k)? calls let in/ }).waitFor();
    await page.getByRole('gridcell', { name: /^ratings to details: refused, [1-9]/ }).click();
    await page.getByText('- {from: ratings, to: details}').waitFor();
    await assertAccessible(page);
    await picture('security');
    await open('Security', '#/security?view=certificates');
    await page.getByRole('row', { name: /^storefront-1 spiffe:\/\/[\w-]+\.local\// }).waitFor();
  });

  test('a bad edit is shown with its caret while the last good configuration serves', async () => {
    const good = await readFile(shop.meshFile, 'utf8');
    await shop.edit(text => text.replace('split: {v1: 90, v3: 10}', 'split: {v1: 90, v9: 10}'));
    await open('Config', '#/config');
    await page.getByText('v9').first().waitFor();
    await page.getByText('^').first().waitFor();
    await picture('config');
    await shop.edit(() => good);
    await page.getByText('mesh.yaml has errors').waitFor({ state: 'detached' });
  });

  test('events: what happened, as it happens', async () => {
    await open('Events', '#/events');
    await page.getByRole('row', { name: /ready/ }).first().waitFor();
    const added = await shop.mesh('fault', 'add', 'details', '--delay', '20ms', '--for', '30s');
    assert.equal(added.code, 0, added.stderr);
    await page.getByRole('row', { name: /fault/ }).first().waitFor();
    await picture('events');
  });

  test('nothing was complained about in the console, and nothing asked of anybody else', async () => {
    await assertAccessible(page);
    assert.deepEqual(complaints, []);
  });
});
