import { type PublicKeys, publicKeys } from '../config/jwks.ts';

/** An issuer that is slower will be asked again. */
const timeoutMs = 10_000;
/** A hundred RSA keys of 4096 bits have 90 KiB. */
const maxBytes = 256 * 1024;
const maxRedirects = 3;

/**
 * Fetches a key set. Redirects only to where the first question went: the host was named by the user, and TLS says that it is him.
 * @throws Error that says why there are no keys
 */
export async function fetchKeySet(from: string, signal: AbortSignal): Promise<PublicKeys> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const keys = publicKeys(parsed(await textOf(await answerOf(from, limit))));
  if (typeof keys === 'string') throw new Error(keys);
  return keys;
}

async function answerOf(from: string, signal: AbortSignal): Promise<Response> {
  let url = from;
  for (let redirects = 0; ; redirects++) {
    const answer = await ask(url, signal);
    if (answer.status === 200) return answer;
    await answer.body?.cancel();
    const location = answer.headers.get('location');
    if (answer.status < 300 || answer.status > 399 || location === null) throw new Error(`it answered ${answer.status}`);
    const next = URL.canParse(location, url) ? new URL(location, url) : null;
    if (next === null || next.origin !== new URL(from).origin) throw new Error('it redirects to somebody else');
    if (redirects === maxRedirects) throw new Error('it redirects again and again');
    url = next.href;
  }
}

async function ask(url: string, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(url, { signal, redirect: 'manual', headers: { accept: 'application/jwk-set+json, application/json' } });
  } catch (error) {
    throw new Error(reasonOf(error), { cause: error });
  }
}

/** `fetch failed` says nothing; what lies beneath does. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `no answer within ${timeoutMs / 1000} s`;
  const { cause } = error;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  return code !== '' ? code : cause instanceof Error ? cause.message : error.message;
}

async function textOf(answer: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const part of answer.body ?? []) {
      size += part.length;
      // Leaving the loop ends the connection.
      if (size > maxBytes) throw new RangeError(`the key set is larger than ${maxBytes / 1024} KiB`);
      parts.push(part);
    }
  } catch (error) {
    throw error instanceof RangeError ? error : new Error(reasonOf(error), { cause: error });
  }
  return Buffer.concat(parts).toString('utf8');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error('its answer is not JSON');
  }
}
