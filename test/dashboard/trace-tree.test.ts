import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { SpanDocument } from '../../src/api/trace.ts';
import {
  codeOf,
  eventText,
  labelOf,
  marksOf,
  notesOf,
  ownText,
  serviceColour,
  statusCode,
} from '../../src/dashboard/pages/traces/span-words.ts';
import { inOrder, lengthOf, type SpanNode, treeOf } from '../../src/dashboard/pages/traces/trace-tree.ts';

/** `client a→b 2<1 0-10`: kind, service (and whom it calls), id (and parent's), start and end. */
function span(text: string, more: Partial<SpanDocument> = {}): SpanDocument {
  const [kind, ends = '', ids = '', times = ''] = text.split(' ');
  const [service = '', peer = ''] = ends.split('→');
  const [spanId = '', parentId = null] = ids.split('<');
  const [from = 0, to = 0] = times.split('-').map(Number);
  return {
    traceId: 'aa',
    spanId,
    parentId,
    kind: kind as SpanDocument['kind'],
    name: 'GET /',
    startMs: from,
    durationMs: to - from,
    service,
    workload: `${service}-1`,
    version: '',
    peer,
    attributes: {},
    events: [],
    error: false,
    ...more,
  };
}

const shown = (nodes: readonly SpanNode[], closed: readonly string[] = []): readonly string[] =>
  inOrder(nodes, new Set(closed)).map(
    ({ span, depth, placed }) => `${'  '.repeat(depth)}${span.spanId}${placed === 'parent' ? '' : ` ${placed}`}`,
  );
const nodeOf = (nodes: readonly SpanNode[], id: string): SpanNode => {
  const found = inOrder(nodes, new Set()).find(({ span }) => span.spanId === id);
  assert.ok(found !== undefined);
  return found;
};

/** A page that asks two services at one time, and then a third. */
const page = treeOf([
  span('server details 4<3 11-19'),
  span('client web→shop 1 0-100'),
  span('server shop 2<1 2-98'),
  span('client shop→details 3<2 10-20'),
  span('client shop→reviews 5<2 10-60'),
  span('server reviews 6<5 15-55'),
  span('client shop→ratings 7<2 70-90'),
]);

describe('spans as a tree', () => {
  test('stand below what called them, in order of their start', () => {
    assert.deepEqual(shown(page), ['1 root', '  2', '    3', '      4', '    5', '      6', '    7']);
    assert.deepEqual(shown(page, ['3', '5']), ['1 root', '  2', '    3', '    5', '    7']);
  });

  test('whose clocks differ keep their places', () => {
    const skewed = treeOf([span('server b 2<1 5-15'), span('client a→b 1 10-30')]);
    assert.deepEqual(shown(skewed), ['1 root', '  2']);
    assert.deepEqual(notesOf(nodeOf(skewed, '2')), ['It begins 5.0 ms before what called it: their clocks differ.']);
    // It was within, wherever: ten of twenty are the way.
    assert.equal(lengthOf(nodeOf(skewed, '1').own), 10);
    const late = treeOf([span('server b 2<1 5-45'), span('client a→b 1 0-30')]);
    assert.match(notesOf(nodeOf(late, '2'))[0] ?? '', /ends 15 ms after/);
    assert.match(ownText(nodeOf(late, '1')), /not known/);
  });

  test('without their parents are there all the same', () => {
    assert.deepEqual(shown(treeOf([span('server a 1<99 0-10'), span('client a→b 2<1 1-9')])), ['1 torn', '  2']);
    assert.match(notesOf(nodeOf(treeOf([span('server a 1<99 0-10')]), '1'))[0] ?? '', /^What called it \(span 99\) is not here/);
  });

  test('of an app that makes spans itself stand below what it served then', () => {
    const traced = [span('server a 1 0-10'), span('server a 2 20-40'), span('client a→b 3<98 25-30'), span('server b 4<3 26-29')];
    assert.deepEqual(shown(treeOf(traced)), ['1 root', '2 root', '  3 time', '    4']);
    // Which of two cannot be told.
    assert.deepEqual(
      shown(treeOf([...traced, span('server a 5 22-50')])).filter(text => text.includes('3')),
      ['3 torn'],
    );
  });

  test('in a circle, or their own parents, are shown once', () => {
    assert.deepEqual(
      shown(treeOf([span('client a→b 1<2 0-10'), span('server b 2<1 1-9'), span('client c→d 3<3 2-3')])).toSorted(),
      ['  1', '2 torn', '3 torn'],
    );
  });

  test('five hundred, and a chain of them', () => {
    const chain = Array.from({ length: 500 }, (_, index) =>
      span(`client s→s ${index}${index === 0 ? '' : `<${index - 1}`} ${index}-${1_000 - index}`),
    );
    const rows = inOrder(treeOf(chain), new Set());
    assert.equal(rows.length, 500);
    assert.equal(rows.at(-1)?.depth, 499);
  });
});

describe('where the time went', () => {
  test('own time is what is not waited for below', () => {
    assert.deepEqual(nodeOf(page, '2').own, [
      [2, 10],
      [60, 70],
      [90, 98],
    ]);
    assert.equal(ownText(nodeOf(page, '5')), '10 ms in network and proxies (5.0 ms before, 5.0 ms after)');
    assert.equal(ownText(nodeOf(page, '6')), '40 ms in the app and its sidecar');
    assert.match(ownText(nodeOf(page, '7')), /not known/);
  });

  test('the whole waits for the last that ended, and for what was before it', () => {
    const critical = Object.fromEntries(inOrder(page, new Set()).map(({ span, critical }) => [span.spanId, lengthOf(critical)]));
    assert.deepEqual(critical, { 1: 4, 2: 26, 3: 0, 4: 0, 5: 10, 6: 40, 7: 20 });
    // All of it, nothing twice.
    assert.equal(
      Object.values(critical).reduce((all, ms) => all + ms, 0),
      100,
    );
  });

  test('nobody waits for what goes on after its caller has gone', () => {
    const timedOut = treeOf([span('client a→b 1 0-30'), span('server b 2<1 1-90')]);
    assert.deepEqual(nodeOf(timedOut, '2').critical, [[1, 30]]);
  });
});

describe('a span in words', () => {
  test('says who, what came of it, and why', () => {
    assert.equal(labelOf(span('client a→b 1 0-1')), 'a → b');
    assert.equal(labelOf(span('client a 1 0-1')), 'a → unknown');
    assert.equal(labelOf(span('server a 1 0-1')), 'a-1');
    const withStatus = (status: number, error = false): SpanDocument =>
      span('server a 1 0-1', { attributes: { 'http.response.status_code': status }, error });
    assert.deepEqual(codeOf(withStatus(200)), { text: '200', health: 'good' });
    assert.deepEqual(codeOf(withStatus(404)), { text: '404', health: 'warn' });
    assert.deepEqual(codeOf(withStatus(503, true)), { text: '503', health: 'bad' });
    assert.deepEqual(codeOf(span('server a 1 0-1', { error: true })), { text: '–', health: 'bad' });
    assert.deepEqual(codeOf(span('server a 1 0-1', { attributes: { 'rpc.grpc.status_code': 14 }, error: true })), {
      text: 'grpc 14',
      health: 'bad',
    });
    assert.deepEqual(statusCode(200, true), { text: '200', health: 'bad' });
    assert.deepEqual(
      marksOf(span('server a 1 0-1', { attributes: { 'mesh.response_flags': 'UF,URX', 'mesh.fault.delay_ms': 250 } })),
      [
        ['UF', 'the connection to the called service failed'],
        ['URX', 'the limit of retries was reached'],
        ['fault', 'delayed on purpose by 250 ms'],
      ],
    );
    const retry = {
      atMs: 120,
      name: 'retry',
      attributes: { 'mesh.attempt': 1, 'mesh.peer': 'b-1\u001b', 'mesh.outcome': '503' },
    };
    assert.equal(eventText(retry, 100), 'retry 1: b-1\\u001b 503 at 20 ms');
  });

  test('a service keeps its colour within a trace', () => {
    const services = ['a', 'b', 'c', 'd', 'e', 'f'];
    assert.equal(new Set(services.slice(0, 5).map(name => serviceColour(name, services))).size, 5);
    assert.equal(serviceColour('f', services), serviceColour('a', services));
    assert.match(serviceColour('stranger', services), /^--series-/);
  });
});
