import type { Fault } from './route-rule.ts';

/** `delay 2000–2500 ms, 50 %, first 3`: a fault for people. */
export function faultText(fault: Fault): string {
  const parts = [effect(fault)];
  if (fault.percent < 100) parts.push(`${fault.percent} %`);
  if (fault.first !== undefined) parts.push(`first ${fault.first}`);
  return parts.join(', ');
}

function effect(fault: Fault): string {
  switch (fault.kind) {
    case 'delay':
      return `delay ${fault.jitterMs === 0 ? fault.ms : `${fault.ms}–${fault.ms + fault.jitterMs}`} ms`;
    case 'abort':
      return fault.grpcStatus === undefined ? `abort ${fault.status}` : `abort grpc ${fault.grpcStatus}`;
    case 'bandwidth':
      return `bandwidth ${fault.bytesPerSecond} B/s`;
    case 'reset':
    case 'blackhole':
      return fault.kind;
  }
}
