// Four small services in one file; ROLE says which one this is. None of them knows of a mesh.
import { createServer } from 'node:http';
import { connect } from 'node:net';

const { ROLE: role = '', FAILS: fails = '0' } = process.env;
const json = (response, status, body) =>
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);

/** What a service passes on of a request, so that traces hold together. */
const traced = ({ headers }) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => /^(traceparent|tracestate|b3|x-request-id)$/.test(name)));

async function ask(url, request) {
  const answer = await fetch(url, { headers: traced(request), signal: AbortSignal.timeout(5_000) });
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return answer.json();
}

/** One command, one answer, one connection: redis speaks no HTTP. */
function redis(command) {
  return new Promise((resolve, reject) => {
    const socket = connect(6379, 'redis');
    socket.setTimeout(5_000, () => socket.destroy(new Error('redis does not answer')));
    socket.on('error', reject).on('data', answer => {
      socket.end();
      resolve(answer.toString().slice(1).trim());
    });
    socket.end(`${command}\r\n`);
  });
}

let reads = 0;
const answers = {
  front: async request => ({ shop: 'open', items: await ask('http://catalog:8080/items', request) }),
  catalog: async request => {
    if (Math.random() < Number(fails)) throw new Error('out of paper');
    return [{ item: 'lamp', left: await ask('http://stock:8080/lamp', request) }];
  },
  stock: async () => {
    reads++;
    return Number(await redis('INCR lamp'));
  },
};

function serve(answer) {
  return createServer((request, response) => {
    if (request.url === '/missing') json(response, 404, { error: 'no such page' });
    else
      answer(request).then(
        body => json(response, 200, body),
        error => json(response, 503, { error: error.message }),
      );
  }).listen(8080);
}

if (role === 'visitors') {
  for (let page = 1; ; page++) {
    await fetch(`http://front:8080/${page % 10 === 0 ? 'missing' : ''}`, { signal: AbortSignal.timeout(5_000) }).then(
      answer => answer.text(),
      error => console.error(String(error.cause ?? error)),
    );
    await new Promise(resolve => setTimeout(resolve, 100));
  }
}

serve(answers[role]);
if (role === 'stock') {
  const help = '# HELP shop_stock_reads_total How often somebody asked what is left.\n# TYPE shop_stock_reads_total counter\n';
  createServer((_, response) => void response.end(`${help}shop_stock_reads_total ${reads}\n`)).listen(9100);
}
