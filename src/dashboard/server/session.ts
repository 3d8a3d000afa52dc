import { signal } from '@preact/signals';

const proofKey = 'mesh-proof';

/** `checking`: a login code is being shown to the daemon. */
export const session = signal<'checking' | 'in' | 'out'>(localStorage.getItem(proofKey) === null ? 'out' : 'in');

/** What proves beside the cookie that this page was logged in; the empty string: nothing does. */
export function proof(): string {
  return localStorage.getItem(proofKey) ?? '';
}

/** Logs in with a code of `mesh dashboard` or with the token. Resolves to what was wrong, or to the empty string. */
export async function login(given: { readonly code: string } | { readonly token: string }): Promise<string> {
  session.value = 'checking';
  const problem = await exchange(given).catch(() => 'the daemon does not answer');
  session.value = proof() === '' ? 'out' : 'in';
  return problem;
}

/** The session that `ended` proved is over. Another tab may have logged in meanwhile: its session stays. */
export function forget(ended: string): void {
  if (proof() === ended) localStorage.removeItem(proofKey);
  session.value = proof() === '' ? 'out' : 'in';
}

/** Follows what other tabs do: who logs in there is in here too. */
export function watchSession(): void {
  window.addEventListener('storage', ({ key }) => {
    if (key === proofKey) session.value = proof() === '' ? 'out' : 'in';
  });
}

async function exchange(given: object): Promise<string> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch('/v1/session', { method: 'POST', headers, body: JSON.stringify(given) });
  if (!answer.ok) return 'the code or token is not good (any more)';
  const { proof } = (await answer.json()) as { readonly proof: string };
  localStorage.setItem(proofKey, proof);
  return '';
}
