import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { images } from './images.ts';
import { freePort, MeshProject } from './mesh-project.ts';
import { createTestCa, newKey, type TestCa } from './test-ca.ts';
import { serviceLine } from './tiny-mesh.ts';

/** Says what it was asked. */
const shop = `require("http").createServer((q,a)=>a.end(JSON.stringify({url:q.url,...q.headers}))).listen(7000)`;
/** Calls what its own path names (\`/host:port/path\`) and tells the answer. */
const relay = `const http=require("http");http.createServer((q,a)=>{const [,host,port,path]=/^\\/([^:]+):(\\d+)(.*)$/.exec(q.url);http.get({host,port,path:path||"/"},s=>{let b="";s.on("data",d=>b+=d);s.on("end",()=>a.end(JSON.stringify({status:s.statusCode,body:b})))}).on("error",e=>a.end(JSON.stringify({error:e.code})))}).listen(7001)`;
/** Ends TLS itself. */
const vault = `const f=require("fs").readFileSync;require("tls").createServer({key:f("/tls/vault.key"),cert:f("/tls/vault.pem")},s=>{s.on("error",()=>{});s.end("vault "+s.servername)}).listen(8443)`;
/** Outside the mesh: TLS on 443, plain HTTP on 80, a server that speaks first on 1521. */
const outside = `const f=require("fs").readFileSync;const on=(q,a)=>a.end(JSON.stringify({secure:!!q.socket.encrypted,name:q.socket.servername,host:q.headers.host,url:q.url}));require("https").createServer({key:f("/tls/outside.key"),cert:f("/tls/outside.pem")},on).listen(443);require("http").createServer(on).listen(80);require("net").createServer(s=>{s.on("error",()=>{});s.end("220 hello")}).listen(1521)`;

/** Names under which the server outside the mesh is known. */
export const outsideNames = ['api.partner.test', 'plain.partner.test', 'raw.partner.test', 'a.wild.test', 'unknown.test'];

/** A mesh with every kind of edge, and a server outside of it with a certificate of its own. */
export class EdgeMesh extends MeshProject {
  readonly ports: { readonly secure: number; readonly pass: number; readonly own: number; readonly raw: number };
  /** Of the servers that end TLS themselves. */
  readonly ca: TestCa;
  #outside: Docker.Container | null = null;
  #network: Docker.Network | null = null;

  private constructor(dir: string, project: string, web: number, ports: EdgeMesh['ports'], ca: TestCa) {
    super(dir, project, web, {});
    this.ports = ports;
    this.ca = ca;
  }

  /** Writes the project; nothing is started. */
  static async create(project: string): Promise<EdgeMesh> {
    const dir = await mkdtemp(join(tmpdir(), `mesh-${project}-`));
    const ca = createTestCa(Date.now());
    const [web, secure, pass, own, raw] = [
      await freePort(),
      await freePort(),
      await freePort(),
      await freePort(),
      await freePort(),
    ];
    const mesh = new EdgeMesh(dir, project, web, { secure, pass, own, raw }, ca);
    await mkdir(join(dir, 'tls'));
    await writeFile(join(dir, 'tls', 'partner-ca.pem'), ca.bundlePem);
    await mesh.writePair('vault', ['vault.localhost']);
    await mesh.writePair('outside', ['api.partner.test', '*.wild.test']);
    await mesh.writePair('own', ['own.localhost']);
    const text = [
      'egress: registry-only',
      'services:',
      serviceLine('shop', 7000, shop).trimEnd(),
      serviceLine('relay', 7001, relay).trimEnd(),
      serviceLine('vault', 8443, vault, ', protocol: tcp, volumes: ["./tls:/tls:ro"]').trimEnd(),
      'external:',
      '  partner: {hosts: [api.partner.test], port: 443, tls: {ca: ./tls/partner-ca.pem}}',
      '  plain: {hosts: [plain.partner.test], port: 80}',
      '  raw: {hosts: [raw.partner.test], port: 1521, protocol: tcp}',
      '  wild: {hosts: ["*.wild.test"], port: 443, protocol: tls}',
      'gateways:',
      `  web: {port: ${web}, redirectTo: secure}`,
      `  secure: {port: ${secure}, tls: true, routes: [{hosts: [shop.localhost], to: shop}, {hosts: [relay.localhost], to: relay}, {hosts: ["*.apps.localhost"], to: shop}]}`,
      `  pass: {port: ${pass}, protocol: tls, routes: [{hosts: ["*.localhost"], to: vault}]}`,
      `  db: {port: ${raw}, protocol: tcp, routes: [{to: vault}]}`,
      `  own: {port: ${own}, tls: {cert: ./tls/own.pem, key: ./tls/own.key}, routes: [{hosts: [own.localhost], to: shop}]}`,
      'routes:',
      '  plain:',
      '    - {match: {path: /refused}, respond: {status: 418, body: "not there"}}',
      '    - {}',
      '',
    ].join('\n');
    await writeFile(join(dir, 'mesh.yaml'), text);
    return mesh;
  }

  /** A fresh key and certificate, in place of what was there. */
  async writePair(name: string, names: readonly string[]): Promise<void> {
    const key = newKey();
    const cert = this.ca.issue(key, null, { names: names.map(value => ({ type: 'dns', value })) });
    await writeFile(join(this.dir, 'tls', `${name}.key`), key.export({ type: 'pkcs8', format: 'pem' }));
    await writeFile(join(this.dir, 'tls', `${name}.pem`), cert);
  }

  /** Starts the server outside, on a network of its own, and makes it known by its names to the mesh's network. */
  async startOutside(): Promise<void> {
    this.#network = await this.docker.createNetwork({ Name: `${this.project}-outside` });
    this.#outside = await this.docker.createContainer({
      name: `${this.project}-outside`,
      Image: images.node,
      Cmd: ['node', '-e', outside],
      HostConfig: { NetworkMode: `${this.project}-outside`, Binds: [`${join(this.dir, 'tls')}:/tls:ro`] },
    });
    await this.#outside.start();
    const label = `com.docker.compose.project=${this.project}`;
    const [network] = await this.docker.listNetworks({ filters: { label: [label] } });
    if (network === undefined) throw new Error('the mesh has no network');
    const EndpointConfig = { Aliases: outsideNames };
    await this.docker.getNetwork(network.Id).connect({ Container: this.#outside.id, EndpointConfig });
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.#outside?.remove({ force: true, v: true });
    await this.#network?.remove();
    await super[Symbol.asyncDispose]();
  }
}
