import type { FaultRequest } from '../../../api/fault.ts';

/** What was typed. */
export interface FaultForm {
  readonly service: string;
  readonly kind: 'delay' | 'abort';
  /** Ms of a delay, status of an abort. */
  readonly value: string;
  readonly percent: string;
  /** Minutes; the empty string: until it is removed. */
  readonly minutes: string;
}

/** The request of a form, or what is wrong with it. The daemon checks again. */
export function faultRequest({ service, kind, value, percent, minutes }: FaultForm): FaultRequest | string {
  if (service === '') return 'which service?';
  const number = read(value);
  if (kind === 'delay' && !(number >= 1 && number <= 3_600_000)) return 'the delay is a number of ms from 1 to 3600000';
  if (kind === 'abort' && !(number >= 200 && number <= 599)) return 'the status is a number from 200 to 599';
  const share = read(percent);
  if (!(share > 0 && share <= 100)) return 'the share is a number of percent, more than 0 and at most 100';
  const length = minutes === '' ? null : read(minutes);
  if (length !== null && !(length > 0 && length <= 1_440)) return 'the time is a number of minutes, more than 0 and at most 1440';
  return {
    service,
    route: null,
    fault: kind === 'delay' ? { kind, ms: number, jitterMs: 0, percent: share } : { kind, status: number, percent: share },
    forMs: length === null ? null : Math.round(length * 60_000),
  };
}

function read(text: string): number {
  return /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
}
