/** What holds for every attack, whatever its case asks. */
import assert from 'node:assert/strict';
import { eventually } from '../../support/eventually.ts';
import type { ConformanceMesh, Entrance } from '../mesh/conformance-mesh.ts';
import type { Seen } from '../mesh/echo-app.ts';
import { type Attack, type Credentials, dial, type Reply } from './attacker.ts';
import type { BypassCase, PathReference } from './corpus.ts';
import { Line, type Protocol } from './line.ts';

/** Where attacks are sent, and what they are judged by. */
export interface Stage {
  readonly mesh: ConformanceMesh;
  readonly to: Entrance;
  readonly reference: PathReference;
}

/** A request and its answer on a connection of its own. */
export async function attack(to: Entrance, credentials: Credentials, protocol: Protocol, request: Attack): Promise<Reply> {
  using line = new Line(await dial(to, credentials), protocol);
  return await line.ask(request);
}

/** The request of a case. */
export function attackOf({ request }: BypassCase): Attack {
  const { method, host, path, headers, chunkedTrailer } = request;
  return { method, host, path, headers, ...(chunkedTrailer === undefined ? {} : { trailer: chunkedTrailer }) };
}

/** What reached the app. */
export const seenBy = ({ mesh }: Stage): readonly Seen[] => mesh.services.get('app')?.seen ?? [];

/** I1 and I2 of whatever reached the app. `sent`: the path as the client wrote it. */
export function checkForwarded(stage: Stage, sent: string): void {
  const { norm, worst } = stage.reference;
  for (const { path } of seenBy(stage)) {
    // The folder itself may be read without its slash.
    assert.ok(`${worst(path)}/`.startsWith('/public/'), `I1: the app got ${path}, which may be ${worst(path)}`);
    const one = norm(sent.replace(/^http:\/\/[^/]*/, ''));
    assert.equal(path, 'reject' in one ? one.reject : one.path + one.query, 'I2');
  }
}

/** I5 of a request that was refused with this answer. */
export async function checkTold(
  stage: Stage,
  credentials: Credentials,
  request: BypassCase['request'],
  status: number,
): Promise<void> {
  // Written when the exchange is over, which may be after its answer has come.
  const line = await eventually(() => {
    const found = stage.mesh.lines.findLast(one => one.includes('"response_code"'));
    assert.ok(found !== undefined, 'I5: no line in the access log');
    return found;
  });
  assert.doesNotMatch(line, /[\0-\x1f\x7f]/, 'I5: a control character in the access log');
  const told = JSON.parse(line) as Record<string, unknown>;
  assert.equal(told.response_code, status, 'I5');
  if (status !== 403) return;
  assert.match(String(told.response_code_details), /^rbac_access_denied_matched_policy\[.+\]$/, 'I5: the rule in the log');
  assert.equal(told.method, request.method, 'I5: the method in the log');
  const one = stage.reference.norm(request.path.replace(/^http:\/\/[^/]*/, '') || '/');
  if (!('reject' in one)) assert.equal(told.path, one.path + one.query, 'I5: the normalised path in the log');
  if (credentials !== null && request.sans === undefined)
    assert.equal(told.downstream_peer_uri_san, request.principal, 'I5: the principal in the log');
}

/** Refusals by access rules so far. */
export async function denials({ mesh }: Stage): Promise<number> {
  const text = await mesh.stats('app-1');
  const counted = [...text.matchAll(/^mesh_access_decisions_total\{.*result="denied".*\} (\d+)$/gm)];
  return counted.reduce((sum, [, count]) => sum + Number(count), 0);
}
