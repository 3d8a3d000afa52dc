import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readFaultRequest } from '../../src/api/fault.ts';
import { type FaultForm, faultRequest } from '../../src/dashboard/pages/config/fault-request.ts';

const form: FaultForm = { service: 'reviews', kind: 'delay', value: '2000', percent: '50', minutes: '5' };

test('a form becomes a request that the daemon takes', () => {
  for (const each of [form, { ...form, kind: 'abort', value: '503', minutes: '' } as const, { ...form, percent: '0.5' }]) {
    const request = faultRequest(each);
    assert.equal(typeof request, 'object');
    assert.deepEqual(readFaultRequest({ ...(request as object) }), request);
  }
});

test('what cannot be is told before anybody is asked', () => {
  const wrong: readonly Partial<FaultForm>[] = [
    { service: '' },
    { value: '0' },
    { value: '2s' },
    { kind: 'abort', value: '99' },
    { percent: '0' },
    { percent: '101' },
    { percent: '' },
    { minutes: '0' },
    { minutes: '-1' },
  ];
  for (const each of wrong) assert.equal(typeof faultRequest({ ...form, ...each }), 'string', JSON.stringify(each));
});
