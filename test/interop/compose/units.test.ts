import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseBytes, parseDuration } from '../../../src/interop/compose/units.ts';

describe("durations in compose's spelling", () => {
  const cases: readonly (readonly [string, number | null])[] = [
    ['0', 0],
    ['10s', 10_000],
    ['1m30s', 90_000],
    ['1.5h', 5_400_000],
    ['500ms', 500],
    ['2d', 172_800_000],
    ['0.1s', 100],
    ['30', null],
    ['', null],
    ['1 m', null],
    ['-5s', null],
    ['5x', null],
  ];
  for (const [written, ms] of cases) test(JSON.stringify(written), () => assert.equal(parseDuration(written), ms));
});

describe("sizes in compose's spelling", () => {
  const cases: readonly (readonly [string, number | null])[] = [
    ['1024', 1024],
    ['512m', 536_870_912],
    ['512MB', 536_870_912],
    ['64k', 65_536],
    ['1.5g', 1_610_612_736],
    ['2GiB', 2_147_483_648],
    ['10b', 10],
    ['', null],
    ['1x', null],
    ['-1', null],
  ];
  for (const [written, bytes] of cases) test(JSON.stringify(written), () => assert.equal(parseBytes(written), bytes));
});
