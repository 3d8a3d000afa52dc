import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { images } from './images.ts';
import { freePort, MeshProject } from './mesh-project.ts';

/** `hello` behind a gateway on `${WEB_PORT}`. */
const hello = serviceLine('hello', 7000, `require("http").createServer((q,a)=>a.end("hello")).listen(7000)`);

/** A service of mesh.yaml, on one line: Node running `script`, and ending when it is asked to. */
export function serviceLine(name: string, port: number, script: string, more = ''): string {
  const whole = `process.on("SIGTERM",()=>process.exit());${script}`;
  return `  ${name}: {image: "${images.node}", port: ${port}, command: [node, -e, ${JSON.stringify(whole)}], stop_grace_period: 1s${more}}\n`;
}

/** The smallest mesh that answers: a service, and what a test adds to it, behind a gateway. Up in two seconds. */
export class TinyMesh extends MeshProject {
  private constructor(dir: string, project: string, gatewayPort: number, keepDir = false) {
    super(dir, project, gatewayPort, { WEB_PORT: String(gatewayPort) }, keepDir);
  }

  /** Writes the project; nothing is started. `services`: more lines for its mesh.yaml. */
  static async create(project: string, services = ''): Promise<TinyMesh> {
    const dir = await mkdtemp(join(tmpdir(), `mesh-${project}-`));
    const text = `services:\n${hello}${services}gateways:\n  web: {port: "\${WEB_PORT}", routes: [{to: hello}]}\n`;
    await writeFile(join(dir, 'mesh.yaml'), text);
    return new TinyMesh(dir, project, await freePort());
  }

  /** The same folder under another name and port; it must end before this one does. */
  async copy(project: string): Promise<TinyMesh> {
    return new TinyMesh(this.dir, project, await freePort(), true);
  }
}
