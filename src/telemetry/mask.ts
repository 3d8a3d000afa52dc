/** Secrets that travel in requests do not stay in logs, traces or explanations. What counts as one is decided here and nowhere else. */

/** In place of a value. */
export const masked = '***';

/** Words of a name that tell a secret: `access_token`, `X-Amz-Signature`, `proxy-authorization`. */
const secretWords = new Set(
  `token secret password passwd passphrase pwd pass signature sig jwt auth authorization credential credentials assertion session
   sessionid sid otp cookie apikey accesskey secretkey privatekey`.split(/\s+/),
);
/** Alone these are secrets (an authorization code, a key); with other words about them they may be anything. */
const secretNames = new Set(['code', 'key']);
/** Written without a separator: `idtoken`, `clientsecret`. */
const secretEnding = /(?:token|secret|password|apikey)$/;
/** Most queries have nothing of the kind: one look says so. An escape may hide any of the words. */
const maybe = /eyJ|token|secret|pass|pwd|sig|jwt|auth|credential|assertion|session|sid|otp|cookie|key|code|%/i;

/** Whether the header or query parameter of this name holds a secret. */
export function isSecret(name: string): boolean {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[^a-z0-9]+/);
  if (words.length === 1 && secretNames.has(words[0] ?? '')) return true;
  return words.at(-1) === 'key' ? words.length > 1 : words.some(word => secretWords.has(word) || secretEnding.test(word));
}

/** A request target or URL whose query, and user name with password, keep their secrets to themselves. */
export function maskTarget(target: string): string {
  const open = target.charCodeAt(0) === 0x2f ? target : target.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#@]*@/i, `$1${masked}@`);
  const query = open.indexOf('?');
  if (query < 0 || !maybe.test(open)) return open;
  // `;` separates for some servers; the fragment of an OAuth answer holds the same names.
  const parameters = open.slice(query).replace(/([^?&;#=]+)=([^&;#]*)/g, (pair, name: string, value: string) => {
    return isToken(value) || isSecret(name.includes('%') ? decoded(name) : name) ? `${name}=${masked}` : pair;
  });
  return open.slice(0, query) + parameters;
}

/** A JSON Web Token, under whatever name. */
function isToken(value: string): boolean {
  return /^eyJ[\w-]+\.[\w-]+\.[\w-]+$/.test(value);
}

function decoded(name: string): string {
  return name.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
