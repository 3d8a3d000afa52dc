/**
 * Real sidecars on loopback, without interception: where a connection was meant to go is told on the command line.
 *   node sidecar-process.cjs '<SidecarProcessOptions as JSON>' (bundled)
 * Prints the control keys, then `ports <json>` per sidecar.
 */
import { fstatSync, openSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { Writable } from 'node:stream';
import { systemClock } from '../../src/async/clock.ts';
import { createRandom } from '../../src/async/random.ts';
import { serviceId } from '../../src/identity/spiffe-id.ts';
import { startSidecar } from '../../src/proxy/sidecar.ts';
import { EdgeTally } from '../../src/telemetry/edge-tally.ts';
import { LineWriter } from '../../src/telemetry/line-writer.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { EdgeRequests } from '../../src/telemetry/mesh-metrics.ts';

/** What one process runs. */
export interface SidecarProcessOptions {
  readonly sidecars: readonly {
    readonly workload: string;
    readonly service: string;
    readonly outbound: number;
    readonly inbound: number;
  }[];
  readonly trustDomain: string;
  readonly trustBundlePem: string;
  readonly destination: { readonly address: string; readonly port: number };
  readonly appAddress: string;
  readonly hop: 'tunnel' | 'pooled';
  /** `false`: requests are not counted, to measure what counting costs. */
  readonly metrics: boolean;
  /** File or pipe. */
  readonly accessLogTo: string;
}

const options = JSON.parse(process.argv[2] ?? '') as SidecarProcessOptions;
if (!options.metrics) for (const counter of [EdgeRequests, EdgeTally]) counter.prototype.count = () => {};
const accessLog = new LineWriter(lineSink(options.accessLogTo), systemClock);
process.on('SIGTERM', () => process.exit(0));

/** What Node makes of stdout: a pipe is a socket to it, a file is written with one system call. */
function lineSink(path: string): Writable {
  // The other process may write to the same file.
  const fd = openSync(path, 'a');
  if (fstatSync(fd).isFIFO()) return new Socket({ fd, readable: false, writable: true });
  return new Writable({
    write(lines: Buffer, _, done) {
      writeSync(fd, lines);
      done();
    },
  });
}

const loopback = '127.0.0.1';
async function start({ workload, service, outbound, inbound }: SidecarProcessOptions['sidecars'][number]): Promise<void> {
  let started = false;
  const sidecar = await startSidecar({
    workload,
    service,
    kind: 'sidecar',
    trustDomain: options.trustDomain,
    spiffeId: serviceId(options.trustDomain, 'default', service),
    trustBundlePem: options.trustBundlePem,
    hosts: {
      outbound: [loopback],
      inbound: [loopback],
      gateway: [loopback],
      ready: loopback,
      dns: [loopback],
      control: loopback,
    },
    ports: { outbound, inbound, control: 0, ready: 0, dns: 0 },
    nameservers: [],
    search: [],
    hostAddress: null,
    originalDestination: () => options.destination,
    listeningPorts: async () => new Set([options.destination.port]),
    clock: systemClock,
    random: createRandom(),
    // The table is the output: only what should not happen is told.
    log: createLog('sidecar', undefined, { level: 'error' }),
    // A look at the line would flatten it, which a real sidecar does only as it is written.
    print: line => (started ? accessLog.write(line) : process.stdout.write(`${workload} ${line}\n`)),
    onDrained: () => process.exit(0),
    appAddress: options.appAddress,
    hop: options.hop,
  });
  started = true;
  process.stdout.write(`${workload} ports ${JSON.stringify(sidecar.ports)}\n`);
}

for (const sidecar of options.sidecars) void start(sidecar);
