import type { ResponseHandler, UpstreamStream } from '../exchange/upstream-stream.ts';
import type { EndpointPool } from './endpoint-pool.ts';
import { healthCheckAgent } from './health-checker.ts';

/** A `HealthCheckResponse` with the status SERVING, in a gRPC frame. */
const serving = Buffer.from([0, 0, 0, 0, 2, 0x08, 1]);

/**
 * Asks an endpoint by `grpc.health.v1.Health/Check`. Calls `done` once unless given up by the returned function.
 * @see https://github.com/grpc/grpc/blob/master/doc/health-checking.md
 */
export function askGrpc(member: EndpointPool, service: string, done: (well: boolean) => void): () => void {
  let stream: UpstreamStream | null = null;
  let over = false;
  let answer = Buffer.alloc(0);
  let status = '';
  const finish = (well: boolean): void => {
    if (over) return;
    over = true;
    done(well);
  };
  const handler: ResponseHandler = {
    interim() {},
    tunnelOpened() {},
    response(head) {
      status = head.named('grpc-status') ?? '';
      return true;
    },
    piece(bytes, from, to) {
      // One byte more than is right is enough to see that it is not.
      if (answer.length <= serving.length) answer = Buffer.concat([answer, bytes.subarray(from, to)]);
    },
    trailers(lines) {
      status = /^grpc-status: *(\d+)\r?$/im.exec(lines)?.[1] ?? status;
    },
    responseEnded: () => finish(status === '0' && answer.equals(serving)),
    responseLost: () => finish(false),
    turnEnded() {},
    upstreamDrained() {},
  };
  const giveUp = member.open(
    'http2',
    opened => {
      stream = opened;
      const message = requestOf(service);
      const head = `POST /grpc.health.v1.Health/Check HTTP/1.1\r\nhost: ${member.cluster.service}\r\ncontent-type: application/grpc\r\nuser-agent: ${healthCheckAgent}\r\ncontent-length: ${message.length}\r\n`;
      opened.send({ method: 'POST', head, body: message.length, upgrade: false, trailersWelcome: true }, '', handler);
      opened.piece(message, 0, message.length);
      opened.end();
      opened.flush();
    },
    () => finish(false),
  );
  return () => {
    over = true;
    if (stream === null) giveUp();
    else stream.cancel();
  };
}

/** A `HealthCheckRequest` in a gRPC frame: uncompressed, its length, field 1 with the service's name. */
function requestOf(service: string): Buffer {
  const name = Buffer.from(service);
  const length = name.length < 128 ? [name.length] : [(name.length & 127) | 128, name.length >> 7];
  const message = name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, ...length]), name]);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}
