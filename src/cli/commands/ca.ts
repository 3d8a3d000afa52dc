import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CaDocument, maxPersonTtlMs, minPersonTtlMs, type RotationBlocker, type RotationStatus } from '../../api/ca.ts';
import { connectApi } from '../../api/client.ts';
import { exitCodes, MeshError } from '../../api/mesh-error.ts';
import { apiVersion } from '../../api/types.ts';
import { isProblem, parseDuration } from '../../config/units.ts';
import { lateText, rotationPhases } from '../../text/certificate-text.ts';
import { escapeLines } from '../../text/escape.ts';
import type { Invocation } from '../invocation.ts';
import type { Output } from '../output.ts';
import { issuePerson } from '../person-certificate.ts';
import { age, table } from '../table.ts';

/** Options of `mesh ca`. */
export interface CaOptions {
  readonly json?: boolean;
  readonly status?: boolean;
  readonly ttl?: string;
  readonly out?: string;
}

/** `mesh ca`, `mesh ca show`, `mesh ca rotate`, `mesh ca issue <name>` */
export async function run(
  invocation: Invocation,
  [action = 'root', name]: readonly string[],
  options: CaOptions,
): Promise<number> {
  switch (action) {
    case 'root':
      return root(invocation);
    case 'show':
      return show(invocation, options);
    case 'rotate':
      return options.status === true ? rotationStatus(invocation, options) : rotate(invocation, options);
    case 'issue': {
      if (name === undefined) throw usage('for whom?', '`mesh ca issue alice`');
      const ttlMs = parseDuration(options.ttl ?? '30d', { minMs: minPersonTtlMs, maxMs: maxPersonTtlMs });
      if (isProblem(ttlMs)) throw usage(`--ttl: ${ttlMs.problem}`, ttlMs.hint);
      return issuePerson(invocation, { name, ttlMs, folder: options.out ?? '.', json: options.json === true });
    }
    default:
      throw usage(`no action "${action}"`, 'one of root, show, rotate, issue');
  }
}

/** The roots that gateways' certificates come from, for `curl --cacert` and trust stores. */
async function root({ project, output }: Invocation): Promise<number> {
  const file = join(project.stateDir, 'ca.pem');
  let pem: string;
  try {
    pem = await readFile(file, 'utf8');
  } catch {
    throw new MeshError('no-ca', `there is no CA yet: ${file} is missing`, '`mesh up` makes it');
  }
  output.raw(pem);
  return exitCodes.ok;
}

async function show({ project, output }: Invocation, { json }: CaOptions): Promise<number> {
  const document = await connectApi(project.socket).ca();
  if (json) output.json(document);
  else for (const line of caText(document, output)) output.data(line);
  return exitCodes.ok;
}

/** What `mesh ca show` prints. */
export function caText(document: CaDocument, output: Output): readonly string[] {
  const nowMs = Date.parse(document.now);
  const { trustDomain, svidTtlMs, roots, rotation, svids } = document;
  return [
    `trust domain  ${trustDomain}`,
    `certificates  live for ${age(svidTtlMs)}`,
    `rotation      ${rotation === null ? 'none under way' : phaseText(rotation)}`,
    ...(rotation === null ? [] : waiting(rotation.waitingFor).map(line => `              ${line}`)),
    '',
    ...table(
      ['ROOT', 'ROLE', 'SINCE', 'ENDS'],
      roots.map(({ fingerprint, role, notBefore, expiresAt }) => [
        short(fingerprint),
        role === 'active' ? output.paint('green', role) : role,
        notBefore.slice(0, 10),
        expiresAt.slice(0, 10),
      ]),
    ),
    '',
    ...table(
      ['WORKLOAD', 'IDENTITY', 'ROOT', 'AGE', 'ENDS IN', ''],
      svids.map(({ workload, spiffeId, root: from, since, expiresAt, late, problem }) => [
        workload,
        spiffeId === '' ? '-' : spiffeId,
        from === null ? '-' : short(from),
        since === null ? '-' : age(nowMs - Date.parse(since)),
        expiresAt === null ? '-' : Date.parse(expiresAt) <= nowMs ? 'expired' : age(Date.parse(expiresAt) - nowMs),
        [late === 0 ? '' : output.paint('yellow', lateText(late)), escapeLines(problem)].filter(part => part !== '').join('; '),
      ]),
    ),
  ];
}

async function rotationStatus({ project, output }: Invocation, { json }: CaOptions): Promise<number> {
  const { rotation } = await connectApi(project.socket).ca();
  if (json) output.json({ apiVersion, kind: 'Rotation', rotation });
  else if (rotation === null) output.data('no change of the root is under way');
  else for (const line of [phaseText(rotation), ...waiting(rotation.waitingFor)]) output.data(line);
  return exitCodes.ok;
}

/** Follows the change to its end. Ctrl-C ends the following: the daemon goes on. */
async function rotate({ project, output }: Invocation, { json }: CaOptions): Promise<number> {
  const api = connectApi(project.socket);
  for await (const { text, waitingFor } of api.rotateCa(new AbortController().signal)) {
    if (text !== '') output.note(escapeLines(text));
    for (const line of waiting(waitingFor)) output.note(line);
  }
  const document = await api.ca();
  if (document.rotation !== null)
    throw new MeshError('rotation-unfinished', 'the daemon ended before the change did', '`mesh up` goes on with it');
  if (json) output.json(document);
  else output.note('done; `mesh ca` prints the new root: clients outside the mesh need it, and people a new certificate');
  return exitCodes.ok;
}

function phaseText({ phase }: RotationStatus): string {
  return rotationPhases[phase];
}

function waiting(blockers: readonly RotationBlocker[]): readonly string[] {
  return blockers.map(({ workload, reason }) => `waiting for ${workload}: ${escapeLines(reason)}`);
}

function short(fingerprint: string): string {
  return fingerprint.slice(0, 12);
}

function usage(problem: string, hint: string): MeshError {
  return new MeshError('usage', problem, hint, exitCodes.usage);
}
