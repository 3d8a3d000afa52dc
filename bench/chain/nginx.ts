import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Certificates } from './certificates.ts';
import type { Chain, ChainPorts } from './chain.ts';
import { listening, spawnOn } from './spawned.ts';

/** nginx twice, one worker each, with the same header rule, weighted split and mTLS. */
export async function nginxChain(dir: string, core: number, ports: ChainPorts, certs: Certificates): Promise<Chain> {
  const upstream = (name: string, port: number): string => `  upstream ${name} { server 127.0.0.1:${port}; keepalive 256; }\n`;
  const kept = 'proxy_http_version 1.1; proxy_set_header Connection "";';
  const front = `${['v1', 'v2', 'v3'].map(name => upstream(name, ports.back)).join('')}  split_clients $request_id $drawn { 90% v1; * v3; }
  map $http_end_user $to { jason v2; default $drawn; }
  server { listen 127.0.0.1:${ports.front}; location / {
    ${kept} proxy_set_header X-Forwarded-For $remote_addr; proxy_pass https://$to;
    proxy_ssl_certificate ${certs.cert}; proxy_ssl_certificate_key ${certs.key}; proxy_ssl_trusted_certificate ${certs.ca};
    proxy_ssl_verify on; proxy_ssl_name localhost; proxy_ssl_server_name on; proxy_ssl_protocols TLSv1.3; } }
`;
  const back = `${upstream('app', ports.backend)}  server { listen 127.0.0.1:${ports.back} ssl; ssl_certificate ${certs.cert}; ssl_certificate_key ${certs.key};
    ssl_client_certificate ${certs.ca}; ssl_verify_client on; ssl_protocols TLSv1.3;
    location / { ${kept} proxy_set_header X-Forwarded-Client-Cert $ssl_client_s_dn; proxy_pass http://app; } }
`;
  const processes = [back, front].map((servers, at) => {
    const home = join(dir, `nginx-${at}`);
    mkdirSync(home, { recursive: true });
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(each => `${each}_temp_path ${home};`).join(' ');
    const config = `daemon off;\nmaster_process off;\npid ${home}/pid;\nerror_log /dev/null;\nevents { worker_connections 4096; }\nhttp {\n  access_log off; keepalive_requests 1000000000; ${temporary}\n${servers}}\n`;
    writeFileSync(join(home, 'nginx.conf'), config);
    return spawnOn(core, 'nginx', ['-p', home, '-c', join(home, 'nginx.conf')]);
  });
  await listening(ports.back);
  await listening(ports.front);
  return {
    name: 'nginx 1.22, HTTP/1.1 over mTLS',
    url: `http://127.0.0.1:${ports.front}/`,
    pids: processes.map(process => process.pid),
    async stop() {
      for (const process of processes) await process.stop();
    },
  };
}
