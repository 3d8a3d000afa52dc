import type { ServiceDefinition } from '@grpc/grpc-js';

/** Not a bare string: grpc-js takes an empty one for no message at all. */
export interface Message {
  readonly text: string;
}
const text = (value: Message): Buffer => Buffer.from(value.text);
const parse = (bytes: Buffer): Message => ({ text: bytes.toString() });
const method = (path: string, requestStream: boolean, responseStream: boolean) => ({
  path: `/test.Echo/${path}`,
  requestStream,
  responseStream,
  requestSerialize: text,
  requestDeserialize: parse,
  responseSerialize: text,
  responseDeserialize: parse,
});

/** A gRPC service whose messages are plain text, in all four forms, and one method that never ends by itself. */
export const echoService = {
  unary: method('Unary', false, false),
  many: method('Many', false, true),
  collect: method('Collect', true, false),
  chat: method('Chat', true, true),
  hang: method('Hang', false, true),
  fail: method('Fail', false, false),
} satisfies ServiceDefinition;
