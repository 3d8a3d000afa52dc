import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Certificates } from './certificates.ts';
import type { Chain, ChainPorts } from './chain.ts';
import { listening, spawnOn } from './spawned.ts';

const defaults = `global
  nbthread 1
  maxconn 4096
  ssl-default-bind-options ssl-min-ver TLSv1.3
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
`;

/** HAProxy twice, one thread each, with the same routing rule, weighted split and mTLS. `hop`: what they speak to each other. */
export async function haproxyChain(
  dir: string,
  core: number,
  ports: ChainPorts,
  certs: Certificates,
  hop: 'http/1.1' | 'h2' = 'http/1.1',
): Promise<Chain> {
  const alpn = hop === 'h2' ? ' alpn h2' : '';
  const server = (name: string, weight: number) =>
    `  server ${name} 127.0.0.1:${ports.back} weight ${weight} ssl verify required ca-file ${certs.ca} crt ${certs.pem} verifyhost localhost sni str(localhost) pool-max-conn 256${alpn}\n`;
  const front = `${defaults}frontend in
  bind 127.0.0.1:${ports.front}
  option forwardfor
  acl jason req.hdr(end-user) -m str jason
  use_backend jason if jason
  default_backend split
backend jason
${server('v2', 1)}backend split
${server('v1', 90)}${server('v3', 10)}`;
  const back = `${defaults}frontend in
  bind 127.0.0.1:${ports.back} ssl crt ${certs.pem} ca-file ${certs.ca} verify required${alpn}
  http-request set-header x-forwarded-client-cert %[ssl_c_s_dn]
  default_backend app
backend app
  server app 127.0.0.1:${ports.backend} pool-max-conn 256
`;
  const file = (side: string): string => join(dir, `${side}-${hop === 'h2' ? 'h2' : 'h1'}.cfg`);
  writeFileSync(file('front'), front);
  writeFileSync(file('back'), back);
  const processes = ['back', 'front'].map(side => spawnOn(core, 'haproxy', ['-q', '-db', '-f', file(side)]));
  await listening(ports.back);
  await listening(ports.front);
  return {
    name: `HAProxy 2.6, ${hop === 'h2' ? 'HTTP/2' : 'HTTP/1.1'} over mTLS`,
    url: `http://127.0.0.1:${ports.front}/`,
    pids: processes.map(process => process.pid),
    async stop() {
      for (const process of processes) await process.stop();
    },
  };
}
