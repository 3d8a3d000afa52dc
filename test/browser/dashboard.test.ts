/** The dashboard's frame in a real browser. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { openBrowser, openPage } from '../support/browser.ts';
import { openStage, type Stage } from './stage.ts';

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

const pages = ['Map', 'Traffic', 'Requests', 'Traces', 'Security', 'Config', 'Events'];

describe('who comes', () => {
  test('by the link is in, and the code is gone from the address', async () => {
    const { page, complaints } = await openPage(browser);
    await page.goto(stage.link());
    await page.getByRole('navigation', { name: 'Pages' }).waitFor();
    assert.equal(new URL(page.url()).hash, '#/map');
    await page.reload();
    await page.getByRole('heading', { name: 'Map', level: 1 }).waitFor();
    assert.deepEqual(complaints, []);
    await page.context().close();
  });

  test('without a link is told what to do, and a wrong token is refused', async () => {
    const { page } = await openPage(browser);
    await page.goto(`http://127.0.0.1:${stage.web.port}/`);
    await page.getByText('mesh dashboard', { exact: true }).waitFor();
    await page.getByLabel('Or the token').fill('wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').getByText('not good').waitFor();
    await page.getByLabel('Or the token').fill(stage.web.token);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: 'Map', level: 1 }).waitFor();
    await page.context().close();
  });

  test('again by a new link is in with every tab, also with one whose session has ended', async () => {
    await using other = await openStage();
    const { page: old } = await openPage(browser);
    await old.goto(other.link());
    await old.getByRole('heading', { name: 'Map', level: 1 }).waitFor();
    other.web.clock.advance(13 * 3_600_000);
    await old.getByRole('button', { name: 'Sign in' }).waitFor();
    const fresh = await old.context().newPage();
    await fresh.goto(other.link());
    await fresh.getByRole('heading', { name: 'Map', level: 1 }).waitFor();
    await old.getByRole('heading', { name: 'Map', level: 1 }).waitFor();
    await old.context().close();
  });

  test('by a link on another site gets the page, which shows nothing', async () => {
    const { page } = await openPage(browser);
    await page.goto('data:text/html,<a href="http://127.0.0.1:PORT/">go</a>'.replace('PORT', String(stage.web.port)));
    await page.getByRole('link').click();
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
    await page.context().close();
  });
});

test('every page opens from the menu by key, and says where one is', async () => {
  const { page, complaints } = await openPage(browser);
  await page.goto(stage.link());
  for (const name of pages) {
    await page.getByRole('link', { name, exact: true }).press('Enter');
    await page.getByRole('heading', { name, level: 1 }).waitFor();
    await page.waitForFunction(title => document.title === title, `${name} – bookshop`);
    assert.equal(await page.getByRole('link', { name, exact: true }).getAttribute('aria-current'), 'page');
  }
  assert.deepEqual(complaints, []);
  await page.context().close();
});
