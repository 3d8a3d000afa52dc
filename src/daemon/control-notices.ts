import type { MeshEventBody } from '../api/types.ts';
import type { ControlEvent } from '../control/control-plane.ts';

/** Of what a sidecar says; it shares its pod with an app. */
const maxReason = 500;

/** What the user is told of sidecars, certificates and roots; `null` for what is as it should be. */
export function noticeOf(event: ControlEvent): MeshEventBody | null {
  switch (event.kind) {
    case 'svid-late': {
      const end = iso(event.expiresAtMs);
      const message =
        event.part === 1
          ? `the certificate of ${event.workload} has expired at ${end}: nobody can call it, and it can call nobody (svid_expired)`
          : `the certificate of ${event.workload} ends at ${end}: ${event.part * 100} % of its life are over and it was not renewed`;
      return { kind: 'warning', message, hint: '`mesh proxy-status` shows whether its sidecar is connected' };
    }
    case 'clocks-differ': {
      const message = `the clock of ${event.workload} says ${iso(event.theirsMs)}, the one here ${iso(event.oursMs)}: certificates do not hold for both`;
      return { kind: 'warning', message, hint: 'set the clock of the Docker host (a virtual machine may be late after a sleep)' };
    }
    case 'issue-failed':
      return { kind: 'warning', message: `${event.workload} got no certificate: ${event.reason}`, hint: '' };
    case 'rotation-failed':
      return {
        kind: 'warning',
        message: `the change of the root is held up: ${event.reason}`,
        hint: '`mesh ca show` tells how far it is',
      };
    case 'certificate-failed':
      return { kind: 'warning', message: `gateway ${event.gateway} got no certificate: ${event.reason}`, hint: '' };
    case 'nack':
      return { kind: 'nack', workloads: [event.workload], reason: event.reason.slice(0, maxReason) };
    case 'issued':
      return { kind: 'certificates', workloads: [event.workload] };
    case 'roots':
      return { kind: 'roots', text: event.text };
    default:
      return null;
  }
}

function iso(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+/, '');
}
