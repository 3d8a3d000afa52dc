import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Certificates } from './certificates.ts';
import type { Chain, ChainPorts } from './chain.ts';
import { listening, spawnOn } from './spawned.ts';

/** Caddy twice, one core each, with the same header rule, weighted split and mTLS. */
export async function caddyChain(dir: string, core: number, ports: ChainPorts, certs: Certificates): Promise<Chain> {
  const global = '{\n  admin off\n  auto_https off\n  log {\n    level ERROR\n  }\n}\n';
  const transport = `transport http {
      tls_trusted_ca_certs ${certs.ca}
      tls_client_auth ${certs.cert} ${certs.key}
      tls_server_name localhost
      versions 1.1
      keepalive_idle_conns_per_host 256
    }`;
  const back = `localhost:${ports.back}`;
  const front = `${global}http://127.0.0.1:${ports.front} {
  @jason header end-user jason
  reverse_proxy @jason https://${back} {
    header_up Host {upstream_hostport}
    ${transport}
  }
  reverse_proxy ${`https://${back} `.repeat(10).trim()} {
    lb_policy random
    header_up Host {upstream_hostport}
    ${transport}
  }
}
`;
  const server = `${global}https://${back} {
  bind 127.0.0.1
  tls ${certs.cert} ${certs.key} {
    protocols tls1.3
    client_auth {
      mode require_and_verify
      trusted_ca_cert_file ${certs.ca}
    }
  }
  reverse_proxy 127.0.0.1:${ports.backend} {
    header_up X-Forwarded-Client-Cert {http.request.tls.client.subject}
    transport http {
      keepalive_idle_conns_per_host 256
    }
  }
}
`;
  const files = [server, front].map((text, at) => {
    const file = join(dir, `Caddyfile-${at}`);
    writeFileSync(file, text);
    return file;
  });
  const processes = files.map(file => spawnOn(core, 'caddy', ['run', '--adapter', 'caddyfile', '--config', file]));
  await listening(ports.back);
  await listening(ports.front);
  return {
    name: 'Caddy 2.6, HTTP/1.1 over mTLS',
    url: `http://127.0.0.1:${ports.front}/`,
    pids: processes.map(process => process.pid),
    async stop() {
      for (const process of processes) await process.stop();
    },
  };
}
