/**
 * Attacks on an access policy, through a real sidecar with real certificates, over HTTP/1.1 and HTTP/2. Besides what each case asks:
 * I1 however leniently a server may read what it gets, it stays within what the rule allows;
 * I2 what was judged is what is forwarded, byte for byte;
 * I3 only the certificate says who calls;
 * I4 what goes wrong while judging refuses;
 * I5 each refusal is counted, and told in the access log.
 */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe } from 'node:test';
import { type BypassCase, bypassCases, corpusMissing, pathReference } from './bypass/corpus.ts';
import { credentialsOf } from './bypass/credentials.ts';
import { attack, attackOf, checkForwarded, checkTold, denials, type Stage, seenBy } from './bypass/invariants.ts';
import type { Protocol } from './bypass/line.ts';
import { policies, policyOf } from './bypass/policies.ts';
import { scripts } from './bypass/scripts.ts';
import { ConformanceMesh } from './mesh/conformance-mesh.ts';
import { type Outcome, report, testCase } from './report.ts';

const protocols: readonly Protocol[] = ['h1', 'h2'];

/** Why a protocol has no such request; `null`: it has. */
function inexpressible({ name }: BypassCase, protocol: Protocol): string | null {
  if (protocol === 'h2') return name === 'seq-ws-refused-then-request' ? 'HTTP/2 has no `Upgrade`' : null;
  if (name === 'host-h2-authority-vs-host') return 'HTTP/1.1 has no `:authority`';
  return name === 'seq-grpc-path' ? 'gRPC is HTTP/2' : null;
}

async function runOne(stage: Stage, one: BypassCase, protocol: Protocol): Promise<void> {
  const { request, expect } = one;
  const credentials = credentialsOf(one, stage.mesh.ca);
  const before = await denials(stage);
  const reply = await attack(stage.to, credentials, protocol, attackOf(one));
  const seen = seenBy(stage);
  const decisions = expect.decision ?? [];
  if (reply.status === 200) {
    assert.ok(decisions.includes('allow'), `it was let through: the app got ${seen[0]?.path}`);
    assert.equal(seen.length, 1);
    const wanted = expect.upstreamPath ?? expect.ifAllowedUpstreamPath;
    if (wanted !== undefined) assert.equal(seen[0]?.path, wanted);
    if (expect.ifAllowedUpstreamHost !== undefined) assert.equal(seen[0]?.host, expect.ifAllowedUpstreamHost);
    checkForwarded(stage, request.path);
    if (request.chunkedTrailer !== undefined) assert.equal(seen[0]?.headers['x-role'], undefined, 'a trailer became a field');
  } else {
    assert.ok(decisions.length > 1 || decisions[0] !== 'allow', `refused with ${reply.status}`);
    assert.deepEqual(seen, [], 'the app got a refused request');
    // A stream or connection that just ends is HTTP/2's way to refuse what is malformed.
    if (protocol === 'h1' || reply.status !== 0)
      assert.ok(expect.status?.includes(reply.status) ?? true, `${reply.status}, not ${expect.status?.join(' or ')}`);
    if (reply.status > 0) await checkTold(stage, credentials, request, reply.status);
    assert.equal(await denials(stage), before + (reply.status === 403 ? 1 : 0), 'I5: the counter of refusals');
  }
}

describe('authorization bypass', { skip: corpusMissing }, () => {
  const cases = corpusMissing === false ? bypassCases() : [];
  const outcomes: Outcome[] = [];
  let stage: Stage;
  before(async () => {
    const mesh = await ConformanceMesh.start(
      { network: 60, trustDomain: 'mesh.local' },
      { app: { ports: [{ port: 8080, name: 'http', app: 'http' }] } },
    );
    stage = { mesh, to: { host: mesh.podAddress('app-1'), port: 8080 }, reference: await pathReference() };
  });
  beforeEach(() => {
    stage.mesh.services.get('app')?.seen.splice(0);
    stage.mesh.lines.splice(0);
  });
  after(async () => {
    await stage.mesh[Symbol.asyncDispose]();
    report('Authorization bypass', outcomes);
  });
  for (const [name, document] of Object.entries(policies)) {
    const mine = cases.filter(one => policyOf(one) === name);
    if (mine.length === 0) continue;
    describe(name, () => {
      before(() => stage.mesh.use(document));
      for (const one of mine)
        for (const protocol of protocols) {
          const group = `${one.group}, ${protocol === 'h1' ? 'HTTP/1.1' : 'HTTP/2'}`;
          const act = () => (scripts[one.name] ?? runOne)(stage, one, protocol);
          testCase(outcomes, { group, id: one.name, title: `${one.name} ${protocol}` }, act, inexpressible(one, protocol));
        }
    });
  }
});
