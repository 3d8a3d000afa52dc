/** Length of the prefix of a gRPC message: a flag and the length of what follows. @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
const prefixBytes = 5;

/** Counts the messages of one direction of a gRPC call as its bytes pass, however they are cut. Looks at the prefixes only. */
export class GrpcMessages {
  /** Messages that have begun. */
  count = 0;
  #prefix = 0;
  #length = 0;
  /** Bytes of the message that are still to come. */
  #left = 0;

  /** The next piece of the body. */
  take(bytes: Buffer, from: number, to: number): void {
    let at = from;
    while (at < to) {
      if (this.#left > 0) {
        const passed = Math.min(this.#left, to - at);
        this.#left -= passed;
        at += passed;
        continue;
      }
      if (this.#prefix > 0) this.#length = this.#length * 256 + (bytes[at] ?? 0);
      at++;
      if (++this.#prefix < prefixBytes) continue;
      this.count++;
      this.#left = this.#length;
      this.#prefix = 0;
      this.#length = 0;
    }
  }
}

/** Both directions of a call. */
export class GrpcCallMessages {
  /** Of the client. */
  readonly received: GrpcMessages = new GrpcMessages();
  /** Of the server. */
  readonly sent: GrpcMessages = new GrpcMessages();
}
