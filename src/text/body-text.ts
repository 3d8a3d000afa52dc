/** The beginning of a body as it was sent: neither decoded nor masked. */
export interface BodyStart {
  readonly base64: string;
  /** There was more. */
  readonly cut: boolean;
}

/** Bytes of base64, where there is no `Buffer` too. */
export function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), character => character.charCodeAt(0));
}

/** The text of a body; `null`: it is none. The last character may have been cut in two. */
export function textOf({ base64, cut }: BodyStart): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytesOf(base64), { stream: cut });
  } catch {
    return null;
  }
}
