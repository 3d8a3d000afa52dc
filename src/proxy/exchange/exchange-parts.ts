import type { Clock } from '../../async/clock.ts';
import type { Deadlines } from '../../async/deadline.ts';
import type { RandomSource } from '../../async/random.ts';
import type { Log } from '../../telemetry/log.ts';
import type { MeshMetrics } from '../../telemetry/mesh-metrics.ts';
import type { AccessLogWriter } from '../access-log-writer.ts';
import type { Overload } from '../overload.ts';
import type { Taps } from '../tap/taps.ts';
import type { Tracer } from '../tracing/tracer.ts';

/** What all exchanges of a data plane share. */
export interface ExchangeParts {
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly deadlines: Deadlines;
  readonly metrics: MeshMetrics;
  readonly log: Log;
  readonly overload: Overload;
  readonly tracer: Tracer;
  /** Runs what a timer or a connection brought about. A bug in it costs the client's connection and leaves a line in the log, never the process. */
  guard(client: { abort(): void }, act: () => void): void;
  /** Connections are to end with the exchange at hand. */
  draining(): boolean;
  readonly taps: Taps;
  readonly accessLog: Pick<AccessLogWriter, 'on' | 'write'>;
}
