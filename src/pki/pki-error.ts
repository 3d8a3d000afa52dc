/** Why the CA cannot be used or will not sign. Messages hold no key material. */
export class PkiError extends Error {
  override readonly name = 'PkiError';
  /** `state`: a file of the CA cannot be read, written or understood. `expired`: the root is past its end. `request`: a CSR is refused. */
  readonly code: 'state' | 'expired' | 'request';
  /** The file it is about, absolute; `null` for a request. */
  readonly file: string | null;

  constructor(code: PkiError['code'], message: string, file: string | null = null) {
    super(message);
    this.code = code;
    this.file = file;
  }
}
