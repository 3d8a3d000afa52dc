/** Shapes of what decides who may call: external authorizers, tokens. */
import type { ExternalAuthorizer, PathNormalization } from './access-policy.ts';
import { anyText, durationMs, finalStatus, headerName, name, pathText, withPattern } from './forms.ts';
import { flag, list, object, on, oneOf, optional, type Shape, SnapshotError, tagged } from './shape.ts';
import type { ClaimHeader, ClaimMatch, TokenIssuer, TokenPlace } from './token-policy.ts';

/** How paths are made one. */
export const pathNormalization: Shape<PathNormalization> = oneOf(
  'strict',
  'none',
  'base',
  'merge-slashes',
  'decode-and-merge-slashes',
);

/** Whom rules ask. */
export const authorizers: Shape<readonly ExternalAuthorizer[]> = list(
  object<ExternalAuthorizer>({
    name,
    cluster: name,
    host: anyText,
    pathPrefix: (value, path) => (value === '' ? value : pathText(value, path)),
    timeoutMs: durationMs,
    failOpen: flag,
    statusOnError: finalStatus,
    sends: list(name),
    addsToRequest: list(headerName),
    addsToAnswer: list(headerName),
  }),
  item => item.name,
);

const claimPath: Shape<readonly string[]> = (value, path) => {
  const names = list(name)(value, path);
  if (names.length === 0) throw new SnapshotError(path, 'expected the name of a claim');
  return names;
};

/** A public key as it stands in a key set. What it is good for is decided where it is used; a private part never belongs here. */
const publicKey: Shape<Readonly<Record<string, unknown>>> = (value, path) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new SnapshotError(path, 'expected a JWK');
  if ('d' in value) throw new SnapshotError(path, 'expected a public key, found a private one');
  return { ...value };
};

/** Issuers of tokens; each stands once. */
export const tokens: Shape<readonly TokenIssuer[]> = list(
  object<TokenIssuer>({
    issuer: name,
    keys: list(publicKey),
    audiences: list(name),
    from: list(tagged<TokenPlace>({ header: { name: headerName, prefix: anyText }, query: { name }, cookie: { name } })),
    forward: flag,
    payloadHeader: optional(headerName),
    claimHeaders: list(object<ClaimHeader>({ header: headerName, claim: claimPath })),
    spaceDelimited: list(name),
  }),
  item => item.issuer,
);

/** Condition of a route on a claim. */
export const claimMatch: Shape<ClaimMatch> = withPattern(
  object<ClaimMatch>({
    claim: claimPath,
    kind: oneOf('exact', 'prefix', 'regex', 'present', 'absent'),
    value: anyText,
    not: optional(on),
  }),
);
