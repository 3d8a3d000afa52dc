import { type LocalReply, replyText } from '../exchange/failure.ts';
import type { ByteStream } from '../transport/byte-stream.ts';
import type { BodyLength } from './framing.ts';
import { field } from './known-field.ts';
import { MessageWriter } from './message-writer.ts';
import type { RequestHead } from './request-head.ts';
import { lengthFields, type ResponseHead } from './response-head.ts';

/** The answering half of a client's HTTP/1 connection: frames what is answered, and decides whether the connection lives on. @see ExchangeClient */
export abstract class AnswerSide {
  protected readonly writer: MessageWriter;
  /** The connection outlives the exchange at hand. */
  protected keepAlive = true;
  #minor = 1;
  #toHead = false;

  constructor(stream: ByteStream) {
    this.writer = new MessageWriter(stream);
  }

  /** Whether another request may follow the one at hand: it was read completely, and the sidecar is not leaving. */
  protected abstract readonly mayGoOn: boolean;

  get protocol(): 'HTTP/1.0' | 'HTTP/1.1' {
    return this.#minor === 0 ? 'HTTP/1.0' : 'HTTP/1.1';
  }

  get full(): boolean {
    return this.writer.full;
  }

  /** What is answered next is an answer to this request; `null`: one that could not be read. */
  protected answerTo(head: RequestHead | null): void {
    this.#minor = head?.minor ?? 1;
    this.#toHead = head?.method === 'HEAD';
    this.keepAlive = head?.keepAlive ?? false;
  }

  interim(head: ResponseHead): void {
    if (this.#minor === 1) this.writer.text(`${head.forward(lengthFields, '')}\r\n`);
  }

  answer(head: ResponseHead, cut: number, lines: string, length: BodyLength): void {
    let extra = lines;
    let chunked = false;
    if (length < 0) {
      chunked = this.#minor === 1;
      if (chunked) extra += 'Transfer-Encoding: chunked\r\n';
      else this.keepAlive = false;
    } else if (length === 0 && !this.#toHead && !head.fields.has(field.contentLength) && hasBody(head.status))
      extra += 'Content-Length: 0\r\n';
    const remove = head.status === 204 ? cut | lengthFields : cut;
    this.writer.text(`${head.forward(remove, extra + this.#connectionLine())}\r\n`);
    this.writer.beginBody(chunked);
  }

  reply(reply: LocalReply, lines: string): void {
    if (reply.close) this.keepAlive = false;
    this.writer.text(replyText(reply, this.#toHead, lines + this.#connectionLine()));
    this.writer.flush();
  }

  piece(bytes: Buffer, from: number, to: number): void {
    this.writer.piece(bytes, from, to);
  }

  trailers(lines: string): void {
    this.writer.trailers(lines);
  }

  end(): void {
    this.writer.endBody();
  }

  flush(): void {
    this.writer.flush();
  }

  /** 101: the connection is the other protocol's from here. */
  protected upgrade(head: ResponseHead, lines: string): void {
    this.keepAlive = false;
    this.writer.text(`${head.forward(lengthFields, `${lines}Connection: Upgrade\r\nUpgrade: websocket\r\n`)}\r\n`);
  }

  /** Says whether the connection lives on where it has to be said. */
  #connectionLine(): string {
    // The rest of a half-read request must not be taken for the next one.
    if (!this.mayGoOn) this.keepAlive = false;
    if (!this.keepAlive) return 'Connection: close\r\n';
    return this.#minor === 0 ? 'Connection: keep-alive\r\n' : '';
  }
}

/** Whether an answer with this status has a body, if only an empty one. */
function hasBody(status: number): boolean {
  return status >= 200 && status !== 204 && status !== 304;
}
