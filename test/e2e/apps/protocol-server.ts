/** One container that speaks gRPC on 50051, WebSocket and server-sent events on 7000, and a protocol where the server speaks first on 7100. */
import { createServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { WebSocketServer } from 'ws';
import { echoService, type Message } from './protocol-methods.ts';

process.on('SIGTERM', () => process.exit());
let cancelled = 0;

const grpc = new Server();
grpc.addService(echoService, {
  unary: (call: ServerUnaryCall<Message, Message>, reply: sendUnaryData<Message>) => {
    const head = new Metadata();
    for (const value of call.metadata.get('x-echo')) head.add('x-echo', value);
    call.sendMetadata(head);
    const trailer = new Metadata();
    trailer.add('x-cancelled', String(cancelled));
    reply(null, call.request, trailer);
  },
  many: (call: ServerWritableStream<Message, Message>) => {
    for (let i = 0; i < Number(call.request.text); i++) call.write({ text: String(i) });
    call.end();
  },
  collect: (call: ServerReadableStream<Message, Message>, reply: sendUnaryData<Message>) => {
    const seen: string[] = [];
    call.on('data', (value: Message) => seen.push(value.text)).on('end', () => reply(null, { text: seen.join('') }));
  },
  chat: (call: ServerDuplexStream<Message, Message>) => {
    call.on('data', ({ text }: Message) => call.write({ text: `re: ${text}` })).on('end', () => call.end());
  },
  hang: (call: ServerWritableStream<Message, Message>) => {
    call.write({ text: 'begun' });
    call.on('cancelled', () => cancelled++);
  },
  fail: (_: ServerUnaryCall<Message, Message>, reply: sendUnaryData<Message>) =>
    reply({ code: status.NOT_FOUND, details: 'no such thing: ä%' }),
});
grpc.bindAsync('0.0.0.0:50051', ServerCredentials.createInsecure(), error => {
  if (error !== null) throw error;
});

const http = createServer((request, response) => {
  if (request.url !== '/events') {
    response.end('plain');
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write('data: first\n\n');
  request.socket.on('close', () => response.destroy());
});
new WebSocketServer({ server: http, maxPayload: 2 ** 28 }).on('connection', socket => {
  socket.on('message', (data, binary) => socket.send(data, { binary }));
});
http.listen(7000);

createTcpServer(socket => {
  socket.write('220 ready\r\n');
  socket.on('data', data => socket.write(`you said ${data}`));
  socket.on('end', () => socket.end('bye\r\n'));
  socket.on('error', () => {});
}).listen(7100);
