/** The page "Requests" in a real browser. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { MeshError } from '../../src/api/mesh-error.ts';
import type { TapLine } from '../../src/api/tap.ts';
import { openBrowser, openPage } from '../support/browser.ts';
import { eventually } from '../support/eventually.ts';
import { assertAccessible, assertFits } from './page-checks.ts';
import { openStage, type Stage } from './stage.ts';
import { tapExchange } from './stage-documents.ts';
import { TapFeed } from './tap-feed.ts';

const hostile = `<img src=x onerror="window.hit=1">'"&\u001b[31m\u202e`;
const hostileShown = `<img src=x onerror="window.hit=1">'"&\\u001b[31m\\u202e`;
const long = 'x'.repeat(300);
const base64 = (text: string | Uint8Array): string => Buffer.from(text).toString('base64');

let browser: Browser;
let stage: Stage;
let feed: TapFeed;
before(async () => {
  browser = await openBrowser();
  stage = await openStage({ tap: (request, signal) => feed.tap(request, signal) });
});
after(async () => {
  await browser?.close();
  await stage?.[Symbol.asyncDispose]();
});

/** The page, with nothing on it yet. */
async function open(fragment = '#/requests', options: BrowserContextOptions = {}) {
  feed = new TapFeed();
  const opened = await openPage(browser, options);
  await opened.page.goto(stage.link());
  await opened.page.getByRole('navigation', { name: 'Pages' }).waitFor();
  await opened.page.goto(`http://127.0.0.1:${stage.web.port}/${fragment}`);
  await opened.page.getByRole('heading', { name: 'Requests', level: 1 }).waitFor();
  return opened;
}

const listed = (page: Page, text: string): Promise<void> => page.getByText(text, { exact: false }).first().waitFor();

/** A raw TCP connection. */
function connection(phase: 'opened' | 'closed'): TapLine {
  const { at, side, caller, principal, remoteAddress, upstreamAddress, startMs, flag } = tapExchange(1);
  const ends = { at, side, caller, called: 'redis', principal, remoteAddress, upstreamAddress, startMs, flag };
  return { kind: 'connection', phase, durationMs: 1_500, bytesReceived: 2_048, bytesSent: 5, ...ends };
}

for (const colorScheme of ['light', 'dark'] as const)
  test(`requests come in, are picked by key and shown whole, ${colorScheme}`, async () => {
    const { page, complaints } = await open('#/requests', { colorScheme });
    await listed(page, 'curl http://127.0.0.1:8080');
    await assertAccessible(page);
    const failed = tapExchange(3, { status: 503, flag: 'UF', details: 'connect_refused', responseHeaders: [] });
    feed.tell(tapExchange(1), tapExchange(2), failed, connection('closed'));
    await listed(page, '4 listed');
    const rows = page.getByRole('table').getByRole('row');
    assert.match((await rows.nth(1).textContent()) ?? '', /storefront → redisTCP closed1\.5 s2\.0 KiB \/ 5 B$/);
    assert.match((await rows.nth(2).textContent()) ?? '', /storefront → reviewsGET \/reviews\/3✕ 503 UF3\.2 ms/);
    await rows.nth(1).getByRole('button').focus();
    await page.keyboard.press('ArrowDown');
    const detail = page.getByRole('complementary', { name: 'The request' });
    await detail.getByRole('heading', { name: 'GET /reviews/3' }).waitFor();
    await detail.getByText('UF – the connection to the called service failed').waitFor();
    for (const text of ['spiffe://shop.local/ns/default/sa/storefront', '172.18.0.4:51234', 'connect_refused', 'jason', 'canary'])
      await detail.getByText(text, { exact: true }).waitFor();
    await detail.getByText('The sidecar answered itself.').waitFor();
    await assertAccessible(page);
    // What comes does not take away what is read.
    feed.tell(tapExchange(4));
    await listed(page, '5 listed');
    await detail.getByRole('heading', { name: 'GET /reviews/3' }).waitFor();
    await page.keyboard.press('Escape');
    await detail.waitFor({ state: 'detached' });
    assert.deepEqual(complaints, []);
    await page.context().close();
  });

test('filters are asked of the daemon, stand in the address, and survive a reload', async () => {
  const { page, complaints } = await open('#/requests?to=reviews');
  await eventually(() => assert.equal(feed.asked.at(-1)?.to, 'reviews'));
  feed.tell(tapExchange(1));
  await listed(page, '1 listed');
  await page.getByLabel('Status').fill('5xx,404');
  await page.getByLabel('Status').press('Enter');
  await listed(page, 'Nothing that fits has passed yet.');
  await page.getByLabel('Header').fill('end-user: jason');
  await page.getByLabel('Header').press('Enter');
  await page.getByRole('group', { name: 'Seen at' }).getByRole('button', { name: 'both' }).click();
  await page.getByRole('group', { name: 'Bodies' }).getByRole('button', { name: '4 KiB', exact: true }).click();
  const wanted = { to: 'reviews', statuses: ['5xx', '404'], headers: ['end-user: jason'], at: 'both', bodyBytes: 4_096 };
  const isAsked = (): void => assert.partialDeepStrictEqual(feed.asked.at(-1), wanted);
  await eventually(isAsked);
  feed.asked.length = 0;
  await page.reload();
  await eventually(isAsked);
  assert.deepEqual(
    await page.locator('datalist#field-to-list option').evaluateAll(all => all.map(each => each.getAttribute('value'))),
    ['storefront', 'details', 'reviews', 'ratings', 'redis', 'web'],
  );
  await page.getByRole('button', { name: 'Show all' }).click();
  await eventually(() => assert.partialDeepStrictEqual(feed.asked.at(-1), { to: '', statuses: [], headers: [], at: 'both' }));
  assert.deepEqual(complaints, []);
  await page.context().close();
});

test('what the daemon refuses is told in its words', async () => {
  await using refusing = await openStage({
    tap: () => {
      throw new MeshError('unknown-service', 'no service or gateway "nobody"', 'one of reviews, ratings');
    },
  });
  const { page } = await openPage(browser);
  await page.goto(refusing.link());
  await page.getByRole('navigation', { name: 'Pages' }).waitFor();
  await page.goto(`http://127.0.0.1:${refusing.web.port}/#/requests?to=nobody`);
  await page.getByRole('alert').getByText('no service or gateway "nobody"').waitFor();
  await page.getByRole('alert').getByText('one of reviews, ratings').waitFor();
  await listed(page, 'not live');
  await page.context().close();
});

test('a daemon that goes and comes back: what was shown stays, what comes is added', async () => {
  const away = new TapFeed();
  await using own = await openStage({ tap: away.tap });
  const { page } = await openPage(browser);
  await page.goto(own.link());
  await page.getByRole('navigation', { name: 'Pages' }).waitFor();
  const { port, server } = own.web;
  await page.goto(`http://127.0.0.1:${port}/#/requests`);
  await eventually(() => assert.equal(away.watchers, 1));
  away.tell(tapExchange(1));
  await listed(page, '1 listed');
  const closed = new Promise(resolve => server.close(resolve));
  server.closeAllConnections();
  await closed;
  await page.getByRole('alert').getByText('the daemon').waitFor();
  await listed(page, 'not live');
  await listed(page, '1 listed');
  server.listen(port, '127.0.0.1');
  await eventually(() => assert.equal(away.watchers, 1));
  away.tell(tapExchange(2));
  await listed(page, '2 listed');
  await listed(page, 'not watched before it');
  await page.getByRole('alert').waitFor({ state: 'detached' });
  await page.context().close();
});

describe('nobody is told who does not look', () => {
  test('paused, left, and live again with the gap marked', async () => {
    const { page } = await open();
    feed.tell(tapExchange(1));
    await listed(page, '1 listed');
    await page.getByRole('button', { name: 'Pause' }).click();
    await eventually(() => assert.equal(feed.watchers, 0));
    await page.getByRole('button', { name: 'Resume' }).click();
    await eventually(() => assert.equal(feed.watchers, 1));
    feed.tell(tapExchange(2));
    await listed(page, '2 listed');
    await listed(page, 'not watched before it');
    await page.getByRole('button', { name: 'Clear' }).click();
    await listed(page, '0 listed');
    await page.getByRole('link', { name: 'Events' }).click();
    await eventually(() => assert.equal(feed.watchers, 0));
    await page.context().close();
  });

  test('in a tab behind another', async () => {
    const { page } = await open();
    await eventually(() => assert.equal(feed.watchers, 1));
    const hide = (hidden: boolean): Promise<void> =>
      page.evaluate(value => {
        Object.defineProperty(document, 'hidden', { configurable: true, value });
        document.dispatchEvent(new Event('visibilitychange'));
      }, hidden);
    await hide(true);
    await eventually(() => assert.equal(feed.watchers, 0));
    await hide(false);
    await eventually(() => assert.equal(feed.watchers, 1));
    await page.context().close();
  });
});

test('much is bounded, what was shed is told, and so is the end of who was too slow', async () => {
  const { page, complaints } = await open();
  feed.tell(...Array.from({ length: 700 }, (_, index) => tapExchange(index + 1)));
  await listed(page, '500 listed (older ones are gone)');
  assert.equal(await page.getByRole('table').getByRole('row').count(), 501);
  assert.match((await page.getByRole('table').getByRole('row').nth(1).textContent()) ?? '', /reviews\/700/);
  feed.tell({ kind: 'shed', at: 'reviews-v1-1', count: 300 }, { kind: 'shed', at: 'ratings-1', count: 12 });
  await listed(page, '312 more fitted and were not told');
  feed.tell({ kind: 'end', reason: 'slow' });
  await page.getByRole('alert').getByText('not read as fast as they came').waitFor();
  await eventually(() => assert.equal(feed.watchers, 0));
  await page.getByRole('button', { name: 'go on' }).click();
  await eventually(() => assert.equal(feed.watchers, 1));
  assert.equal(await page.getByRole('alert').count(), 0);
  assert.deepEqual(complaints, []);
  await page.context().close();
});

test('what is aimed at does not run away', async () => {
  const { page, complaints } = await open();
  feed.tell(tapExchange(1));
  await listed(page, '1 listed');
  const rows = page.getByRole('table').getByRole('row');
  // A hand that is never still.
  await page.evaluate(() => {
    const tremble = (): void => {
      document.querySelector('.tap-list td')?.dispatchEvent(new PointerEvent('pointermove', { bubbles: true }));
    };
    tremble();
    Object.assign(window, { trembling: setInterval(tremble, 50) });
  });
  feed.tell(tapExchange(2));
  await listed(page, '2 listed');
  assert.equal(await rows.count(), 2);
  await page.evaluate(() => clearInterval((window as unknown as { trembling: number }).trembling));
  await eventually(async () => assert.equal(await rows.count(), 3));
  assert.deepEqual(complaints, []);
  await page.context().close();
});

test('a request leads to its trace, a command and an archive', async () => {
  const { page, complaints } = await open('#/requests', { permissions: ['clipboard-read', 'clipboard-write'] });
  feed.tell(tapExchange(1, { requestHeaders: [['authorization', '***']] }), connection('opened'));
  await page
    .getByRole('button', { name: /\d\d:\d\d/ })
    .nth(1)
    .click();
  await page.getByRole('button', { name: 'Copy as curl' }).click();
  await page.getByText('Copied. Put in what is masked').waitFor();
  assert.equal(
    await page.evaluate(() => navigator.clipboard.readText()),
    "curl -g --path-as-is -H 'authorization: ***' http://reviews:9080/reviews/1",
  );
  const [saved] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Save as HAR' }).click()]);
  assert.equal(saved.suggestedFilename(), 'bookshop.har');
  const { log } = JSON.parse(await readFile(await saved.path(), 'utf8')) as {
    log: { version: string; entries: { request: { url: string } }[] };
  };
  assert.deepEqual([log.version, log.entries.map(({ request }) => request.url)], ['1.2', ['http://reviews:9080/reviews/1']]);
  await page.getByRole('link', { name: 'Show the trace' }).click();
  await page.getByRole('heading', { name: 'Traces', level: 1 }).waitFor();
  assert.match(page.url(), /#\/traces\/4bf92f3577b34da6a3ce929d0e0e4736$/);
  assert.deepEqual(complaints, []);
  await page.context().close();
});

test('text of others is text, bodies are harmless, and nothing breaks the page', async () => {
  for (const width of [1360, 700]) {
    const { page, complaints } = await open('#/requests?bodies=4096', { viewport: { width, height: 860 } });
    feed.tell(
      tapExchange(1, {
        caller: hostile + long,
        called: long,
        method: hostile,
        target: `/${hostile}${long}`,
        authority: hostile,
        rule: hostile + long,
        requestId: long,
        details: hostile,
        at: hostile,
        flag: 'UF',
        grpcStatus: hostile,
        traceId: null,
        requestHeaders: [[hostile, hostile + long]],
        responseHeaders: [[long, long]],
        requestBody: { base64: base64(hostile), cut: false },
        responseBody: { base64: base64(new Uint8Array([0xff, 0x3c, 0x62, 0x3e])), cut: true },
      }),
    );
    await page.getByRole('button', { name: /\d\d:\d\d/ }).click();
    await page.getByRole('heading', { name: hostileShown }).waitFor();
    await page.locator('pre.body', { hasText: hostileShown }).waitFor();
    await page.locator('pre.body', { hasText: '0000  ff 3c 62 3e' }).waitFor();
    await page.getByText('As a command').click();
    const text = (await page.locator('main').textContent()) ?? '';
    assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u202e]/);
    assert.equal(await page.evaluate(() => (window as unknown as { hit?: number }).hit), undefined);
    assert.equal(await page.locator('main img').count(), 0);
    await assertFits(page);
    await assertAccessible(page);
    assert.deepEqual(complaints, []);
    await page.context().close();
  }
});
