import type { Clock } from '../../async/clock.ts';
import type { Fault } from '../../snapshot/route-rule.ts';
import type { ResponseFlag } from '../../telemetry/response-flag.ts';
import type { TcpUpstream } from '../data-plane.ts';
import { compileHits } from '../filters/fault.ts';
import type { RuleParts } from '../route/rule-parts.ts';
import type { ByteStream } from '../transport/byte-stream.ts';
import { ThrottledStream } from '../transport/throttled-stream.ts';

/** What is done on purpose to one raw TCP connection. */
export interface TcpFaults {
  readonly delayMs: number;
  readonly cut: 'no' | 'reset' | 'blackhole';
  /** Bytes from the server per second; 0: as fast as they come. */
  readonly bytesPerSecond: number;
}

/** Draws what hits a connection; `null`: nothing does. */
export type DrawTcpFaults = () => TcpFaults | null;

/** Compiles a listener's faults. `key` tells its draws from others'. */
export function compileTcpFaults(faults: readonly Fault[], key: string, parts: RuleParts): DrawTcpFaults {
  const compiled = faults.map((fault, i) => {
    const own = fault.id === undefined ? `${key} ${i}` : `live ${key} ${fault.id}`;
    return { fault, hits: compileHits(fault, own, parts), draw: parts.draws(`jitter ${own}`) };
  });
  return () => {
    let delayMs = 0;
    let cut: TcpFaults['cut'] = 'no';
    let bytesPerSecond = 0;
    for (const { fault, hits, draw } of compiled) {
      if (cut !== 'no' || !hits()) continue;
      if (fault.kind === 'delay') delayMs += fault.ms + (fault.jitterMs === 0 ? 0 : draw() * fault.jitterMs);
      else if (fault.kind === 'bandwidth') bytesPerSecond = fault.bytesPerSecond;
      else if (fault.kind !== 'abort') cut = fault.kind;
    }
    return delayMs === 0 && cut === 'no' && bytesPerSecond === 0 ? null : { delayMs, cut, bytesPerSecond };
  };
}

/** How a connection that they hit is flagged in the log. */
export function flagOf(faults: TcpFaults | null): ResponseFlag {
  if (faults === null) return '-';
  if (faults.cut !== 'no') return 'FI';
  return faults.delayMs > 0 ? 'DI' : '-';
}

/** An upstream with faults: nothing is dialled before the delay is over, and nothing at all where the connection is cut. `client`: the other side. */
export function withFaults(upstream: TcpUpstream, faults: TcpFaults, client: ByteStream, clock: Clock): TcpUpstream {
  const { delayMs, cut, bytesPerSecond } = faults;
  return {
    name: upstream.name,
    open(onConnected, onFailed) {
      let giveUp = (): void => {};
      const begin = (): void => {
        if (cut === 'reset') onFailed('fault_filter_reset');
        else if (cut === 'blackhole') {
          const over = (): void => onFailed('fault_filter_blackhole');
          client.readBy({ bytes() {}, ended: over, drained() {}, closed: over });
          client.resume();
        } else
          giveUp = upstream.open(
            stream => onConnected(bytesPerSecond === 0 ? stream : new ThrottledStream(stream, bytesPerSecond, clock)),
            onFailed,
          );
      };
      if (delayMs === 0) begin();
      else giveUp = clock.after(delayMs, begin);
      return () => giveUp();
    },
    closed: (received, sent) => upstream.closed(received, sent),
  };
}
