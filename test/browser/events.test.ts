/** The page "Events" in a real browser. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import type { MeshEvent } from '../../src/api/types.ts';
import { openBrowser, openPage } from '../support/browser.ts';
import { assertAccessible, assertFits } from './page-checks.ts';
import { aborted, openStage, type Stage } from './stage.ts';
import { events } from './stage-documents.ts';

const hostile = `<img src=x onerror="window.hit=1">'"&\u001b[31m\u202e`;
const shownHostile = `<img src=x onerror="window.hit=1">'"&\\u001b[31m\\u202e`;

let browser: Browser;
let stage: Stage;
/** What happens while somebody looks. */
let news: MeshEvent[] = [];
let wake = (): void => {};
before(async () => {
  browser = await openBrowser();
  stage = await openStage({
    async *events(_after, signal): AsyncGenerator<MeshEvent> {
      yield* events(hostile);
      for (;;) {
        yield* news.splice(0);
        const more = new Promise<void>(resolve => {
          wake = resolve;
        });
        await Promise.race([more, aborted(signal)]);
        if (signal.aborted) return;
      }
    },
  });
});
after(async () => {
  await browser?.close();
  await stage?.[Symbol.asyncDispose]();
});

function happen(...happened: readonly object[]): void {
  news = happened.map((body, index) => ({ seq: 100 + index, at: new Date().toISOString(), ...body }) as MeshEvent);
  wake();
}

async function openEvents(page: Page, query = ''): Promise<void> {
  await page.goto(stage.link());
  // The link leads to the map, which is left when it is there.
  await page.locator('main canvas').first().waitFor();
  await page.goto(`http://127.0.0.1:${stage.web.port}/#/events${query}`);
  await page.getByRole('row', { name: /denied ratings refused 30 calls of details/ }).waitFor();
}

for (const colorScheme of ['light', 'dark'] as const)
  test(`events are told newest first, as text, and can be narrowed down, ${colorScheme}`, async () => {
    const { page, complaints } = await openPage(browser, { colorScheme });
    await openEvents(page);
    const first = page.getByRole('row').nth(1);
    await first.getByText('ratings refused 30 calls of details by its access rules').waitFor();
    assert.equal(await first.getByRole('link').getAttribute('href'), '#/security?from=details&to=ratings');
    await page.getByText(shownHostile).waitFor();
    assert.equal(await page.evaluate(() => 'hit' in window), false);
    await assertAccessible(page);
    await page.getByRole('button', { name: 'Newest last' }).press('Enter');
    await page.getByRole('row').last().getByText('ratings refused').waitFor();
    await page.getByRole('checkbox', { name: 'Steps' }).press('Space');
    await page.getByRole('row', { name: /phase the mesh is running/ }).waitFor();
    await page.getByLabel('Kind').selectOption('reload');
    await page.getByRole('row', { name: /1 route changed/ }).waitFor();
    assert.equal(await page.getByRole('row').count(), 2);
    await page.reload();
    await page.getByRole('row', { name: /1 route changed/ }).waitFor();
    assert.equal(await page.getByRole('row').count(), 2);
    await page.getByLabel('Text').fill('nothing like it');
    await page.getByLabel('Text').press('Enter');
    await page.getByText('No event fits').waitFor();
    await assertAccessible(page);
    assert.deepEqual(complaints, []);
    await page.context().close();
  });

test('what happens meanwhile appears: kinds that the page does not know, diagnostics with their carets, losses', async () => {
  const { page, complaints } = await openPage(browser, { viewport: { width: 700, height: 860 } });
  await openEvents(page);
  const text = 'mesh.yaml:3:5: error [x]\n  wrong\n  > 3 | abc\n      |     ^';
  happen(
    { kind: 'eclipse', workload: 'web-1', depth: 'x'.repeat(300) },
    { kind: 'diagnostics', diagnostics: [{ severity: 'error', text }] },
    { kind: 'gap', missed: 12 },
  );
  const strange = page.getByRole('row', { name: /eclipse/ });
  await strange.waitFor();
  assert.equal(await strange.getByRole('link', { name: 'sidecar' }).getAttribute('href'), '#/config?view=sidecars&pick=web-1');
  await page.getByText('12 events were not read in time').waitFor();
  await page
    .getByRole('row', { name: /the configuration has 1 error/ })
    .getByText('where')
    .click();
  assert.equal(await page.locator('pre').textContent(), text);
  await assertFits(page);
  await assertAccessible(page);
  assert.deepEqual(complaints, []);
  await page.context().close();
});

test('a daemon to which nothing has happened says what would', async () => {
  await using quiet = await openStage({
    // biome-ignore lint/correctness/useYield: it has nothing to tell.
    async *events(_after, signal) {
      await aborted(signal);
    },
  });
  const { page, complaints } = await openPage(browser);
  await page.goto(quiet.link());
  await page.locator('main canvas').first().waitFor();
  await page.getByRole('link', { name: 'Events' }).click();
  await page.getByText('Nothing has happened yet').waitFor();
  await assertAccessible(page);
  assert.deepEqual(complaints, []);
  await page.context().close();
});
