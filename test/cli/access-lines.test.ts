import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AccessLines } from '../../src/cli/access-lines.ts';
import { accessJson, accessText } from '../../src/telemetry/access-log.ts';
import { type AccessFilter, isFilterProblem, parseFilter } from '../../src/text/access-filter.ts';
import { accessEntry } from '../telemetry/access-entry.ts';

const text = accessText(accessEntry);
const good = accessJson(accessEntry);
const bad = accessJson({ ...accessEntry, status: 503, flag: 'UF', caller: '' });

function filter(source: string): AccessFilter {
  const read = parseFilter(source);
  assert.ok(!isFilterProblem(read));
  return read;
}

test('of what a sidecar writes, its access log', () => {
  const lines = new AccessLines(null, false);
  const stamped = `2026-01-02T03:04:05.123456789Z ${good}`;
  assert.deepEqual(
    [text, good, stamped, `2026-01-02T03:04:05.1Z ${text}`].map(line => lines.takes(line)),
    [true, true, true, true],
  );
  const others = ['mesh-control-key sha256:00', '{"level":"info","message":"ready"}', '', '[not a time] "', 'a {"start_time":1}'];
  assert.deepEqual(
    others.filter(line => lines.takes(line)),
    [],
  );
});

test('a filter judges JSON lines, and counts those that it cannot read', () => {
  const lines = new AccessLines(filter('status >= 500 and flag != - and caller == -'), false);
  assert.deepEqual(
    [good, bad, text, `2026-01-02T03:04:05.1Z ${bad}`].map(line => lines.takes(line)),
    [false, true, false, true],
  );
  assert.equal(lines.unread, 1);
});

test('every field of the filter is a key of the lines', () => {
  for (const test of [
    'duration > 2ms',
    'received == 1',
    'sent == 2',
    'method == GET',
    'path startsWith /a',
    'host == reviews:9080',
    'called == reviews',
  ])
    assert.equal(new AccessLines(filter(test), false).takes(good), true, test);
  for (const test of [
    'protocol == HTTP/1.1',
    'route == default',
    'details == via_upstream',
    'agent == curl/8',
    'id == id',
    'caller == storefront',
  ])
    assert.equal(new AccessLines(filter(test), false).takes(good), true, test);
});

test('JSON only; half a line of JSON is none', () => {
  const lines = new AccessLines(null, true);
  assert.deepEqual(
    [good, text, good.slice(0, 40)].map(line => lines.takes(line)),
    [true, false, false],
  );
  assert.equal(lines.unread, 2);
});
