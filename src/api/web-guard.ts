/**
 * What a request over TCP must be before anybody looks at who sent it. Every web page that the user opens can make the browser send
 * requests to 127.0.0.1; these rules tell them from the dashboard's and from tools. Pure.
 */
import type { IncomingMessage } from 'node:http';

/** On every answer, errors too: nothing but our own files runs, nobody frames, sniffs, caches or embeds us. No CORS header, ever. */
export const webHeaders: Readonly<Record<string, string>> = {
  'content-security-policy': "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};

/** Why a request is refused, `null` for one that may go on to show who it is. `port`: where it came in. */
export function refusal(request: IncomingMessage, port: number): string | null {
  const { headers, rawHeaders, url = '', method = '' } = request;
  // Absolute targets name a second host; `//x` is one for some readers.
  if (!url.startsWith('/') || url.startsWith('//')) return 'the request target is not a path';
  const hosts = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host');
  const host = headers.host ?? '';
  // DNS rebinding: the attacker's name resolves to 127.0.0.1, and the browser says that name here.
  if (hosts.length !== 1 || !ownNames(port).includes(host)) return 'the Host header is not that of this address';
  if (headers.origin !== undefined && headers.origin !== `http://${host}`) return 'the request comes from another origin';
  // Browsers say where a request comes from; another port of localhost is `same-site`. `none`: the user typed it.
  const site = headers['sec-fetch-site'];
  const byUser = site === 'none' || (headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document');
  // A link to the dashboard may be anywhere. Following one cannot send the proof of a session, so that all it shows is the page itself.
  if (site !== undefined && site !== 'same-origin' && !(byUser && method === 'GET')) return 'the request comes from another site';
  if (method !== 'GET' && method !== 'POST' && method !== 'DELETE') return `${method.slice(0, 16)} is not part of the API`;
  // Forms and `no-cors` scripts cannot send this type: a page of another origin would have to ask first, and is not answered.
  if (method === 'POST' && !/^application\/json(?:;|$)/i.test(headers['content-type'] ?? '')) return 'the body is not JSON';
  if (headers.upgrade !== undefined) return 'this is no WebSocket';
  return null;
}

function ownNames(port: number): readonly string[] {
  const names = ['127.0.0.1', 'localhost', '[::1]'];
  // Clients leave the port out where it is the scheme's own.
  return port === 80 ? [...names, ...names.map(name => `${name}:80`)] : names.map(name => `${name}:${port}`);
}
