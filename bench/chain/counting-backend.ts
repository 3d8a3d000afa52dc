/**
 * An app that counts: 1 KiB for every request, and how many there were for `/counted`.
 *   node counting-backend.ts <address:port>…
 */
import { createServer } from 'node:http';

const body = Buffer.alloc(1024, 120);
let requests = 0;
for (const address of process.argv.slice(2)) {
  const [host = '', port = ''] = address.split(':');
  createServer((request, answer) => {
    if (request.url === '/counted') answer.end(String(requests));
    else {
      requests++;
      answer.end(body);
    }
  }).listen(Number(port), host);
}
