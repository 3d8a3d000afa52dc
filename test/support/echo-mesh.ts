import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, MeshProject } from './mesh-project.ts';
import { serviceLine } from './tiny-mesh.ts';

/** Answers with what it got; `x-status` asks for a status, `x-fail-first` for a 503 on so many first requests of one `x-key`, `x-slow` for a wait in ms. */
function echo(version: string): string {
  return `const seen={};require("http").createServer((q,a)=>{let b="";q.on("data",d=>b+=d);q.on("end",()=>{const h=q.headers,k=h["x-key"]||"";seen[k]=(seen[k]||0)+1;const s=seen[k]<=+(h["x-fail-first"]||0)?503:+(h["x-status"]||200);setTimeout(()=>{a.writeHead(s,{"content-type":"application/json","x-from":"app"});a.end(JSON.stringify({version:"${version}",pod:require("os").hostname(),method:q.method,url:q.url,headers:h,body:b,tries:seen[k]}))},+(h["x-slow"]||0))})}).listen(7000)`;
}

/** Calls what its own path names (`/echo:7000/path`) with the method, headers and body it got, and tells the answer as JSON. */
const relay = `const http=require("http");http.createServer((q,a)=>{const [,host,port,path]=/^\\/([^:]+):(\\d+)(.*)$/.exec(q.url);const headers={...q.headers};delete headers.host;delete headers.connection;if(headers["x-host"])headers.host=headers["x-host"];const r=http.request({host,port,path:path||"/",method:q.method,headers},s=>{let b="";s.on("data",d=>b+=d);s.on("end",()=>a.end(JSON.stringify({status:s.statusCode,headers:s.headers,body:b})));s.on("error",e=>a.end(JSON.stringify({error:e.code})))});r.on("error",e=>a.end(JSON.stringify({error:e.code})));q.pipe(r)}).listen(7001)`;

/** What the app behind a rule got. */
export interface Echoed {
  readonly version: string;
  readonly pod: string;
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly tries: number;
}

/** What `relay` got for an answer. */
export interface Relayed {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Code of the socket's error where there was no answer. */
  readonly error?: string;
}

/** `relay` behind a gateway, and `echo` in two versions that it calls through the rules of `routes.echo`. */
export class EchoMesh extends MeshProject {
  /** `rules`: lines of `routes.echo`, each indented by four; `policy`: lines for the service `echo`; `more`: top-level lines. */
  static async create(project: string, rules: string, policy = '', more = ''): Promise<EchoMesh> {
    const dir = await mkdtemp(join(tmpdir(), `mesh-${project}-`));
    const compose = (version: string): string => serviceLine(`echo-${version}`, 7000, echo(version));
    const text = [
      'services:',
      serviceLine('relay', 7001, relay, ', protocol: http').trimEnd(),
      compose('v1').trimEnd(),
      compose('v2').trimEnd(),
      `  echo: {port: 7000, protocol: http, versions: {v1: echo-v1, v2: echo-v2}${policy}}`,
      'gateways:',
      '  web: {port: "${WEB_PORT}", routes: [{to: relay}]}',
      'routes:',
      '  echo:',
      rules,
      more,
    ].join('\n');
    await writeFile(join(dir, 'mesh.yaml'), text);
    const port = await freePort();
    return new EchoMesh(dir, project, port, { WEB_PORT: String(port) });
  }

  /** One call of `relay` to a service of the mesh, through both sidecars. */
  async call(
    url: string,
    { method = 'GET', headers = {}, body }: { method?: string; headers?: Readonly<Record<string, string>>; body?: string } = {},
  ): Promise<Relayed> {
    const response = await fetch(`http://127.0.0.1:${this.gatewayPort}/${url}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
      signal: AbortSignal.timeout(20_000),
    });
    assertOk(response.status);
    return (await response.json()) as Relayed;
  }

  /** The same, where the app answers: what it got. */
  async echo(url: string, options: Parameters<EchoMesh['call']>[1] = {}): Promise<Echoed> {
    return JSON.parse((await this.call(url, options)).body) as Echoed;
  }
}

function assertOk(status: number): void {
  if (status !== 200) throw new Error(`the relay answered ${status}`);
}
