// What readers say about a book: GET /reviews/<id>. v1 shows no stars, v2 black ones, v3 red ones. Built-in modules only.
import { createServer } from 'node:http';
import { hostname } from 'node:os';

const version = process.env.REVIEWS_VERSION ?? 'v1';
const ratingsUrl = process.env.RATINGS_URL ?? 'http://ratings:9080';
const color = { v2: 'black', v3: 'red' }[version];

const reviews = [
  { reviewer: 'Maren', text: 'I read it in one evening and took the ferry the next morning.' },
  { reviewer: 'Tomas', text: 'Lovely weather, little plot. The gull is the best character.' },
];

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

const forwarded = request =>
  Object.fromEntries(passedOn.filter(name => request.headers[name] !== undefined).map(name => [name, request.headers[name]]));

async function ratingsOf(id, request) {
  if (color === undefined) return {};
  try {
    const response = await fetch(`${ratingsUrl}/ratings/${id}`, {
      headers: forwarded(request),
      signal: AbortSignal.timeout(5000),
    });
    if (!response.ok) return { error: `ratings answered ${response.status}` };
    const { ratings } = await response.json();
    return { stars: ratings };
  } catch {
    return { error: 'ratings did not answer' };
  }
}

function answer(response, status, body) {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text);
}

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, 'http://reviews');
  if (pathname === '/health') return answer(response, 200, { status: 'ok', version });
  const id = /^\/reviews\/(\d+)$/.exec(pathname)?.[1];
  if (id === undefined) return answer(response, 404, { error: 'no such page' });
  const { stars, error } = await ratingsOf(id, request);
  answer(response, 200, {
    id: Number(id),
    version,
    pod: hostname(),
    ...(error === undefined ? {} : { ratingsError: error }),
    reviews: reviews.map(review => (stars === undefined ? review : { ...review, stars: stars[review.reviewer] ?? 0, color })),
  });
});

server.keepAliveTimeout = 60_000;
server.listen(9080, () => console.log(`reviews ${version} listens on port 9080`));
process.on('SIGTERM', () => process.exit(0));
