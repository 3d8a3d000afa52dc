/** What an event says to people: the one wording of terminal and dashboard. Text of others in it is as it came: whoever shows it escapes it. */
import type { MeshEventBody, PlannedOperation } from './types.ts';

/** One event in words. */
export interface EventText {
  /** `step`: what only machines and the curious care about. */
  readonly level: 'good' | 'warn' | 'bad' | 'step';
  readonly text: string;
  /** Beside the text: what an operation came to. Absent: nothing. */
  readonly detail?: string;
  /** What to do. Absent: nothing. */
  readonly hint?: string;
}

/** Words an event. */
export function eventText(event: MeshEventBody): EventText {
  switch (event.kind) {
    case 'operation': {
      const level = ({ done: 'good', failed: 'bad', start: 'step', progress: 'step' } as const)[event.phase];
      const detail = event.phase === 'start' ? 'begins' : event.detail;
      return { level, text: operationText(event.operation), ...(detail === '' ? {} : { detail }) };
    }
    case 'ready':
      return {
        level: event.workloads === 0 ? 'step' : 'good',
        text: `${event.workloads} workloads ready in ${(event.durationMs / 1000).toFixed(1)} s`,
      };
    case 'reload':
      return { level: event.result.ok ? 'good' : 'bad', text: `${event.file}: ${event.result.summary}` };
    case 'diagnostics': {
      const errors = event.diagnostics.filter(({ severity }) => severity === 'error').length;
      const warnings = event.diagnostics.length - errors;
      if (event.diagnostics.length === 0) return { level: 'step', text: 'the configuration has no errors and no warnings' };
      return {
        level: errors > 0 ? 'bad' : 'warn',
        text: `the configuration has ${[many(errors, 'error'), many(warnings, 'warning')].filter(part => part !== '').join(' and ')}`,
      };
    }
    case 'engine':
      return event.state === 'lost'
        ? { level: 'warn', text: `the Docker engine is lost (${event.reason}); traffic goes on, waiting for it` }
        : { level: 'good', text: 'the Docker engine is back' };
    case 'fault':
      return { level: 'warn', text: `fault ${event.change}: ${event.text}` };
    case 'roots':
      return { level: 'good', text: `ca: ${event.text}` };
    case 'keys':
      return { level: event.change === 'refreshed' ? 'good' : 'warn', text: event.text };
    case 'denied':
      return {
        level: 'warn',
        text: `${event.to} refused ${event.calls === 1 ? 'a call' : `${event.calls} calls`} of ${event.from} by its access rules`,
      };
    case 'nack':
      return { level: 'bad', text: `${names(event.workloads)} refused a configuration: ${event.reason}` };
    case 'certificates':
      return { level: 'step', text: `certificates issued to ${names(event.workloads)}` };
    case 'endpoint': {
      const change = { ejected: 'ejected', unhealthy: 'found unhealthy', healthy: 'taken back' }[event.change];
      const level = event.change === 'healthy' ? 'good' : 'warn';
      return { level, text: `${event.endpoint} of ${event.service} is ${change} by ${names(event.by)}` };
    }
    case 'overflow':
      return {
        level: 'warn',
        text: `the circuit breaker to ${event.service} refused ${many(event.refused, 'call')} of ${names(event.by)}`,
      };
    case 'workload':
      return { level: 'warn', text: `${event.workload}: ${event.text}` };
    case 'warning':
      return { level: 'warn', text: event.message, ...(event.hint === '' ? {} : { hint: event.hint }) };
    case 'phase':
      return event.phase === 'degraded'
        ? { level: 'warn', text: event.reason }
        : { level: 'step', text: `the mesh is ${event.phase}${event.reason === '' ? '' : `: ${event.reason}`}` };
    case 'started':
      return { level: 'step', text: `daemon ${event.version} began (pid ${event.pid})` };
    case 'gap':
      return { level: 'warn', text: `${event.missed} events were not read in time` };
    case 'plan':
      return { level: 'step', text: `${many(event.operations.length, 'operation') || 'nothing'} to do (${event.cause})` };
    case 'healthy':
      return { level: 'step', text: 'all health checks have passed' };
  }
}

/** The first few, and how many more there are. */
function names(all: readonly string[]): string {
  const most = 5;
  return all.length <= most ? all.join(', ') : `${all.slice(0, most).join(', ')} and ${all.length - most} more`;
}

/** `create-pod web-1 (new)` */
export function operationText({ kind, target, cause }: PlannedOperation): string {
  return `${kind} ${target}${cause === '' ? '' : ` (${cause})`}`;
}

function many(count: number, thing: string): string {
  return count === 0 ? '' : `${count} ${thing}${count === 1 ? '' : 's'}`;
}
