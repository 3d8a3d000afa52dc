// Stars per reviewer, kept in redis: GET /ratings/<id>, PUT /ratings/<id> {"Maren": 5}. Built-in modules only.
import { createServer } from 'node:http';
import { createRedis } from './redis.mjs';

const redis = createRedis({ host: process.env.REDIS_HOST ?? 'redis', port: Number(process.env.REDIS_PORT ?? 6379) });
const seed = { Maren: 5, Tomas: 4 };

async function read(id) {
  for (const [reviewer, stars] of Object.entries(seed)) await redis('HSETNX', `ratings:${id}`, reviewer, String(stars));
  const flat = await redis('HGETALL', `ratings:${id}`);
  const ratings = {};
  for (let i = 0; i < flat.length; i += 2) ratings[flat[i]] = Number(flat[i + 1]);
  return ratings;
}

async function write(id, request) {
  let text = '';
  for await (const chunk of request) text += chunk;
  const wanted = JSON.parse(text);
  for (const [reviewer, stars] of Object.entries(wanted)) {
    if (!Number.isInteger(stars) || stars < 0 || stars > 5) throw new SyntaxError('stars are whole numbers from 0 to 5');
    await redis('HSET', `ratings:${id}`, reviewer, String(stars));
  }
}

function answer(response, status, body) {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text);
}

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, 'http://ratings');
  if (pathname === '/health') return answer(response, 200, { status: 'ok' });
  const id = /^\/ratings\/(\d+)$/.exec(pathname)?.[1];
  if (id === undefined) return answer(response, 404, { error: 'no such page' });
  try {
    if (request.method === 'PUT') await write(id, request);
    answer(response, 200, { id: Number(id), ratings: await read(id) });
  } catch (error) {
    answer(response, error instanceof SyntaxError ? 400 : 503, { error: error.message });
  }
});

server.keepAliveTimeout = 60_000;
server.listen(9080, () => console.log('ratings listens on port 9080'));
process.on('SIGTERM', () => process.exit(0));
