/** The wire corpus as data. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const file = fileURLToPath(new URL('../../../../shared/cases/wire.json', import.meta.url));

/** Why the corpus cannot be run, `false` if it can. */
export const corpusMissing: string | false = existsSync(file) ? false : 'the corpus is not beside this repository';

/** One step of a client that does more than send all at once. */
export interface Segment {
  readonly send?: string;
  readonly sendBytewise?: string;
  readonly repeat?: number;
  readonly everyMs?: number;
  readonly waitMs?: number;
  readonly halfClose?: boolean;
}

/** A request as the server must have seen it. */
export interface SeenRequest {
  readonly method: string;
  readonly target: string;
  readonly body?: string;
  readonly bodyLength?: number;
  readonly host?: string;
}

/** One or more outcomes are right; the parts say what each of them asks. */
export interface Expected {
  readonly oneOf: readonly ('reject' | 'pass' | 'abort' | 'timeout' | 'downstream' | 'stall' | 'h2')[];
  readonly never?: readonly string[];
  readonly reject?: { readonly status: readonly number[]; readonly close?: boolean };
  readonly pass?: {
    readonly upstream: readonly SeenRequest[];
    readonly optionalUpstream?: readonly SeenRequest[];
    readonly close?: boolean;
    readonly headersAbsent?: readonly string[];
    readonly headersEqual?: Readonly<Record<string, string>>;
    readonly headersEqualOneOf?: Readonly<Record<string, readonly string[]>>;
    readonly headersNotEqual?: Readonly<Record<string, string>>;
    readonly headerCount?: Readonly<Record<string, number>>;
    readonly upstreamMustNotContain?: readonly string[];
    readonly bodyMustNotContain?: readonly string[];
    readonly interim?: readonly number[];
    readonly responses?: number;
    readonly responsesMax?: number;
    readonly statusNot?: readonly number[];
    readonly never?: readonly string[];
  };
  readonly abort?: { readonly close?: boolean; readonly status?: readonly number[] };
  readonly timeout?: {
    readonly withinMs: number;
    readonly status?: readonly number[];
    readonly upstreamRequests?: number;
    readonly afterResponse?: boolean;
  };
  readonly downstream?: {
    readonly status: readonly number[];
    readonly body?: string;
    readonly complete?: boolean;
    readonly bodyEmpty?: boolean;
    readonly upstreamConnReused?: boolean;
    readonly rawMustNotContain?: readonly string[];
    readonly neverDelivered?: readonly string[];
    readonly headerLines?: Readonly<Record<string, readonly string[]>>;
    readonly headerValues?: Readonly<Record<string, readonly string[]>>;
  };
}

/** One case, its macros expanded in `raw`. */
export interface WireCase {
  readonly name: string;
  readonly group: string;
  readonly level: 'MUST' | 'POLICY' | 'ROBUST';
  readonly raw: string;
  readonly segments?: readonly Segment[];
  readonly upstreamRaw?: string;
  readonly slow?: boolean;
  readonly expect: Expected;
}

/** All 240. */
export function wireCases(): readonly WireCase[] {
  const { cases } = JSON.parse(readFileSync(file, 'utf8')) as { readonly cases: readonly WireCase[] };
  return cases.map(one => ({
    ...one,
    raw: expand(one.raw),
    expect: {
      ...one.expect,
      ...(one.expect.pass === undefined
        ? {}
        : {
            pass: {
              ...one.expect.pass,
              upstream: one.expect.pass.upstream.map(seen => ({ ...seen, target: expand(seen.target) })),
            },
          }),
    },
  }));
}

/** `{{REP:3:ab}}` is `ababab`; it may hold one `{{R2:…}}`. */
export function expand(text: string): string {
  return ['R2', 'REP'].reduce(
    (done, macro) =>
      done.replace(new RegExp(`\\{\\{${macro}:(\\d+):([\\s\\S]*?)\\}\\}`, 'g'), (_, times, what) => what.repeat(Number(times))),
    text,
  );
}
