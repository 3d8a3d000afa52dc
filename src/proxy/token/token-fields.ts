import type { TokenIssuer } from '../../snapshot/token-policy.ts';
import { untouchable } from '../filters/header-edits.ts';
import type { ParsedToken } from './parsed-token.ts';
import { type Claims, claimAt, textOf } from './verified-token.ts';

/** A field that tells the app something, as it is written. */
export interface TokenField {
  readonly name: string;
  readonly value: string;
}

/** Names of the fields that the app gets from the mesh alone. */
export function tokenFieldNames(issuers: readonly TokenIssuer[]): readonly string[] {
  const names = issuers.flatMap(({ payloadHeader, claimHeaders }) => [
    ...(payloadHeader === undefined ? [] : [payloadHeader]),
    ...claimHeaders.map(({ header }) => header),
  ]);
  return [...new Set(names)].filter(name => !untouchable.has(name));
}

/** What the app is told of a token. */
export function tokenFields(
  { claims, payload }: ParsedToken,
  { payloadHeader, claimHeaders }: TokenIssuer,
): readonly TokenField[] {
  return [
    ...(payloadHeader === undefined ? [] : [{ name: payloadHeader, value: payload }]),
    ...claimHeaders.flatMap(({ header, claim }) => {
      const value = fieldValue(claims, claim);
      return value === null ? [] : [{ name: header, value }];
    }),
  ].filter(({ name }) => !untouchable.has(name));
}

/**
 * A claim as the value of a field, in the bytes of UTF-8; lists and objects as base64 of their JSON. `null`: there is none, or one that no field can hold as
 * it is. Nothing is taken out of it: what is left could be somebody else's name.
 */
function fieldValue(claims: Claims, path: readonly string[]): string | null {
  const claim = claimAt(claims, path);
  if (claim === undefined || claim === null) return null;
  if (typeof claim === 'object') return jsonOf(claim);
  const value = Buffer.from(textOf(claim) ?? '').toString('latin1');
  return value === '' || value !== value.trim() || /[\0-\x1f\x7f]/.test(value) ? null : value;
}

function jsonOf(claim: object): string | null {
  try {
    return Buffer.from(JSON.stringify(claim)).toString('base64');
  } catch {
    // Too deep to be written.
    return null;
  }
}
