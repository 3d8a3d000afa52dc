import type { Connector } from '../data-plane.ts';
import type { ByteStream } from '../transport/byte-stream.ts';
import type { EndpointPool } from './endpoint-pool.ts';
import { askGrpc } from './grpc-health.ts';
import { healthCheckAgent, type Probe } from './health-checker.ts';

/** A status line is shorter; whoever sends more before its end does not speak HTTP. */
const maxStatusLineBytes = 1024;

/**
 * Asks endpoints over the mesh's own connector, so that a check sees what a request would: mTLS, the other sidecar and the app behind it. HTTP and TCP checks
 * have a connection each, outside the circuit breaker: checks must get through when it is full. gRPC checks are streams among the others.
 */
export function createProbe(connector: Connector): Probe<EndpointPool> {
  return (member, { probe }, done) => {
    if (probe.kind === 'grpc') return askGrpc(member, probe.service, done);
    const { cluster, endpoint } = member;
    let stream: ByteStream | null = null;
    let over = false;
    const finish = (well: boolean): void => {
      if (over) return;
      over = true;
      stream?.destroy();
      done(well);
    };
    const giveUp = connector.connect(
      cluster,
      endpoint,
      connected => {
        stream = connected;
        if (probe.kind === 'tcp') finish(true);
        else askHttp(connected, probe.path, cluster.service, status => finish(probe.statuses.includes(status)));
      },
      () => finish(false),
    );
    return () => {
      over = true;
      giveUp();
      stream?.destroy();
    };
  };
}

const informational = /^HTTP\/1\.[01] 1\d\d[\s\S]*?\r\n\r\n/;

/** Only the status is of interest: 0 where none came. Informational answers are skipped. */
function askHttp(stream: ByteStream, path: string, host: string, onStatus: (status: number) => void): void {
  let text = '';
  stream.readBy({
    bytes(bytes, from, to) {
      text += bytes.toString('latin1', from, to);
      while (informational.test(text)) text = text.replace(informational, '');
      const status = /^HTTP\/1\.[01] ([2-5]\d\d)[ \r]/.exec(text)?.[1];
      if (status !== undefined) onStatus(Number(status));
      else if (text.length > maxStatusLineBytes) onStatus(0);
    },
    ended: () => onStatus(0),
    drained() {},
    closed: () => onStatus(0),
  });
  stream.text(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: ${healthCheckAgent}\r\nConnection: close\r\n\r\n`);
  stream.resume();
}
