/** What every page of the dashboard has to pass. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

// Scripts of the page are texts here: tests on a real engine use them too, and have no types of a browser.
const run = `axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }).then(({ violations }) =>
  violations.map(({ id, nodes }) => (id + ': ' + nodes.map(({ html }) => html).join(' ')).slice(0, 600)))`;

/** No rule of WCAG 2.2 A and AA that a machine can check is broken. */
export async function assertAccessible(page: Page): Promise<void> {
  await page.evaluate(axe);
  assert.deepEqual(await page.evaluate<readonly string[]>(run), []);
}

/** The page itself does not scroll sideways: only what has to does. */
export async function assertFits(page: Page): Promise<void> {
  const [content = 0, room = 0] = await page.evaluate<readonly number[]>(
    '[document.documentElement.scrollWidth, document.documentElement.clientWidth]',
  );
  assert.ok(content <= room, `${content} px in ${room} px`);
}
