import { join } from 'node:path';
import type { Certificates } from './certificates.ts';
import type { Chain, ChainPorts } from './chain.ts';
import { listening, spawnOn } from './spawned.ts';

/** http-proxy 1.18 on both sides with keep-alive agents: the package the data plane would otherwise be built on. */
export async function httpProxyChain(_dir: string, core: number, ports: ChainPorts, certs: Certificates): Promise<Chain> {
  const hop = (role: string, listen: number, target: number) =>
    spawnOn(core, process.execPath, [
      '--no-deprecation',
      join(import.meta.dirname, 'http-proxy-process.mjs'),
      role,
      String(listen),
      String(target),
      certs.ca,
      certs.cert,
      certs.key,
    ]);
  const processes = [hop('back', ports.back, ports.backend), hop('front', ports.front, ports.back)];
  await listening(ports.back);
  await listening(ports.front);
  return {
    name: 'http-proxy 1.18, HTTP/1.1 over mTLS',
    url: `http://127.0.0.1:${ports.front}/`,
    pids: processes.map(process => process.pid),
    async stop() {
      for (const process of processes) await process.stop();
    },
  };
}
