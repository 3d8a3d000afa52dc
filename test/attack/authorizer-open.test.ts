/** `failOpen` is for an authorizer that is away: a client must not be able to bring that about for its own request. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startStage } from '../proxy/authorizer/authorizer-plane.ts';
import { exchangeRaw, startHttp, statusOf } from '../proxy/backend.ts';
import { inboundSnapshot, startPlane } from '../proxy/data-plane-harness.ts';

test('a question that the sidecar of the authorizer refuses for what the client sent is no yes', async () => {
  let asked = 0;
  await using opa = await startHttp((_req, res) => {
    asked++;
    res.writeHead(403).end();
  });
  const snapshot = inboundSnapshot(opa.port, { appProtocol: 'http1' });
  await using before = await startPlane('inbound', snapshot, { localPort: opa.port });
  await using stage = await startStage([before.port], { pathPrefix: '/check/every/request', failOpen: true, sends: ['x-*'] });
  const limit = 60 * 1024;
  for (const length of [1, limit - 60, limit - 100]) {
    const target = `/${'a'.repeat(length)}`;
    const answer = await exchangeRaw(stage.plane.port, `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    assert.equal(statusOf(answer), 403, String(length));
  }
  assert.equal(stage.calls.length, 0);
  assert.equal(asked, 1);
});
