import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** A login code goes from the terminal to the browser at once. */
const codeLifeMs = 60_000;
/** A working day. */
const sessionLifeMs = 12 * 3_600_000;
/** Who asks for more ends the oldest. */
const maxEntries = 64;

/** What a browser gets for a code or the token. */
export interface Session {
  /** Kept in a cookie that no script can read. */
  readonly id: string;
  /**
   * Kept by the page and sent as `x-mesh-proof`. Cookies do not know ports: every server on 127.0.0.1 that the user visits, an app
   * behind a gateway among them, is sent the cookie. Alone it opens nothing.
   */
  readonly proof: string;
  readonly maxAgeSeconds: number;
}

/** 256 random bits as text. */
export function createSecret(): string {
  return randomBytes(32).toString('base64url');
}

/** Whether two secrets are equal; takes as long for every wrong one. */
export function sameSecret(given: string, known: string): boolean {
  return timingSafeEqual(digest(given), digest(known));
}

/** Logins of browsers. Secrets are kept as hashes only; they end with their time or with the daemon. */
export class WebSessions {
  readonly #now: () => number;
  readonly #codes = new Map<string, number>();
  readonly #sessions = new Map<string, { readonly proof: Buffer; readonly expiresAtMs: number }>();

  /** `now`: ms since the epoch. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** A code that opens one session within a minute: for a link that a terminal shows. */
  createCode(): string {
    const code = createSecret();
    bounded(this.#codes).set(key(code), this.#now() + codeLifeMs);
    return code;
  }

  /** Whether the code was good; it is no longer. */
  takeCode(code: string): boolean {
    const expiresAtMs = this.#codes.get(key(code));
    this.#codes.delete(key(code));
    return expiresAtMs !== undefined && this.#now() < expiresAtMs;
  }

  create(): Session {
    const [id, proof] = [createSecret(), createSecret()];
    bounded(this.#sessions).set(key(id), { proof: digest(proof), expiresAtMs: this.#now() + sessionLifeMs });
    return { id, proof, maxAgeSeconds: sessionLifeMs / 1000 };
  }

  /** Whether both halves are those of a living session. */
  holds(id: string, proof: string): boolean {
    const session = this.#sessions.get(key(id));
    if (session === undefined) return false;
    if (this.#now() >= session.expiresAtMs) {
      this.#sessions.delete(key(id));
      return false;
    }
    return timingSafeEqual(digest(proof), session.proof);
  }

  end(id: string): void {
    this.#sessions.delete(key(id));
  }
}

/** Looking for a hash tells nothing of the secret, however long it takes. */
function key(secret: string): string {
  return digest(secret).toString('base64');
}

function digest(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

function bounded<T>(map: Map<string, T>): Map<string, T> {
  const oldest = map.size < maxEntries ? undefined : map.keys().next().value;
  if (oldest !== undefined) map.delete(oldest);
  return map;
}
