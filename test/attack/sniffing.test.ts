/** Ports of which nobody said the protocol: what an HTTP server understands must not reach it as raw bytes, past everything that the sidecar does to HTTP. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bodyOf, exchangeRaw, startHttp } from '../proxy/backend.ts';
import { inboundSnapshot, startPlane } from '../proxy/data-plane-harness.ts';

const peer = { spiffeId: 'spiffe://test.local/ns/default/sa/storefront', certificateHash: 'ab12' };
const forged = 'X-Forwarded-Client-Cert: By=x;URI=spiffe://test.local/ns/default/sa/admin';

for (const before of ['', '\r\n', '\n', '\n\n', '\r\n\r\n', '\r\n\n\r\n'])
  test(`${JSON.stringify(before)} in front of a request hides nothing`, async () => {
    await using app = await startHttp((req, res) => res.end(`app ${req.headers['x-forwarded-client-cert']}`));
    let raw = 0;
    await using plane = await startPlane('inbound', inboundSnapshot(app.port, { protocol: 'auto', appProtocol: 'http1' }), {
      localPort: app.port,
      peer,
      tcp: (downstream, upstream) => {
        raw++;
        downstream.stream.destroy();
        upstream.closed(0, 0);
      },
    });
    const body = bodyOf(
      await exchangeRaw(plane.port, `${before}GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${forged}\r\n\r\n`),
    );
    assert.ok(!body.includes('admin'), body);
    assert.equal(raw, 0);
  });
