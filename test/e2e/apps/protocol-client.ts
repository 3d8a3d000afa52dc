/** Calls the protocol server by its mesh name from inside the mesh; prints what came of it as JSON. */
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { echoService } from './protocol-methods.ts';

const client = new Client('proto:50051', credentials.createInsecure());
const { unary, many, fail } = echoService;
const result: Record<string, unknown> = {};
const metadata = new Metadata();
metadata.set('x-echo', 'a');
await new Promise<void>(resolve => {
  const call = client.makeUnaryRequest(
    unary.path,
    unary.requestSerialize,
    unary.responseDeserialize,
    { text: 'hello' },
    metadata,
    (error, value) => {
      result['unary'] = error === null ? value?.text : error.message;
    },
  );
  call.on('metadata', head => {
    result['head'] = head.get('x-echo');
  });
  call.on('status', () => resolve());
});
await new Promise<void>(resolve => {
  let count = 0;
  const call = client.makeServerStreamRequest(
    many.path,
    many.requestSerialize,
    many.responseDeserialize,
    { text: '1000' },
    new Metadata(),
  );
  call.on('data', () => count++).on('error', () => {});
  call.on('status', ({ code }) => {
    result['many'] = [count, code];
    resolve();
  });
});
await new Promise<void>(resolve => {
  client.makeUnaryRequest(fail.path, fail.requestSerialize, fail.responseDeserialize, { text: '' }, new Metadata(), error => {
    result['fail'] = [error?.code, error?.details];
    resolve();
  });
});
client.close();
console.log(JSON.stringify(result));
