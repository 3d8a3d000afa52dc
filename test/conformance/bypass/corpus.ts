/** The bypass corpus as data. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const cases = (name: string): string => fileURLToPath(new URL(`../../../../shared/cases/${name}`, import.meta.url));

/** Why the corpus cannot be run, `false` if it can. */
export const corpusMissing: string | false = existsSync(cases('authz-bypass.json'))
  ? false
  : 'the corpus is not beside this repository';

/** One request against the policy. */
export interface BypassCase {
  readonly name: string;
  readonly group: string;
  readonly request: {
    readonly protocol: 'h1' | 'h2';
    readonly tls: 'mtls' | 'plaintext';
    readonly principal: string;
    readonly method: string;
    readonly host: string;
    /** Bytes as latin1. */
    readonly path: string;
    readonly headers: readonly (readonly [name: string, value: string])[];
    readonly chunkedTrailer?: string;
    readonly mode?: 'PERMISSIVE';
    /** Names of the certificate instead of the principal. */
    readonly sans?: readonly string[];
    readonly cn?: string;
    readonly ca?: string;
    readonly chain?: string;
    readonly notAfter?: string;
    readonly basicConstraintsCA?: boolean;
    readonly eku?: readonly string[];
    readonly policyExtra?: string;
  };
  readonly policyExtra?: string;
  readonly expect: {
    readonly decision?: readonly ('allow' | 'deny' | 'reject' | 'handshake-fail' | 'unreachable')[];
    /** 0: no answer. */
    readonly status?: readonly number[];
    readonly upstreamPath?: string;
    readonly ifAllowedUpstreamPath?: string;
    readonly ifAllowedUpstreamHost?: string;
    readonly ifAllowedInvariant?: string;
    readonly perStep?: readonly (number | string)[];
  };
}

/** All of them. */
export function bypassCases(): readonly BypassCase[] {
  return (JSON.parse(readFileSync(cases('authz-bypass.json'), 'utf8')) as { readonly cases: readonly BypassCase[] }).cases;
}

/** What the corpus was made with: the one form of a target, and how the most lenient server could read a path. */
export interface PathReference {
  readonly norm: (target: string) => { readonly reject: string } | { readonly path: string; readonly query: string };
  readonly worst: (path: string) => string;
}

/** Loads it. */
export async function pathReference(): Promise<PathReference> {
  return (await import(cases('tools/path-norm-reference.mjs'))) as PathReference;
}
