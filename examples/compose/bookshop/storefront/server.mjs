// The shop's page: GET / as HTML, GET /api/book as JSON. Asks details and reviews. Built-in modules only.
import { createServer } from 'node:http';
import { page } from './page.mjs';

const detailsUrl = process.env.DETAILS_URL ?? 'http://details:9080';
const reviewsUrl = process.env.REVIEWS_URL ?? 'http://reviews:9080';

/** What has to go along with every call that one request causes, so that traces hang together and the user stays known. */
const passedOn = [
  'x-request-id',
  'traceparent',
  'tracestate',
  'baggage',
  'b3',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-sampled',
  'end-user',
];

/** The user's name comes from the sign-in cookie, or from a caller that says it itself. */
function userOf(request) {
  const cookie = /(?:^|;\s*)user=([^;]*)/.exec(request.headers.cookie ?? '')?.[1];
  return cookie === undefined ? (request.headers['end-user'] ?? '') : decodeURIComponent(cookie);
}

async function ask(url, request) {
  const headers = {};
  for (const name of passedOn) if (request.headers[name] !== undefined) headers[name] = request.headers[name];
  const user = userOf(request);
  if (user !== '') headers['end-user'] = user;
  try {
    const response = await fetch(url, { headers, signal: AbortSignal.timeout(10_000) });
    if (!response.ok) return { error: `${new URL(url).hostname} answered ${response.status}` };
    return await response.json();
  } catch {
    return { error: `${new URL(url).hostname} did not answer` };
  }
}

async function book(request) {
  const [details, reviews] = await Promise.all([
    ask(`${detailsUrl}/details/0`, request),
    ask(`${reviewsUrl}/reviews/0`, request),
  ]);
  return { user: userOf(request), details, reviews };
}

function answer(response, status, type, text, headers = {}) {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text), ...headers }).end(text);
}

async function signIn(request, response) {
  let form = '';
  for await (const chunk of request) {
    form += chunk;
    if (form.length > 4096) return answer(response, 413, 'text/plain', 'too long\n');
  }
  const user = new URLSearchParams(form).get('user') ?? '';
  const cookie = `user=${encodeURIComponent(user)}; Path=/; HttpOnly; SameSite=Lax${user === '' ? '; Max-Age=0' : ''}`;
  answer(response, 303, 'text/plain', '', { location: '/', 'set-cookie': cookie });
}

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, 'http://storefront');
  try {
    if (pathname === '/health') answer(response, 200, 'application/json', '{"status":"ok"}');
    else if (pathname === '/' && request.method === 'GET')
      answer(response, 200, 'text/html; charset=utf-8', page(await book(request)));
    else if (pathname === '/api/book') answer(response, 200, 'application/json', JSON.stringify(await book(request)));
    else if (pathname === '/sign-in' && request.method === 'POST') await signIn(request, response);
    else answer(response, 404, 'text/plain', 'no such page\n');
  } catch {
    if (!response.headersSent) answer(response, 400, 'text/plain', 'bad request\n');
  }
});

server.keepAliveTimeout = 60_000;
server.listen(9080, () => console.log('storefront listens on port 9080'));
process.on('SIGTERM', () => process.exit(0));
