import { connectApi } from '../../api/client.ts';
import { type FaultRequest, type FaultStatus, readFaultRequest } from '../../api/fault.ts';
import { exitCodes, MeshError } from '../../api/mesh-error.ts';
import { isProblem, type Problem, parseDuration, parseSize } from '../../config/units.ts';
import type { Invocation } from '../invocation.ts';
import { age, table } from '../table.ts';

/** Options of `mesh fault add`, `rm` and `list`. */
export interface FaultOptions {
  readonly json?: boolean;
  readonly all?: boolean;
  readonly route?: string;
  readonly delay?: string;
  readonly jitter?: string;
  readonly abort?: string;
  readonly reset?: boolean;
  readonly blackhole?: boolean;
  readonly bandwidth?: string;
  readonly percent?: string;
  readonly first?: string;
  readonly for?: string;
}

/** `mesh fault add <service>`, `mesh fault rm <id…>`, `mesh fault list` */
export async function run(
  { project, output }: Invocation,
  [action = 'list', ...names]: readonly string[],
  options: FaultOptions,
): Promise<number> {
  const api = connectApi(project.socket);
  switch (action) {
    case 'add': {
      if (names.length !== 1) throw usage('`mesh fault add` takes one service', '`mesh fault add reviews --delay 2s`');
      const added = await api.faults.add(readFaultRequest({ ...requested(names[0] ?? '', options) }));
      if (options.json) output.json(added);
      else output.data(added.id);
      return exitCodes.ok;
    }
    case 'rm': {
      if (options.all !== true && names.length === 0) throw usage('which fault?', 'name one of `mesh fault list`, or --all');
      await api.faults.remove(options.all === true ? 'all' : names);
      return exitCodes.ok;
    }
    case 'list': {
      const document = await api.faults.list();
      if (options.json) output.json(document);
      else for (const line of faultTable(document.faults)) output.data(line);
      return exitCodes.ok;
    }
    default:
      throw usage(`no action "${action}"`, 'one of add, rm, list');
  }
}

/** Faults in force as a table. */
export function faultTable(faults: readonly FaultStatus[]): readonly string[] {
  return table(
    ['FAULT', 'SERVICE', 'ROUTE', 'EFFECT', 'ENDS IN'],
    faults.map(each => [
      each.id,
      each.service,
      each.route ?? '-',
      each.effect,
      each.remainingMs === null ? '-' : age(each.remainingMs),
    ]),
  );
}

const kinds = ['delay', 'abort', 'reset', 'blackhole', 'bandwidth'] as const;

function requested(service: string, options: FaultOptions): Readonly<Record<keyof FaultRequest, unknown>> {
  const chosen = kinds.filter(kind => options[kind] !== undefined);
  const [kind] = chosen;
  if (kind === undefined || chosen.length > 1) {
    const problem = kind === undefined ? 'what should happen?' : `${chosen.map(each => `--${each}`).join(' and ')} together`;
    throw usage(
      problem,
      'one of --delay 2s, --abort 503, --abort grpc:14, --reset, --blackhole, --bandwidth 64k; several faults may be added',
    );
  }
  const scope = {
    percent: options.percent === undefined ? 100 : Number(options.percent.replace(/%$/, '')),
    ...(options.first === undefined ? {} : { first: Number(options.first) }),
  };
  return {
    service,
    route: options.route ?? null,
    forMs: options.for === undefined ? null : read('--for', parseDuration(options.for)),
    fault: { ...scope, ...effect(kind, options) },
  };
}

function effect(kind: (typeof kinds)[number], options: FaultOptions): Readonly<Record<string, unknown>> {
  switch (kind) {
    case 'delay':
      return {
        kind,
        ms: read('--delay', parseDuration(options.delay)),
        jitterMs: options.jitter === undefined ? 0 : read('--jitter', parseDuration(options.jitter)),
      };
    case 'abort': {
      const grpc = /^grpc:(\d+)$/.exec(options.abort ?? '');
      if (grpc === null && !/^\d+$/.test(options.abort ?? ''))
        throw usage(`--abort: "${options.abort}" is no status`, '--abort 503, or --abort grpc:14');
      return grpc === null ? { kind, status: Number(options.abort) } : { kind, status: 200, grpcStatus: Number(grpc[1]) };
    }
    case 'bandwidth':
      return { kind, bytesPerSecond: read('--bandwidth', parseSize(options.bandwidth)) };
    default:
      return { kind };
  }
}

function read(option: string, value: number | Problem): number {
  if (isProblem(value)) throw usage(`${option}: ${value.problem}`, value.hint);
  return value;
}

function usage(problem: string, hint: string): MeshError {
  return new MeshError('usage', problem, hint, exitCodes.usage);
}
