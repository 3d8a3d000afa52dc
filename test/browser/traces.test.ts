/** The page "Traces" in a real browser. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { MeshError } from '../../src/api/mesh-error.ts';
import type { BrokenPropagation, TraceDocument, TraceFilter } from '../../src/api/trace.ts';
import { openBrowser, openPage } from '../support/browser.ts';
import { eventually } from '../support/eventually.ts';
import { assertAccessible, assertFits } from './page-checks.ts';
import { openStage, type Stage } from './stage.ts';
import { span, stageMs, traceDocument } from './stage-documents.ts';

const hostile = `<img src=x onerror="window.hit=1">'"&\u001b[31m\u202e`;
const long = 'x'.repeat(300);
const other = '00f067aa0ba902b700f067aa0ba902b7';

/** What the stage answers now. */
let trace: (id: string) => TraceDocument;
let broken: readonly BrokenPropagation[];
const asked: TraceFilter[] = [];

let browser: Browser;
let stage: Stage;
before(async () => {
  browser = await openBrowser();
  stage = await openStage({
    traffic: {
      traces: async filter => {
        asked.push(filter);
        const all = [traceDocument(), { ...traceDocument(), traceId: other, name: 'GET /ratings/{*}', broken: true, status: 0 }];
        const traces = all.filter(each => each.broken || filter.broken !== true).filter(() => filter.status !== '404');
        return { apiVersion: 1, kind: 'Traces', traces, kept: 2, dropped: 3 };
      },
      trace: async id => trace(id),
      brokenPropagation: async () => ({ apiVersion: 1, kind: 'BrokenPropagation', services: broken }),
    },
  });
});
after(async () => {
  await browser?.close();
  await stage?.[Symbol.asyncDispose]();
});

async function open(fragment: string, options: BrowserContextOptions = {}) {
  const opened = await openPage(browser, options);
  await opened.page.goto(stage.link());
  await opened.page.getByRole('navigation', { name: 'Pages' }).waitFor();
  await opened.page.goto(`http://127.0.0.1:${stage.web.port}/${fragment}`);
  await opened.page.getByRole('heading', { name: 'Traces', level: 1 }).waitFor();
  return opened;
}

/** Of a refusal the browser itself tells too. */
const unexpected = (complaints: readonly string[]): readonly string[] =>
  complaints.filter(text => !text.includes('409 (Conflict)'));
const spans = (page: Page) => page.getByRole('table', { name: 'Spans' }).getByRole('row');
const detail = (page: Page) => page.getByRole('complementary', { name: 'The span' });

for (const colorScheme of ['light', 'dark'] as const)
  test(`from the list to a trace, its spans and one of them, ${colorScheme}`, async () => {
    trace = () => traceDocument();
    broken = [];
    const { page, complaints } = await open('#/traces', { colorScheme });
    await page.getByRole('row', { name: /web GET \/ratings\/\{\*\} torn off – / }).waitFor();
    await page.getByText('2 of 2 that are kept · 3 spans were lost on their way').waitFor();
    await assertAccessible(page);
    await page.getByRole('link', { name: 'GET /productpage' }).press('Enter');
    await spans(page).nth(4).waitFor();
    assert.deepEqual(
      (await spans(page).allTextContents()).slice(1).map(text => text.replace(/[▾▸]/, '')),
      [
        'web → storefrontGET /productpage✓ 20042 ms',
        'storefront-1GET /productpage✓ 20040 ms',
        'storefront → reviewsGET /reviews/0✓ 200 1 retry30 ms',
        'reviews-v3-1GET /reviews/0✕ 50318 ms',
      ],
    );
    await spans(page).nth(1).getByRole('button', { name: 'web → storefront', exact: true }).focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await detail(page).getByRole('heading', { name: 'storefront → reviews' }).waitFor();
    await detail(page).getByText('12 ms in network and proxies (11 ms before, 1.0 ms after)').waitFor();
    await detail(page).getByText('http.response.status_code').waitFor();
    await assertAccessible(page);
    assert.equal(
      await detail(page).getByRole('link', { name: 'Live requests' }).getAttribute('href'),
      '#/requests?from=storefront&to=reviews',
    );
    assert.equal(
      await detail(page).getByRole('link', { name: 'Its rule' }).getAttribute('href'),
      '#/traffic?view=routes&name=reviews%5B0%5D',
    );
    // Left closes what is below, right opens it.
    await page.keyboard.press('ArrowLeft');
    await eventually(async () => assert.equal(await spans(page).count(), 4));
    await page.keyboard.press('ArrowRight');
    await eventually(async () => assert.equal(await spans(page).count(), 5));
    await detail(page).getByRole('button', { name: 'Zoom to it' }).click();
    await eventually(async () => assert.equal(await spans(page).count(), 3));
    await page.reload();
    await detail(page).getByRole('heading', { name: 'storefront → reviews' }).waitFor();
    assert.equal(await spans(page).count(), 3);
    await detail(page).getByRole('button', { name: 'Whole trace' }).click();
    await page.keyboard.press('Escape');
    await detail(page).waitFor({ state: 'detached' });
    assert.equal(await spans(page).count(), 5);
    assert.deepEqual(complaints, []);
    await page.context().close();
  });

test('an empty list says how to fill it, and fills by itself', async () => {
  let arrived = false;
  await using own = await openStage({
    traffic: {
      traces: async () => ({
        apiVersion: 1,
        kind: 'Traces',
        traces: arrived ? [traceDocument()] : [],
        kept: arrived ? 1 : 0,
        dropped: 0,
      }),
    },
  });
  const { page, complaints } = await openPage(browser);
  await page.goto(own.link());
  await page.getByRole('link', { name: 'Traces', exact: true }).click();
  await page.getByText('No trace yet. Send a request: curl http://127.0.0.1:8080').waitFor();
  await assertAccessible(page);
  arrived = true;
  await page.getByRole('link', { name: 'GET /productpage' }).waitFor();
  const closed = new Promise(resolve => own.web.server.close(resolve));
  own.web.server.closeAllConnections();
  await closed;
  await page.getByRole('alert').getByText('the daemon does not answer').waitFor();
  await page.getByRole('link', { name: 'GET /productpage' }).waitFor();
  assert.deepEqual(
    complaints.filter(text => !text.includes('ERR_CONNECTION')),
    [],
  );
  await page.context().close();
});

test('filters are asked of the daemon and stand in the address', async () => {
  const { page, complaints } = await open('#/traces?service=reviews&minMs=10');
  await eventually(() => assert.partialDeepStrictEqual(asked.at(-1), { service: 'reviews', minMs: 10, limit: 100 }));
  await page.getByRole('group', { name: 'Which' }).getByRole('button', { name: 'Torn off' }).click();
  await eventually(() => assert.equal(asked.at(-1)?.broken, true));
  await eventually(async () => assert.equal(await page.getByRole('table').getByRole('row').count(), 2));
  await page.getByLabel('Status').fill('404');
  await page.getByLabel('Status').press('Enter');
  await page.getByText('None of the 2 traces that are kept fits.').waitFor();
  assert.match(page.url(), /#\/traces\?service=reviews&minMs=10&torn=yes&status=404$/);
  await page.getByRole('button', { name: 'Show all' }).click();
  await page.getByRole('link', { name: 'GET /productpage' }).waitFor();
  assert.deepEqual(complaints, []);
  await page.context().close();
});

describe('a trace by its address', () => {
  const unknown = (id: string): MeshError =>
    new MeshError('unknown-trace', `no trace ${JSON.stringify(id)} is kept`, '`mesh traces` lists the last ones');

  test('that has not arrived yet is waited for', async () => {
    let arrived = false;
    trace = id => {
      if (!arrived) throw unknown(id);
      return traceDocument();
    };
    const { page, complaints } = await open('#/traces/4bf92f');
    await page.getByRole('status').getByText('Waiting for the spans of 4bf92f').waitFor();
    arrived = true;
    await spans(page).nth(4).waitFor();
    assert.deepEqual(unexpected(complaints), []);
    await page.context().close();
  });

  test('that is gone is said to be', async () => {
    trace = id => {
      throw unknown(id);
    };
    const { page } = await open(`#/traces/${encodeURIComponent(hostile)}`);
    await page.getByRole('alert').getByText('is kept').waitFor();
    await page.getByText('newer ones have pushed it out').waitFor();
    await assertAccessible(page);
    await page.getByRole('link', { name: 'The last traces' }).click();
    await page.getByRole('link', { name: 'GET /productpage' }).waitFor();
    assert.equal(await page.evaluate(() => (window as unknown as { hit?: number }).hit), undefined);
    await page.context().close();
  });

  test('that may be several can be chosen', async () => {
    trace = id => {
      if (id.length === 32) return traceDocument();
      throw new MeshError(
        'ambiguous-trace',
        `2 traces begin with ${id}`,
        `write more of it: ${traceDocument().traceId}, ${other}`,
      );
    };
    const { page } = await open('#/traces/4b');
    await page.getByRole('alert').getByText('2 traces begin with 4b').waitFor();
    await page.getByRole('link', { name: traceDocument().traceId }).click();
    await spans(page).nth(4).waitFor();
    await page.context().close();
  });

  test('can be kept as JSON', async () => {
    trace = () => traceDocument();
    const { page, complaints } = await open('#/traces/4bf92f');
    const [saved] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Save as JSON' }).click(),
    ]);
    assert.equal(saved.suggestedFilename(), `trace-${traceDocument().traceId}.json`);
    assert.deepEqual(JSON.parse(await readFile(await saved.path(), 'utf8')), traceDocument());
    assert.deepEqual(complaints, []);
    await page.context().close();
  });
});

test('what is torn, early or an orphan is shown and said', async () => {
  const hops = [
    span(1, 90, { kind: 'client', service: 'web', workload: 'web-1', peer: 'storefront', startMs: stageMs + 2, durationMs: 38 }),
    span(2, 1, { startMs: stageMs, durationMs: 30 }),
    span(3, 91, { kind: 'client', name: 'GET /reviews/0', startMs: stageMs + 5, durationMs: 10, peer: 'reviews' }),
    span(4, 92, { service: 'jobs', workload: 'jobs-1', startMs: stageMs + 8, durationMs: 1 }),
  ];
  const notes = [`goes on as \`mesh trace ${other}\`: reviews called ratings`];
  trace = () => ({ ...traceDocument(), hops, spans: 4, notes, broken: true });
  const { page, complaints } = await open('#/traces/4bf92f');
  await spans(page).nth(4).waitFor();
  const names = ['web → storefront', 'storefront-1', 'storefront → reviews', 'jobs-1'];
  assert.deepEqual(
    (await page.locator('.waterfall button.row').allTextContents()).map(text => text.trim()),
    names,
  );
  const says = async (name: string, text: RegExp): Promise<void> => {
    await page.getByRole('button', { name, exact: true }).click();
    await detail(page).getByText(text).waitFor();
  };
  await says('storefront-1', /It begins 2\.0 ms before what called it/);
  await says('storefront → reviews', /is not of the mesh: the app makes spans too/);
  await says('jobs-1', /What called it \(span 000000000000005c\) is not here/);
  assert.equal(await page.getByRole('link', { name: 'trace 00f067aa' }).getAttribute('href'), `#/traces/${other}`);
  assert.deepEqual(complaints, []);
  await page.context().close();
});

test('five hundred spans can be read and folded', async () => {
  const hops = Array.from({ length: 500 }, (_, index) =>
    span(index + 1, index === 0 ? null : Math.floor(index / 2) + 1, {
      kind: index % 2 === 0 ? 'client' : 'server',
      peer: 'reviews',
      startMs: stageMs + index / 10,
      durationMs: 100,
    }),
  );
  trace = () => ({ ...traceDocument(), hops, spans: 500 });
  const { page, complaints } = await open('#/traces/4bf92f', { viewport: { width: 700, height: 860 } });
  await spans(page).nth(500).waitFor();
  await spans(page)
    .nth(1)
    .getByRole('button', { name: /^what / })
    .click();
  await eventually(async () => assert.equal(await spans(page).count(), 2));
  await assertFits(page);
  assert.deepEqual(complaints, []);
  await page.context().close();
});

test('who loses trace context is named, with the proof and what to do', async () => {
  const found: BrokenPropagation = {
    service: 'reviews',
    to: 'ratings',
    verdict: 'does',
    alone: 12,
    among: 0,
    idle: 0,
    kept: 1,
    evidence: {
      atMs: stageMs,
      workload: 'reviews-v2-1',
      call: 'GET /ratings/{*}',
      callTraceId: other,
      traceId: traceDocument().traceId,
    },
  };
  broken = [
    found,
    { ...found, service: hostile, to: long, verdict: 'may', evidence: { ...found.evidence, call: hostile, traceId: null } },
  ];
  for (const colorScheme of ['light', 'dark'] as const) {
    const { page, complaints } = await open('#/traces', { colorScheme, viewport: { width: 700, height: 860 } });
    await page.getByRole('button', { name: 'Broken propagation (2)' }).click();
    await page.getByRole('heading', { name: 'reviews does not pass on the trace context when it calls ratings' }).waitFor();
    await page.getByText('12 while it served one request, 1 with context').first().waitFor();
    await page.getByText('traceparent', { exact: true }).waitFor();
    assert.equal(
      await page.getByRole('link', { name: 'trace 4bf92f35' }).getAttribute('href'),
      `#/traces/${traceDocument().traceId}`,
    );
    await assertAccessible(page);
    await assertFits(page);
    assert.deepEqual(complaints, []);
    await page.context().close();
  }
  broken = [];
});

test('text of others is text, and nothing breaks the page', async () => {
  const base = traceDocument(hostile);
  const hops = base.hops.map(each => ({
    ...each,
    name: hostile + long,
    service: hostile,
    workload: long,
    version: hostile,
    peer: hostile,
    attributes: { [hostile]: hostile, [long]: long, 'mesh.response_flags': `${hostile},UF`, 'mesh.route': long },
    events: [{ atMs: stageMs, name: hostile, attributes: { 'mesh.peer': long } }],
  }));
  trace = () => ({
    ...base,
    hops,
    service: hostile,
    services: [hostile, long],
    requestId: hostile + long,
    notes: [hostile, long],
  });
  for (const width of [1360, 700]) {
    const { page, complaints } = await open('#/traces/4bf92f?span=0000000000000003', { viewport: { width, height: 860 } });
    await detail(page).waitFor();
    assert.doesNotMatch((await page.locator('main').textContent()) ?? '', /[\u0000-\u001f\u202e]/);
    assert.equal(await page.locator('main img').count(), 0);
    assert.equal(await page.evaluate(() => (window as unknown as { hit?: number }).hit), undefined);
    await assertFits(page);
    await assertAccessible(page);
    assert.deepEqual(complaints, []);
    await page.context().close();
  }
});
