/** The page "Map" in a real browser. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { MeshError } from '../../src/api/mesh-error.ts';
import type { EdgeStats, StatsRequest } from '../../src/api/stats.ts';
import { openBrowser, openPage } from '../support/browser.ts';
import { eventually } from '../support/eventually.ts';
import { largeMesh } from './large-mesh.ts';
import { assertAccessible, assertFits } from './page-checks.ts';
import { openStage, type Stage } from './stage.ts';
import { configDocument, service } from './stage-config.ts';
import { bookshopEdges, edge, end, golden, graphDocument, statsDocument } from './stage-documents.ts';

/** What a test sees of cytoscape: the container of a graph knows it. */
interface Graph {
  readonly id: string;
  readonly x: number;
  readonly y: number;
}

let browser: Browser;
let stage: Stage;
let edges: readonly EdgeStats[];
let away: boolean;
/** Questions for the graph. */
let asked: StatsRequest[];
before(async () => {
  browser = await openBrowser();
  stage = await openStage({
    config: async () =>
      configDocument([
        ...['details', 'redis', 'storefront'].map(name => service(name)),
        service('ratings', { namespace: 'inner' }),
        service('reviews', {
          routes: [
            {
              name: 'canary',
              matches: [],
              action: {
                kind: 'forward',
                split: [
                  { service: 'reviews', version: 'v1', port: null, weight: 90 },
                  { service: 'reviews', version: 'v3', port: null, weight: 10 },
                ],
              },
              timeoutMs: 2_000,
              retry: null,
            },
          ],
        }),
      ]),
    traffic: {
      graph: async request => {
        asked.push(request);
        if (away) throw new MeshError('internal', 'the history cannot be read');
        return graphDocument(edges);
      },
      stats: async () => statsDocument(edges),
    },
  });
});
after(async () => {
  await browser?.close();
  await stage?.[Symbol.asyncDispose]();
});
beforeEach(() => {
  edges = bookshopEdges;
  away = false;
  asked = [];
});

/** The page; questions to the layout's worker are counted. */
async function open(fragment = '#/map', options: BrowserContextOptions = {}) {
  const opened = await openPage(browser, options);
  await opened.page.addInitScript(() => {
    const own = window as unknown as { layouts: number };
    own.layouts = 0;
    const post = Worker.prototype.postMessage;
    Worker.prototype.postMessage = function (this: Worker, ...given: unknown[]): void {
      own.layouts += 1;
      post.apply(this, given as [unknown]);
    };
  });
  await opened.page.goto(stage.link());
  await opened.page.getByRole('navigation', { name: 'Pages' }).waitFor();
  await opened.page.goto(`http://127.0.0.1:${stage.web.port}/${fragment}`);
  await opened.page.getByRole('heading', { name: 'Map', level: 1 }).waitFor();
  return opened;
}

/** Waits until so many nodes and edges are drawn. */
async function drawn(page: Page, nodes: number, calls: number): Promise<void> {
  await page.waitForFunction(
    ([nodes, calls]) => {
      const { cy } = (document.querySelector('.map-canvas') as unknown as { _cyreg?: { cy?: never } } | null)?._cyreg ?? {};
      if (cy === undefined) return false;
      const graph = cy as { nodes(selector: string): { length: number }; edges(): { length: number } };
      return graph.nodes(':childless').length === nodes && graph.edges().length === calls;
    },
    [nodes, calls],
  );
}

/** Where nodes and middles of edges are on the screen. */
async function places(page: Page): Promise<ReadonlyMap<string, Graph>> {
  const found = await page.evaluate(() => {
    const canvas = document.querySelector('.map-canvas') as HTMLElement & { _cyreg: { cy: never } };
    interface Element {
      id(): string;
      isNode(): boolean;
      renderedPosition(): { x: number; y: number };
      renderedMidpoint(): { x: number; y: number };
    }
    const cy = canvas._cyreg.cy as { elements(selector: string): { map(of: (element: Element) => Graph): Graph[] } };
    const { left, top } = canvas.getBoundingClientRect();
    return cy.elements(':childless, edge').map(element => {
      const { x, y } = element.isNode() ? element.renderedPosition() : element.renderedMidpoint();
      return { id: element.id(), x: x + left, y: y + top };
    });
  });
  return new Map(found.map(each => [each.id, each]));
}

/** A line that got thicker has another middle. */
async function nodePlaces(page: Page): Promise<readonly Graph[]> {
  return [...(await places(page)).values()].filter(({ id }) => id.startsWith('node '));
}

async function click(page: Page, id: string): Promise<void> {
  const place = (await places(page)).get(id);
  assert.ok(place, `no ${id}`);
  await page.mouse.click(place.x, place.y);
}

const layouts = (page: Page): Promise<number> => page.evaluate(() => (window as unknown as { layouts: number }).layouts);
const details = (page: Page) => page.getByRole('region', { name: 'Details' });
const failing = 'edge service:storefront → service:reviews@v3 http';

/** Waits for answers to questions that are asked from now on. */
async function answered(questions = 2): Promise<void> {
  const from = asked.length;
  await eventually(() => assert.ok(asked.length >= from + questions));
}

for (const colorScheme of ['light', 'dark'] as const)
  for (const width of [1360, 700])
    test(`the bookshop, ${colorScheme}, ${width} px wide`, async () => {
      const { page, complaints } = await open('#/map', { colorScheme, viewport: { width, height: 860 } });
      await drawn(page, 9, 9);
      await assertAccessible(page);
      await assertFits(page);
      await page.getByText('Legend').click();
      await page.getByText('denied by access rules').waitFor();
      await page.getByRole('button', { name: 'Calls 9' }).click();
      await page.getByRole('button', { name: /^storefront → reviews v3/ }).click();
      await details(page).getByText('the last 15 minutes').waitFor();
      await details(page).getByText('GET /productpage').waitFor();
      await assertAccessible(page);
      await assertFits(page);
      assert.deepEqual(complaints, []);
      await page.context().close();
    });

describe('what is chosen', () => {
  test('on the graph is told beside it: figures, codes over time, rules, access, requests', async () => {
    const { page, complaints } = await open();
    await drawn(page, 9, 9);
    await click(page, failing);
    const panel = details(page);
    await panel.getByRole('heading', { name: 'storefront → reviews v3', level: 2 }).waitFor();
    await panel.getByText('✕ failing').first().waitFor();
    await panel.getByText('http, mTLS').waitFor();
    await panel.getByText('80 %', { exact: true }).waitFor();
    await panel.locator('.uplot').nth(1).waitFor();
    assert.match((await panel.locator('.chart').first().innerText()) ?? '', /requests 1\.0\s+failed 0\.2\s+4xx 0\s+denied 0/);
    await panel.getByText('90 reviews@v1, 10 reviews@v3').waitFor();
    await panel.getByText('v1 90 % of 90 % intended').waitFor();
    await panel.getByText('spiffe://shop.local/ns/default/sa/storefront').waitFor();
    await panel.getByRole('link', { name: 'GET /productpage' }).click();
    await page.getByRole('heading', { name: 'Traces', level: 1 }).waitFor();
    assert.match(page.url(), /#\/traces\/4bf92f3577b34da6a3ce929d0e0e4736$/);
    assert.deepEqual(complaints, []);
    await page.context().close();
  });

  test('is in the address, survives a reload, and goes from a node to its edges and back', async () => {
    const { page } = await open();
    await drawn(page, 9, 9);
    await click(page, 'node service:reviews@v3');
    await details(page).getByRole('heading', { name: 'reviews v3', level: 2 }).waitFor();
    // Keys go on from what was clicked.
    await page.keyboard.press('ArrowUp');
    await details(page).getByRole('heading', { name: 'storefront', level: 2 }).waitFor();
    await click(page, 'node service:reviews@v3');
    await details(page).getByRole('heading', { name: 'reviews v3', level: 2 }).waitFor();
    await page.reload();
    await details(page).getByRole('heading', { name: 'reviews v3', level: 2 }).waitFor();
    await details(page).getByRole('button', { name: 'reviews v3 → ratings' }).click();
    await details(page).getByRole('button', { name: 'To ratings' }).click();
    await details(page).getByRole('heading', { name: 'ratings', level: 2 }).waitFor();
    await details(page).getByRole('button', { name: 'Close' }).press('Escape');
    await page.getByRole('button', { name: 'Services 9' }).waitFor();
    await page.context().close();
  });

  test('is reached by keys alone, on the graph as in the tables', async () => {
    const { page, complaints } = await open();
    await drawn(page, 9, 9);
    await page.getByRole('application').focus();
    const heading = (name: string) => details(page).getByRole('heading', { name, exact: true, level: 2 }).waitFor();
    for (const [key, name] of [
      ['ArrowDown', 'unknown'],
      ['ArrowDown', 'web'],
      ['ArrowDown', 'storefront'],
      ['ArrowUp', 'web'],
      ['e', 'unknown → web'],
      ['e', 'web → storefront'],
      ['ArrowRight', 'storefront'],
    ] as const) {
      await page.keyboard.press(key);
      await heading(name);
    }
    await page.getByRole('status').getByText('storefront, service, healthy').waitFor({ state: 'attached' });
    await page.keyboard.press('Escape');
    const row = page.getByRole('table', { name: 'Services and versions on the map' }).getByRole('button', { name: 'ratings' });
    await row.focus();
    await page.keyboard.press('Enter');
    await heading('ratings');
    // The button is gone; the focus is where one reads on.
    await page.waitForFunction(() => document.activeElement?.getAttribute('aria-label') === 'Details');
    await page.waitForFunction(() => {
      const { cy } = (document.querySelector('.map-canvas') as unknown as { _cyreg: { cy: never } })._cyreg;
      return (cy as { $(selector: string): { id(): string } }).$('.chosen').id() === 'node service:ratings';
    });
    assert.deepEqual(complaints, []);
    await page.context().close();
  });
});

describe('updates', () => {
  test('move nothing, ask for no places and touch only what changed', async () => {
    const { page } = await open();
    await drawn(page, 9, 9);
    await page.getByRole('application').focus();
    await page.keyboard.press('+');
    const before = await nodePlaces(page);
    const once = await layouts(page);
    await page.evaluate(() => {
      const own = window as unknown as { changed: string[] };
      own.changed = [];
      const { cy } = (document.querySelector('.map-canvas') as unknown as { _cyreg: { cy: never } })._cyreg;
      (cy as { on(event: string, call: (event: { target: { id(): string } }) => void): void }).on('data', ({ target }) =>
        own.changed.push(target.id()),
      );
    });
    await answered();
    const more = (each: EdgeStats): EdgeStats => ({ ...each, total: golden(6_000) });
    edges = bookshopEdges.map(each => (each.destination.name === 'details' ? more(each) : each));
    await page.waitForFunction(() => (window as unknown as { changed: string[] }).changed.length > 0);
    await answered();
    assert.deepEqual(await page.evaluate(() => (window as unknown as { changed: string[] }).changed), [
      'edge service:storefront → service:details http',
    ]);
    assert.deepEqual(await nodePlaces(page), before);
    assert.equal(await layouts(page), once);
    await page.context().close();
  });

  test('with a new service find it a place, and leave the dragged one where it was put', async () => {
    const { page, complaints } = await open();
    await drawn(page, 9, 9);
    const from = (await places(page)).get('node service:redis');
    assert.ok(from);
    await page.mouse.move(from.x, from.y);
    await page.mouse.down();
    await page.mouse.move(from.x + 110, from.y - 60, { steps: 4 });
    await page.mouse.up();
    const put = (await places(page)).get('node service:redis');
    assert.ok(put && put.x > from.x + 80);
    edges = [...bookshopEdges, edge(end('ratings'), end('mail'), golden(60))];
    await drawn(page, 10, 10);
    assert.deepEqual((await places(page)).get('node service:redis'), put);
    // What comes no more leaves, and nothing else moves.
    const before = await places(page);
    edges = bookshopEdges;
    await drawn(page, 9, 9);
    const { size } = before;
    const now = await places(page);
    assert.equal(now.size, size - 2);
    for (const [id, place] of now) assert.deepEqual(place, before.get(id));
    assert.deepEqual(complaints, []);
    await page.context().close();
  });
});

test('filters narrow it down, and are in the address', async () => {
  const { page } = await open();
  await drawn(page, 9, 9);
  const { page: other } = await open('#/map?namespace=inner');
  await drawn(other, 4, 3);
  await other.context().close();
  await page.getByRole('button', { name: 'Failing' }).click();
  await drawn(page, 2, 1);
  await page.getByRole('button', { name: 'Denied' }).click();
  await drawn(page, 2, 1);
  await page.getByRole('button', { name: 'All calls' }).click();
  await page.getByLabel('Name', { exact: true }).fill('redis');
  await page.keyboard.press('Enter');
  await drawn(page, 2, 1);
  await page.reload();
  await drawn(page, 2, 1);
  assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), 'redis');
  await page.getByLabel('Name', { exact: true }).fill('nobody');
  await page.keyboard.press('Enter');
  await drawn(page, 0, 0);
  await page.getByText('Nothing matches the filters.').first().waitFor();
  await page.context().close();
});

test('the slider goes back in time, and to now again', async () => {
  const { page } = await open('#/map?window=10s');
  await drawn(page, 9, 9);
  await eventually(() => assert.deepEqual(asked.at(-1), { window: '10s', services: [] }));
  const slider = page.getByRole('slider', { name: 'until' });
  await slider.focus();
  for (let step = 0; step < 6; step++) await page.keyboard.press('ArrowLeft');
  await page.getByRole('status').getByText('30 s ago').waitFor();
  await eventually(() => {
    const { to, window } = asked.at(-1) ?? {};
    assert.equal(window, '10s');
    assert.ok(Math.abs(Date.now() - 30_000 - Number(to)) < 20_000, `to ${to}`);
  });
  await page.getByRole('button', { name: 'Back to live' }).click();
  await page.getByText('live', { exact: true }).waitFor();
  await answered();
  assert.equal(asked.at(-1)?.to, undefined);
  await page.context().close();
});

test('nothing moves unless asked for, and never where less motion is asked for', async () => {
  const moving = (page: Page) => page.locator('.map-marks').getAttribute('data-moving');
  const { page } = await open();
  await drawn(page, 9, 9);
  assert.equal(await moving(page), 'no');
  await page.getByRole('button', { name: 'Animate' }).click();
  await page.locator('.map-marks[data-moving=yes]').waitFor();
  await page.context().close();
  const { page: still } = await open('#/map?move=on', { reducedMotion: 'reduce' });
  await drawn(still, 9, 9);
  assert.equal(await moving(still), 'no');
  assert.ok(await still.getByRole('button', { name: 'Animate' }).isDisabled());
  await still.context().close();
});

test('texts of others stay text', async () => {
  const hostile = `<img src=x onerror="window.hit=1">'"&\u001b[31m\u202e`;
  const shown = `<img src=x onerror="window.hit=1">'"&\\u001b[31m\\u202e`;
  edges = [
    edge(end(hostile), end('x'.repeat(300), 'y'.repeat(300)), golden(60)),
    edge(end('x'.repeat(300), 'z'), end(hostile, 'v1'), golden(60)),
  ];
  const { page, complaints } = await open();
  await drawn(page, 4, 2);
  await details(page).getByRole('button', { name: shown, exact: true }).click();
  await details(page).getByRole('heading', { name: shown, level: 2 }).waitFor();
  await assertFits(page);
  await details(page).getByRole('button', { name: 'xxxx' }).first().click();
  await details(page).getByRole('button', { name: 'From' }).waitFor();
  await assertFits(page);
  assert.equal(await page.evaluate(() => (window as unknown as { hit?: number }).hit), undefined);
  assert.equal(await page.locator('img').count(), 0);
  assert.deepEqual(complaints, []);
  await page.context().close();
});

test('where nothing was called it says what to do, and what was shown stays when the daemon does not answer', async () => {
  edges = [];
  const { page } = await open();
  await page.getByText('curl http://127.0.0.1:8080').waitFor();
  edges = bookshopEdges;
  await drawn(page, 9, 9);
  away = true;
  await page.getByRole('alert').getByText('the history cannot be read').waitFor();
  await drawn(page, 9, 9);
  away = false;
  await page.getByRole('alert').waitFor({ state: 'detached' });
  await page.context().close();
});

for (const script of ['graph-canvas', 'layout'])
  test(`without ${script} it says so, and the tables are there`, async () => {
    const { page } = await openPage(browser);
    await page.route(new RegExp(`/${script}-\\w+\\.js$`), route => route.abort());
    await page.goto(stage.link());
    await page.getByText('The graph could not be loaded').waitFor();
    await details(page).getByRole('button', { name: 'reviews v3' }).click();
    await details(page).getByRole('heading', { name: 'reviews v3', level: 2 }).waitFor();
    await page.context().close();
  });

test('two hundred services are laid out in a worker and drawn', async () => {
  edges = largeMesh(200);
  const { page, complaints } = await open();
  const worker = page.workers()[0] ?? (await page.waitForEvent('worker'));
  assert.match(worker.url(), /\/layout-\w+\.js$/);
  await drawn(page, 200, edges.length);
  assert.equal(await layouts(page), 1);
  assert.ok(edges.length > 400, `${edges.length} edges`);
  // The tables have all of them too.
  await page.getByRole('button', { name: 'All 200' }).click();
  assert.equal(await details(page).getByRole('row').count(), 201);
  assert.deepEqual(complaints, []);
  await page.context().close();
});

test('what draws the graph is loaded on the Map only', async () => {
  const { page } = await openPage(browser);
  const scriptsOf = (tab: typeof page): readonly string[] => {
    const scripts: string[] = [];
    tab.on('request', request => {
      if (request.url().endsWith('.js')) scripts.push(new URL(request.url()).pathname.replace(/-\w+\.js$/, ''));
    });
    return scripts;
  };
  const ofMap = scriptsOf(page);
  await page.goto(stage.link());
  await eventually(() => assert.ok(ofMap.includes('/graph-canvas') && ofMap.includes('/layout')));
  // A tab of its own: nothing of the Map can be late here.
  const tab = await page.context().newPage();
  const ofTraffic = scriptsOf(tab);
  await tab.goto(`http://127.0.0.1:${stage.web.port}/#/traffic`);
  await tab.getByRole('heading', { name: 'Traffic', level: 1 }).waitFor();
  assert.ok(!ofTraffic.includes('/graph-canvas') && !ofTraffic.includes('/layout'), ofTraffic.join(', '));
  await page.context().close();
});
