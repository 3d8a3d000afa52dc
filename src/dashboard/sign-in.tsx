import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { login, session } from './server/session.ts';

/** For who came without the link of `mesh dashboard`. */
export function SignIn(): VNode {
  const [problem, setProblem] = useState('');
  const [token, setToken] = useState('');
  if (session.value === 'checking')
    return (
      <main class="sign-in">
        <p role="status">Signing in …</p>
      </main>
    );
  return (
    <main class="sign-in">
      <h1>This is a mesh’s dashboard</h1>
      <p>
        <code>mesh dashboard</code> in the project’s folder opens it and signs you in. Its link is good once, for a minute.
      </p>
      <form
        onSubmit={event => {
          event.preventDefault();
          void login({ token: token.trim() }).then(setProblem);
        }}
      >
        <label for="token">
          Or the token of <code>.mesh/api-token</code>
        </label>
        <input
          id="token"
          type="password"
          autocomplete="off"
          value={token}
          onInput={event => setToken(event.currentTarget.value)}
        />
        <button type="submit">Sign in</button>
      </form>
      {problem === '' ? null : <p role="alert">{problem}</p>}
    </main>
  );
}
