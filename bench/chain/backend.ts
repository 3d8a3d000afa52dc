import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { listening, type Spawned, spawnOn } from './spawned.ts';

/** nginx takes no parameter over 4 KiB. */
const partBytes = 1024;

/** nginx answering `bytes` bytes on each `address:port` from memory, keep-alive without end. `http2`: without TLS, and nothing else. */
export async function startBackend(
  dir: string,
  core: number,
  ports: readonly string[],
  bytes: number,
  http2 = false,
): Promise<Spawned> {
  mkdirSync(join(dir, 'nginx'), { recursive: true });
  const body = '$part'.repeat(Math.floor(bytes / partBytes)) + 'x'.repeat(bytes % partBytes);
  const config = `daemon off;
master_process off;
pid ${dir}/nginx/pid;
error_log /dev/null;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path ${dir}/nginx; proxy_temp_path ${dir}/nginx; fastcgi_temp_path ${dir}/nginx; uwsgi_temp_path ${dir}/nginx; scgi_temp_path ${dir}/nginx;
  server { ${ports.map(at => `listen ${at}${http2 ? ' http2' : ''};`).join(' ')} set $part "${'x'.repeat(partBytes)}"; location / { default_type text/plain; return 200 "${body}"; } }
}
`;
  const file = join(dir, 'nginx', 'nginx.conf');
  writeFileSync(file, config);
  const process = spawnOn(core, 'nginx', ['-p', dir, '-c', file]);
  await listening(Number(ports[0]?.split(':')[1]));
  return process;
}
