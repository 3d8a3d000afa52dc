/** The dashboard's files as the admin API hands them out. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { WebApi } from '../support/web-api.ts';

let folder: string;
let web: WebApi;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mesh-files-'));
  await writeFile(join(folder, 'index.html'), '<!doctype html>');
  await writeFile(join(folder, 'page-AB12.js'), 'let page;');
  await writeFile(join(folder, '..', 'mesh-secret.txt'), 'secret');
  web = await WebApi.start({}, 30_000, folder);
});
after(async () => {
  await web[Symbol.asyncDispose]();
  await rm(join(folder, '..', 'mesh-secret.txt'));
  await rm(folder, { recursive: true });
});

test('the page and what it loads need no login, and nothing else of others may run in it', async () => {
  const page = await web.fetch('/');
  assert.equal(await page.text(), '<!doctype html>');
  assert.equal(page.headers.get('content-type'), 'text/html; charset=utf-8');
  assert.equal(page.headers.get('cache-control'), 'no-store');
  assert.match(
    page.headers.get('content-security-policy') ?? '',
    /^default-src 'self'; object-src 'none'; .*frame-ancestors 'none'/,
  );
  const script = await web.fetch('/page-AB12.js?x=1');
  assert.deepEqual(
    [script.status, script.headers.get('content-type'), script.headers.get('x-content-type-options')],
    [200, 'text/javascript; charset=utf-8', 'nosniff'],
  );
  assert.match(script.headers.get('cache-control') ?? '', /immutable/);
});

test('nothing but these files can be had', async () => {
  for (const path of [
    '/index.html',
    '/../mesh-secret.txt',
    '/%2e%2e/mesh-secret.txt',
    '/..%2fmesh-secret.txt',
    '/./page-AB12.js',
    '/page-AB12.js/',
    '//',
  ])
    assert.ok([401, 403].includes((await web.raw([`GET ${path} HTTP/1.1`, 'host: 127.0.0.1:PORT'])).status), path);
  const post = await web.fetch('/', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' });
  assert.equal(post.status, 401);
});

test('a link on any site may lead to the page, but neither embed it nor read the API', async () => {
  const status = async (path: string, mode: string, dest: string): Promise<number> => {
    const headers = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': mode, 'sec-fetch-dest': dest };
    const [response] = (await once(get({ host: '127.0.0.1', port: web.port, path, headers, agent: false }), 'response')) as [
      IncomingMessage,
    ];
    response.resume();
    return response.statusCode ?? 0;
  };
  assert.equal(await status('/', 'navigate', 'document'), 200);
  assert.equal(await status('/v1/status', 'navigate', 'document'), 401);
  assert.equal(await status('/', 'navigate', 'iframe'), 403);
  assert.equal(await status('/page-AB12.js', 'no-cors', 'script'), 403);
  assert.equal((await web.raw(['GET / HTTP/1.1', 'host: evil.example'])).status, 403);
});

test('another build that takes their place is not mixed with them', async () => {
  await using other = await WebApi.start({}, 30_000, folder);
  await writeFile(join(folder, 'index.html'), '<!doctype html>of another build');
  await rm(join(folder, 'page-AB12.js'));
  assert.equal(await (await other.fetch('/')).text(), '<!doctype html>');
  assert.equal(await (await other.fetch('/page-AB12.js')).text(), 'let page;');
});
