import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accessJson, accessText } from '../../src/telemetry/access-log.ts';
import { isSecret, maskTarget } from '../../src/telemetry/mask.ts';
import { accessEntry } from './access-entry.ts';

test('names that hold secrets, however they are written', () => {
  for (const name of `access_token token id_token refresh_token accessToken idtoken code key api_key apiKey apikey x-api-key
    client_secret password passwd X-Amz-Signature X-Amz-Credential X-Amz-Security-Token X-Goog-Signature sig jwt session_id
    authorization Proxy-Authorization cookie Set-Cookie x-auth-token AUTH`.split(/\s+/))
    assert.ok(isSecret(name), name);
});

test('names that only look like it stay readable', () => {
  for (const name of `page country_code zip-code max_tokens user author keyword monkey design passenger content-type host
    x-request-id user-agent authority status`.split(/\s+/))
    assert.ok(!isSecret(name), name);
});

for (const [target, shown] of [
  ['/', '/'],
  ['/token/secret', '/token/secret'],
  ['/?page=2&q=token', '/?page=2&q=token'],
  ['/cb?code=abc&state=1', '/cb?code=***&state=1'],
  ['/a?x=1&access_token=s3cret', '/a?x=1&access_token=***'],
  ['/a?access%5Ftoken=s3cret', '/a?access%5Ftoken=***'],
  ['/a?%74oken=s3cret;key=s3cret', '/a?%74oken=***;key=***'],
  ['/a?token=s3cret=x?token=s3cret', '/a?token=***'],
  ['/a?b#access_token=s3cret', '/a?b#access_token=***'],
  ['/a?t=eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln&b=1', '/a?t=***&b=1'],
  ['/a?token', '/a?token'],
  ['/a?%zz=1&%=2', '/a?%zz=1&%=2'],
  ['http://me:s3cret@shop/?a=1', 'http://***@shop/?a=1'],
] as const)
  test(`${target} is shown as ${shown}`, () => assert.equal(maskTarget(target), shown));

test('no form of the access log has the secret', () => {
  for (const path of ['/a?token=s3cret', '/a\u001b?token=s3cret']) {
    const entry = { ...accessEntry, path };
    for (const line of [accessText(entry), accessJson(entry)]) {
      assert.doesNotMatch(line, /s3cret/);
      assert.match(line, /token=\*\*\*/);
    }
  }
});
