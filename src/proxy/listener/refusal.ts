import type { Socket } from 'node:net';
import type { Clock } from '../../async/clock.ts';
import type { Log } from '../../telemetry/log.ts';
import type { RefusalReason, SidecarStats } from '../sidecar-stats.ts';
import { resetConnection } from '../transport/reset.ts';

/** One line per reason in this time: who is refused a thousand times a second must not fill the disk. All are counted. */
const logEveryMs = 1000;

/** What is known of a refused connection. */
export interface RefusalFacts {
  readonly reason: RefusalReason;
  /** For the log: what exactly was wrong. */
  readonly detail?: string;
  readonly port?: number;
}

/** Turns connections away: counted, logged with the reason, reset. */
export type Refuse = (socket: Socket, facts: RefusalFacts) => void;

/** Makes the refusing end of one listener. */
export function createRefusal(listener: 'inbound' | 'outbound' | 'gateway', stats: SidecarStats, log: Log, clock: Clock): Refuse {
  const lastLogged = new Map<RefusalReason, number>();
  return (socket, { reason, detail, port }) => {
    stats.refused(listener, reason);
    const now = clock.monotonic();
    if (now - (lastLogged.get(reason) ?? Number.NEGATIVE_INFINITY) >= logEveryMs) {
      lastLogged.set(reason, now);
      log.warn('connection refused', {
        listener,
        reason,
        ...(detail === undefined ? {} : { detail }),
        port,
        peer: socket.remoteAddress,
      });
    }
    resetConnection(socket);
  };
}
