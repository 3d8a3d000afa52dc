import type { ParsedToken } from './parsed-token.ts';

/** Bounds of what is kept: texts of tokens, in characters; what is read from them takes a few times as much. */
const maxTokens = 1000;
const maxCharacters = 512 * 1024;

/** Tokens whose signature was found good, by their whole text; the one that was asked for longest ago goes first. */
export class TokenCache<T extends { readonly parsed: ParsedToken }> {
  readonly #tokens = new Map<string, T>();
  #characters = 0;
  /** The one that was asked for last: it need not change its place. */
  #last: T | null = null;

  get size(): number {
    return this.#tokens.size;
  }

  get(text: string): T | null {
    const found = this.#tokens.get(text);
    if (found === undefined) return null;
    if (found === this.#last) return found;
    this.#last = found;
    this.#tokens.delete(text);
    this.#tokens.set(text, found);
    return found;
  }

  put(token: T): void {
    const { text } = token.parsed;
    this.delete(text);
    this.#tokens.set(text, token);
    this.#last = token;
    this.#characters += text.length;
    for (const oldest of this.#tokens.keys()) {
      if (this.#tokens.size <= maxTokens && this.#characters <= maxCharacters) return;
      this.delete(oldest);
    }
  }

  delete(text: string): void {
    if (this.#tokens.delete(text)) this.#characters -= text.length;
  }
}
