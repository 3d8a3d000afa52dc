import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AccessLogWriter } from '../../src/proxy/access-log-writer.ts';
import { decodeSnapshot } from '../../src/snapshot/decode.ts';
import { accessEntry } from '../telemetry/access-entry.ts';
import { exchangeRaw, get, startHttp } from './backend.ts';
import { clusterTo, emptySnapshot, outboundSnapshot, ruleTo, startPlane } from './data-plane-harness.ts';

test('writes what the snapshot in force says', () => {
  const lines: string[] = [];
  const log = new AccessLogWriter(line => lines.push(line));
  assert.equal(log.on, false);
  log.write(accessEntry);
  log.apply({ accessLog: 'json', accessLogFilter: 'status >= 400' });
  assert.equal(log.on, true);
  log.write(accessEntry);
  assert.deepEqual(lines, []);
  log.write({ ...accessEntry, status: 404 });
  log.apply({ accessLog: 'text' });
  log.write(accessEntry);
  log.apply({ accessLog: 'off' });
  log.write(accessEntry);
  assert.deepEqual(
    lines.map(line => line[0]),
    ['{', '['],
  );
});

test('a snapshot whose filter cannot be read is refused', () => {
  assert.throws(() => decodeSnapshot({ ...emptySnapshot, accessLogFilter: 'status' }), /accessLogFilter: .*character 7/);
});

test('reloads change the filter while a connection lives on; lines say who called whom and which rule', async () => {
  await using app = await startHttp((req, res) => res.writeHead(req.url === '/bad' ? 500 : 200).end());
  const snapshot = outboundSnapshot([clusterTo('a', [app.port])], [ruleTo('a')], {
    accessLog: 'json',
    accessLogFilter: 'status >= 500',
  });
  await using plane = await startPlane('outbound', snapshot);
  const ask = async (): Promise<void> => {
    for (const path of ['/good', '/bad']) await exchangeRaw(plane.port, get(path));
  };
  await ask();
  plane.plane.apply({ ...snapshot, version: '2', accessLogFilter: 'called == a and caller == reviews and path == /good' });
  await ask();
  const told = plane.accessLog.map(line => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    told.map(line => [line['path'], line['source_service'], line['destination_service'], line['route_name']]),
    [
      ['/bad', 'reviews', 'a', 'to a'],
      ['/good', 'reviews', 'a', 'to a'],
    ],
  );
});
