/**
 * All 240 cases of the wire corpus, at the server's sidecar, at the gateway and through both, and however the bytes are cut into packets: those with a
 * known exploit behind them byte by byte, the others at random places. The corpus's own runner plays most of them inbound (`wire.test.ts`);
 * what it leaves out for its length, slow clients and silent servers, is played here on a clock that is moved by hand.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { corpusMissing, type WireCase, wireCases } from './wire/corpus.ts';
import { type Framing, playCase, playScript, type Side } from './wire/play.ts';

/** So many cases at once: each mostly waits for the others' turns of the loop. */
const together = 16;
/** Longer input is not sent byte by byte: the head limit is far below it. */
const bytewiseMax = 20_000;

const whole: Framing = { kind: 'whole' };
const random = [1, 2, 3].map((seed): Framing => ({ kind: 'random', seed }));

function framingsOf(one: WireCase): readonly Framing[] {
  if (one.level === 'MUST' && one.raw.length <= bytewiseMax) return [{ kind: 'bytewise' }, ...random.slice(0, 1)];
  return random;
}

async function play(one: WireCase, side: Side, framing: Framing): Promise<string[]> {
  const scripted = one.segments !== undefined || one.slow === true;
  const problems = await (scripted ? playScript : playCase)(one, side, framing);
  return problems.map(problem => `${one.name} (${framing.kind}): ${problem}`);
}

/** Runs all, a few at a time. */
async function playAll(runs: readonly (() => Promise<string[]>)[]): Promise<string[]> {
  const waiting = runs.values();
  const problems: string[] = [];
  const worker = async (): Promise<void> => {
    for (const run of waiting) problems.push(...(await run()));
  };
  await Promise.all(Array.from({ length: together }, worker));
  return problems.sort();
}

describe('the wire corpus', { skip: corpusMissing }, () => {
  for (const side of ['inbound', 'gateway', 'chain'] as const) {
    test(`${side}, as it is written`, async () => {
      const cases = wireCases();
      assert.equal(cases.length, 240);
      assert.deepEqual(await playAll(cases.map(one => () => play(one, side, whole))), []);
    });
    test(`${side}, in other packets`, async () => {
      const runs = wireCases().flatMap(one => framingsOf(one).map(framing => () => play(one, side, framing)));
      assert.deepEqual(await playAll(runs), []);
    });
  }
});
