// One hop of the http-proxy rival: node http-proxy-process.mjs front|back <listen> <target> <ca> <cert> <key>
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import httpProxy from 'http-proxy';

const [role, listen, target, ca, cert, key] = process.argv.slice(2);
const tls = { ca: readFileSync(ca), cert: readFileSync(cert), key: readFileSync(key), minVersion: 'TLSv1.3' };
const settle = proxy => proxy.on('error', (_error, _request, response) => response.destroy?.());
if (role === 'front') {
  const agent = new https.Agent({ ...tls, keepAlive: true, maxSockets: 256, servername: 'localhost' });
  const proxy = httpProxy.createProxyServer({
    target: { protocol: 'https:', host: '127.0.0.1', port: target },
    agent,
    xfwd: true,
  });
  settle(proxy);
  http.createServer((request, response) => proxy.web(request, response)).listen(Number(listen), '127.0.0.1');
} else {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 256 });
  const proxy = httpProxy.createProxyServer({ target: { protocol: 'http:', host: '127.0.0.1', port: target }, agent });
  settle(proxy);
  https
    .createServer({ ...tls, requestCert: true, rejectUnauthorized: true }, (request, response) => proxy.web(request, response))
    .listen(Number(listen), '127.0.0.1');
}
