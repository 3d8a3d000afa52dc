import type { AccessEntry } from '../../src/telemetry/access-log.ts';

/** An ordinary request, as the access log gets it. */
export const accessEntry: AccessEntry = {
  startMs: 0,
  method: 'GET',
  path: '/a?b',
  protocol: 'HTTP/1.1',
  status: 200,
  flag: '-',
  details: 'via_upstream',
  transportFailure: '',
  bytesReceived: 1,
  bytesSent: 2,
  durationMs: 3.4,
  upstreamServiceTime: '2',
  forwardedFor: '',
  userAgent: 'curl/8',
  requestId: 'id',
  authority: 'reviews:9080',
  upstreamHost: '10.0.0.7:9080',
  upstreamCluster: 'outbound|9080|v1|reviews',
  upstreamLocalAddress: '',
  downstreamLocalAddress: '240.240.0.1:9080',
  downstreamRemoteAddress: '10.0.0.3:5000',
  serverName: '',
  peer: '',
  routeName: 'default',
};
