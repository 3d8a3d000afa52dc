/** `mesh ca issue`: the key is made here and stays here; the daemon signs its certificate. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, open, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { connectApi } from '../api/client.ts';
import { exitCodes, MeshError } from '../api/mesh-error.ts';
import { createCsr } from '../identity/certificate-request.ts';
import { personId } from '../identity/spiffe-id.ts';
import { messageOf } from '../text/message-of.ts';
import type { Invocation } from './invocation.ts';

/** For whom, for how long, and where to. */
export interface PersonOptions {
  readonly name: string;
  readonly ttlMs: number;
  /** Made when missing. */
  readonly folder: string;
  readonly json: boolean;
}

/** Writes `<name>.key`, `<name>.crt` and `<name>-ca.pem`. @throws MeshError `file-exists`, and nothing is written; those of the daemon */
export async function issuePerson({ project, output }: Invocation, options: PersonOptions): Promise<number> {
  const { name, ttlMs, folder, json } = options;
  const api = connectApi(project.socket);
  const { gateways, trustDomain } = await api.status();
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issued = await api.issuePerson({ name, csrPem: createCsr(privateKey, personId(trustDomain, name)), ttlMs });
  const { spiffeId, serialNumber, expiresAt, chainPem, bundlePem } = issued;
  // The daemon has judged the name: it holds no path.
  const paths = {
    key: join(folder, `${name}.key`),
    certificate: join(folder, `${name}.crt`),
    roots: join(folder, `${name}-ca.pem`),
  };
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeNew([
    [paths.key, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), 0o600],
    [paths.certificate, chainPem, 0o644],
    [paths.roots, bundlePem, 0o644],
  ]);
  if (json) {
    output.json({ apiVersion: issued.apiVersion, kind: 'IssuedFiles', spiffeId, serialNumber, expiresAt, files: paths });
    return exitCodes.ok;
  }
  const url = gateways.find(gateway => gateway.url.startsWith('https:'))?.url ?? 'https://localhost:8443/';
  output.data(`identity     ${spiffeId}, until ${expiresAt.slice(0, 16).replace('T', ' ')} UTC`);
  output.data(`certificate  ${shown(paths.certificate)}`);
  output.data(`key          ${shown(paths.key)} (only for you: mode 0600)`);
  output.data(`roots        ${shown(paths.roots)}`);
  output.data(`curl --cert ${shown(paths.certificate)} --key ${shown(paths.key)} --cacert ${shown(paths.roots)} ${url}`);
  return exitCodes.ok;
}

function shown(path: string): string {
  const near = relative(process.cwd(), path);
  return near.startsWith('..') ? path : near;
}

/** All or none, and never over a file that is there. Rights do not depend on the umask. */
async function writeNew(files: readonly (readonly [path: string, text: string, mode: number])[]): Promise<void> {
  const written: string[] = [];
  try {
    for (const [path, text, mode] of files) {
      const file = await open(path, 'wx', mode);
      written.push(path);
      try {
        await file.chmod(mode);
        await file.writeFile(text);
        await file.sync();
      } finally {
        await file.close();
      }
    }
  } catch (error) {
    for (const path of written) await rm(path, { force: true });
    const { code, path = '' } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST')
      throw new MeshError('file-exists', `${path} is there already`, 'move it away, or name another folder with --out');
    throw new MeshError('unwritable', `${path}: ${messageOf(error)}`, 'choose a folder with --out');
  }
}
