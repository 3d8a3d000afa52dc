import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { images } from './images.ts';
import { freePort, MeshProject } from './mesh-project.ts';

/** One server of many protocols behind a gateway and a client in the mesh, both bundled from test/e2e/apps. */
export class ProtocolMesh extends MeshProject {
  readonly tcpPort: number;

  private constructor(dir: string, project: string, ports: { readonly web: number; readonly tcp: number }) {
    super(dir, project, ports.web, { WEB_PORT: String(ports.web), TCP_PORT: String(ports.tcp) });
    this.tcpPort = ports.tcp;
  }

  static async create(project: string): Promise<ProtocolMesh> {
    const dir = await mkdtemp(join(tmpdir(), `mesh-${project}-`));
    await build({
      entryPoints: ['server', 'client'].map(name => join(import.meta.dirname, '..', 'e2e', 'apps', `protocol-${name}.ts`)),
      outdir: dir,
      outExtension: { '.js': '.mjs' },
      bundle: true,
      platform: 'node',
      format: 'esm',
      banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
      logLevel: 'error',
    });
    const app = (name: string, command: string): string =>
      `{image: "${images.node}", command: [node, ${command}], stop_grace_period: 1s, volumes: ["./protocol-${name}.mjs:/app/${name}.mjs:ro"]`;
    const text = `services:
  proto: ${app('server', '/app/server.mjs')}, ports: [{port: 50051, name: grpc}, {port: 7000, name: http}, {port: 7100, name: tcp}]}
  client: ${app('client', '-e, "process.on(\\"SIGTERM\\",()=>process.exit());setInterval(()=>{},1e6)"')}}
gateways:
  web: {port: "\${WEB_PORT}", routes: [{match: {path: /test.Echo/*}, to: "proto:50051"}, {to: "proto:7000"}]}
  raw: {port: "\${TCP_PORT}", protocol: tcp, routes: [{to: "proto:7100"}]}
`;
    await writeFile(join(dir, 'mesh.yaml'), text);
    return new ProtocolMesh(dir, project, { web: await freePort(), tcp: await freePort() });
  }
}
