import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Certificates } from './certificates.ts';
import type { Chain, ChainPorts, Spoken } from './chain.ts';
import { listening, spawnOn } from './spawned.ts';

/** How HAProxy is set up. */
export interface HaproxyOptions {
  /** What client and backend speak. @default 'HTTP/1.1' */
  readonly spoken?: Spoken;
  /** What both proxies speak to each other. @default what client and backend speak */
  readonly hop?: Spoken;
}

const defaults = (mode: string): string => `global
  nbthread 1
  maxconn 4096
  ssl-default-bind-options ssl-min-ver TLSv1.3
defaults
  mode ${mode}
  timeout connect 5s
  timeout client 60s
  timeout server 60s
${mode === 'http' ? '  http-reuse always\n' : ''}`;

/** HAProxy twice, one thread each, with the same routing rule, weighted split and mTLS. */
export async function haproxyChain(
  dir: string,
  core: number,
  ports: ChainPorts,
  certs: Certificates,
  { spoken = 'HTTP/1.1', hop = spoken }: HaproxyOptions = {},
): Promise<Chain> {
  const http = spoken !== 'TCP';
  const alpn = hop === 'HTTP/2' ? ' alpn h2' : '';
  const plain = spoken === 'HTTP/2' ? ' proto h2' : '';
  const pool = http ? ' pool-max-conn 256' : '';
  const server = (name: string, weight: number) =>
    `  server ${name} 127.0.0.1:${ports.back} weight ${weight} ssl verify required ca-file ${certs.ca} crt ${certs.pem} verifyhost localhost sni str(localhost)${pool}${alpn}\n`;
  const rules = '  option forwardfor\n  acl jason req.hdr(end-user) -m str jason\n  use_backend jason if jason\n';
  const front = `${defaults(http ? 'http' : 'tcp')}frontend in
  bind 127.0.0.1:${ports.front}${plain}
${http ? rules : ''}  default_backend split
backend jason
${server('v2', 1)}backend split
${server('v1', 90)}${server('v3', 10)}`;
  const back = `${defaults(http ? 'http' : 'tcp')}frontend in
  bind 127.0.0.1:${ports.back} ssl crt ${certs.pem} ca-file ${certs.ca} verify required${alpn}
${http ? '  http-request set-header x-forwarded-client-cert %[ssl_c_s_dn]\n' : ''}  default_backend app
backend app
  server app 127.0.0.1:${ports.backend}${pool}${plain}
`;
  const file = (side: string): string => join(dir, `${side}-${ports.front}.cfg`);
  writeFileSync(file('front'), front);
  writeFileSync(file('back'), back);
  const processes = ['back', 'front'].map(side => spawnOn(core, 'haproxy', ['-q', '-db', '-f', file(side)]));
  await listening(ports.back);
  await listening(ports.front);
  return {
    name: `HAProxy 2.6, ${hop} over mTLS`,
    url: `http://127.0.0.1:${ports.front}/`,
    pids: processes.map(process => process.pid),
    async stop() {
      for (const process of processes) await process.stop();
    },
  };
}
