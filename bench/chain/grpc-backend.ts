/**
 * A gRPC server of grpc-js without .proto: every call of /bench.Echo/Get is answered with so many bytes.
 *   node grpc-backend.ts <bytes> <address:port>…
 */
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';

const [bytes, ...addresses] = process.argv.slice(2);
const answer = Buffer.alloc(Number(bytes), 120);
const same = (message: Buffer): Buffer => message;
const server = new Server();
server.addService(
  {
    get: {
      path: '/bench.Echo/Get',
      requestStream: false,
      responseStream: false,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    },
  },
  { get: (_call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => done(null, answer) },
);
for (const address of addresses)
  server.bindAsync(address, ServerCredentials.createInsecure(), error => {
    if (error !== null) throw error;
  });
