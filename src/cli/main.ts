import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { Backend } from '../api/backend.ts';
import { asMeshError, exitCodes } from '../api/mesh-error.ts';
import { version } from '../api/version.ts';
import { graphFormats } from './graph-text.ts';
import type { GlobalOptions, Invocation, Command as MeshCommand } from './invocation.ts';
import { Output, wantsColour } from './output.ts';
import { commandFor, locateProject } from './project.ts';

type Module<Options> = Promise<{ readonly run: MeshCommand<Options> }>;

/** Of the commands that read the configuration. */
const allowPrivileged = ['--allow-privileged', 'let containers have docker.sock, mounts of the host and privileges'] as const;

/** Runs one command line and sets the exit code. Never rejects. */
export async function main(argv: readonly string[]): Promise<void> {
  process.stdout.on('error', onBrokenPipe);
  process.stderr.on('error', onBrokenPipe);
  const program = build();
  try {
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    process.exitCode = report(error);
  }
}

/** The command line: every command of `mesh`, its options, and the file that does the work, loaded when it is called. */
export function build(): Command {
  const program = new Command('mesh')
    .description('A real service mesh for a laptop, a VM or a CI job')
    .enablePositionalOptions()
    .showHelpAfterError('(`mesh --help` lists the commands, `mesh <command> --help` the options)')
    .version(version(), '-V, --version', 'print the version')
    .exitOverride();

  const add = (usage: string, text: string): Command => globals(program.command(usage).description(text).exitOverride(), usage);

  add('init', 'write a mesh.yaml to begin with')
    .option('--force', 'overwrite')
    .action(does(() => import('./commands/init.ts')));
  add('up', 'start the mesh and follow it; Ctrl-C stops it')
    .option('-d, --detach', 'leave it running in the background')
    .option('--wait', 'with -d (implied): end when everything is ready')
    .option('--build', 'build images even when they exist')
    .option(...allowPrivileged)
    .option('--admin-port [port]', 'admin API on 127.0.0.1 too, for tools with the token of .mesh/api-token', port)
    .option('--dry-run', 'print the plan and do nothing')
    .option('--no-logs', 'do not follow the services’ logs')
    .option('--timeout <seconds>', 'give up when not ready by then', seconds)
    .option('--json', 'with --dry-run: the plan as JSON')
    .action(does(() => import('./commands/up.ts')));
  add('down', 'stop and remove everything that `up` made')
    .option('-v, --volumes', 'remove named volumes too')
    .action(does(() => import('./commands/down.ts')));
  add('ps', 'list workloads')
    .option('--json', 'as JSON')
    .option('-q, --quiet', 'names only')
    .action(does(() => import('./commands/ps.ts')));
  add('logs [services...]', 'show what services wrote')
    .option('-f, --follow', 'keep following')
    .option('-n, --tail <lines>', 'lines from the end, or `all`', tail)
    .option('--since <time>', 'a moment (RFC 3339) or an age (`10m`)')
    .option('-t, --timestamps', 'with the time of each line')
    .option('--sidecar', 'of the sidecars: access log and errors')
    .option('--access', 'access log only')
    .option('--filter <expression>', 'with --access: lines it holds for, e.g. "status >= 400" (where the log is JSON)')
    .option('--json', 'with --access: JSON lines only, as they are')
    .option('--no-log-prefix', 'without the workload’s name')
    .action(does(() => import('./commands/logs.ts')));
  add('exec <service> <command...>', 'run a command in a service’s container')
    .passThroughOptions()
    .option('-T, --no-tty', 'no terminal')
    .option('-e, --env <name=value>', 'set a variable', collect)
    .option('-u, --user <user>', 'as this user')
    .option('-w, --workdir <folder>', 'in this folder')
    .action(does(() => import('./commands/exec.ts')));
  add('restart [services...]', 'restart apps; sidecars keep running').action(does(() => import('./commands/restart.ts')));
  add('config', 'print the configuration with every default filled in')
    .option('--running', 'the one in force, with the ports that images expose')
    .option('--json', 'as JSON')
    .option(...allowPrivileged)
    .action(does(() => import('./commands/config.ts')));
  add('validate', 'check mesh.yaml and all it leads to')
    .alias('analyze')
    .option('--json', 'as JSON')
    .option(...allowPrivileged)
    .addOption(
      new Option('--failure-threshold <severity>', 'least severity to exit 2 for').choices(['error', 'warning']).default('error'),
    )
    .action(does(() => import('./commands/validate.ts')));
  add('status', 'how the mesh is')
    .option('--json', 'as JSON')
    .action(does(() => import('./commands/status.ts')));
  add('proxy-status', 'whether every sidecar has the newest configuration')
    .alias('ps-proxy')
    .option('--json', 'as JSON')
    .action(does(() => import('./commands/proxy-status.ts')));
  add('proxy-config <workload> [part]', 'what a sidecar runs: listeners, routes, clusters, endpoints, access, dns, state or all')
    .option('--json', 'as JSON')
    .action(does(() => import('./commands/proxy-config.ts')));
  add('ca [action] [name]', 'the mesh’s CA: root (default) for `curl --cacert`, show, rotate, issue <name>')
    .option('--status', 'rotate: only tell how far a change of the root is')
    .option('--ttl <duration>', 'issue: how long it is good; default `30d`')
    .option('--out <folder>', 'issue: where to; default: here')
    .option('--json', 'as JSON')
    .action(does(() => import('./commands/ca.ts')));
  add('metrics', 'metrics of the daemon and all sidecars as text exposition').action(does(() => import('./commands/metrics.ts')));
  add('stat [services...]', 'success, rate and latency of calls to each service')
    .addOption(new Option('--by <what>', 'one line for each').choices(['service', 'edge']).default('service'))
    .option('--window <duration>', 'over the last so long; default `1m`')
    .option('-w, --watch', 'again every second; Ctrl-C or q ends it')
    .option('--json', 'as JSON')
    .action(does(() => import('./commands/stat.ts')));
  add('edges [services...]', 'who talks to whom: secured or not, identities, success and rate')
    .option('--window <duration>', 'over the last so long; default `1m`')
    .option('--json', 'as JSON')
    .action(does(() => import('./commands/edges.ts')));
  add('routes [services...]', 'what each rule took, and the shares of versions against those asked for')
    .option('--window <duration>', 'over the last so long; default `1m`')
    .option('-a, --all', 'default rules that took nothing, too')
    .option('--json', 'as JSON')
    .action(does(() => import('./commands/routes.ts')));
  add('top [services...]', 'the busiest edges, live; q ends it')
    .option('--window <duration>', 'over the last so long; default `10s`')
    .action(does(() => import('./commands/top.ts')));
  add('graph', 'the map of calls as text, for Graphviz or for Mermaid')
    .addOption(new Option('--format <format>', 'text, dot, mermaid or json').choices(graphFormats).default('text'))
    .option('--window <duration>', 'over the last so long; default `1m`')
    .action(does(() => import('./commands/graph.ts')));
  add('dashboard', 'open the dashboard in the browser: map, traffic, live requests, traces, security, config')
    .option('--port <port>', 'of 127.0.0.1, where the admin API is not open yet; default 15080, or any free one', port)
    .option('--no-open', 'only print the link, which logs in once within a minute')
    .action(does(() => import('./commands/dashboard.ts')));
  add('events', 'what happened: reloads, restarts, certificates, ejections, faults, refused calls')
    .option('-f, --follow', 'keep following')
    .option('--kind <kind,...>', 'only of these kinds: `denied,endpoint`')
    .option('--json', 'one JSON object a line')
    .action(does(() => import('./commands/events.ts')));
  add('traces', 'the last requests, each with all its hops; --broken: which services lose trace context')
    .option('--service <name>', 'those that it takes part in')
    .option('--status <code>', 'those answered so: `503`, `5xx`, `error` for any hop that failed')
    .option('--min-duration <duration>', 'those that took so long: `100ms`')
    .option('-n, --limit <number>', 'so many; default 20')
    .option('-f, --follow', 'those that come from now on, one a line')
    .option('--broken', 'services that call on without the trace context they were given')
    .option('--json', 'as JSON')
    .action(does(() => import('./commands/traces.ts')));
  add('trace <id>', 'one request through the mesh as a waterfall; by trace id, its beginning, or x-request-id')
    .option('--json', 'as JSON')
    .action(does(() => import('./commands/trace.ts')));
  add('tap', 'live requests, as the sidecars see them; Ctrl-C ends it')
    .option('--from <service>', 'of this caller')
    .option('--to <service>', 'to this service')
    .option('--path <prefix>', 'whose path begins so')
    .option('--method <method>', 'with this method')
    .option('--status <status>', 'answered so: 404, 5xx, 400-499; repeatable', collect)
    .option('-H, --header <line>', "with this header: 'end-user: jason', or a name; repeatable", collect)
    .addOption(new Option('--at <side>', 'whose sidecars tell').choices(['source', 'destination', 'both']).default('destination'))
    .option('--max <number>', 'end after so many')
    .option('--for <duration>', 'end after so long, e.g. 30s')
    .option('--heads', 'with the heads of request and answer')
    .option('--body [size]', 'with the beginning of bodies (4k, at most 64k)')
    .option('--json', 'NDJSON')
    .option('--har <file>', 'write an HTTP archive in the end')
    .action(does(() => import('./commands/tap.ts')));
  add('explain <from> <method> <url>', 'which rule takes a request, why the others do not, and where it would go')
    .option('-H, --header <line>', "a header of the request: 'end-user: jason'", collect)
    .option('--json', 'as JSON')
    .action(does(() => import('./commands/explain.ts')));
  add(
    'access [action] [words...]',
    'who may call whom: list (default), check <from> <METHOD> <url>, learn: the rules that allow just what is called',
  )
    .option('-H, --header <line>', "check: a header of the request: 'end-user: jason'", collect)
    .option('--for <duration>', 'learn: watch for so long; default `1m`')
    .option('--requests', 'learn: rules for methods and paths, not for services only')
    .option('--denied', 'learn: allow also what was called and refused')
    .option('--json', 'as JSON')
    .action(does(() => import('./commands/access.ts')));
  add('fault [action] [names...]', 'put a fault on calls to a service for a while: add <service>, rm <fault…>, list (default)')
    .option('--route <rule>', 'add: only this rule')
    .option('--delay <duration>', 'add: wait before the call')
    .option('--jitter <duration>', 'add: up to so much longer')
    .option('--abort <status>', 'add: answer with this status, or `grpc:14`')
    .option('--reset', 'add: cut the connection')
    .option('--blackhole', 'add: never answer')
    .option('--bandwidth <size>', 'add: bytes of the answer per second')
    .option('--percent <number>', 'add: so many of a hundred calls')
    .option('--first <number>', 'add: only the first calls')
    .option('--for <duration>', 'add: until then; default: until it is removed')
    .option('--all', 'rm: every fault')
    .option('--json', 'as JSON')
    .action(does(() => import('./commands/fault.ts')));
  add('doctor', 'check what the mesh needs from this machine')
    .option('--json', 'as JSON')
    .action(does(() => import('./commands/doctor.ts')));
  add('version', 'print the version')
    .option('--json', 'as JSON')
    .action(does(() => import('./commands/version.ts')));
  add('completion <shell>', 'print a completion script for bash, zsh or fish').action(
    does(() => import('./commands/completion.ts')),
  );
  globals(program.command('daemon', { hidden: true }).exitOverride(), 'daemon')
    .option('--build')
    .option('--admin-port <port>', '', port)
    .option(...allowPrivileged)
    .action(does(() => import('./commands/daemon.ts')));
  return globals(program, '');
}

/** Wires a command to its file. */
function does<Options>(load: () => Module<Options>): (...values: unknown[]) => Promise<void> {
  return async (...values) => {
    const command = values.at(-1);
    if (!(command instanceof Command)) throw new TypeError('commander hands the command last');
    const { run } = await load();
    const args = command.processedArgs.flat().filter(value => typeof value === 'string');
    const asked = invocation(command);
    process.exitCode = await run(asked, args, command.opts<Options & Record<string, unknown>>()).catch(error =>
      report(error, asked.output),
    );
  };
}

function invocation(command: Command): Invocation {
  const options: GlobalOptions = { ...command.parent?.opts<GlobalOptions>(), ...command.opts<GlobalOptions>() };
  const project = locateProject(process.cwd(), options, process.env);
  const output = createOutput(options.ansi ?? 'auto', commandFor(project, options, process.env));
  const style = options.progress ?? 'auto';
  return {
    project,
    output,
    progress: style === 'auto' ? (process.stderr.isTTY && process.env['TERM'] !== 'dumb' ? 'tty' : 'plain') : style,
    globalArgs: [
      ...(options.file ?? []).flatMap(file => ['-f', file]),
      ...(options.projectName === undefined ? [] : ['-p', options.projectName]),
      ...(options.profile ?? []).flatMap(profile => ['--profile', profile]),
      ...(options.envFile ?? []).flatMap(file => ['--env-file', file]),
    ],
    // The one place where the CLI meets the daemon's side: loaded late, known by its interface only.
    backend: async (): Promise<Backend> => (await import('../daemon/backend.ts')).backend,
  };
}

/** Options that every command takes, before or after its name; `-f` gives way where a command has its own. */
function globals(command: Command, usage: string): Command {
  const takesF = usage.startsWith('logs') || usage === 'events' || usage === 'traces';
  return command
    .option(`${takesF ? '' : '-f, '}--file <mesh.yaml>`, 'mesh file', collect)
    .option('-p, --project-name <name>', 'name of this copy of the project')
    .option('--profile <name>', 'enable a compose profile', collect)
    .option('--env-file <file>', 'variables for the placeholders in the files', collect)
    .addOption(new Option('--progress <style>', 'how work is shown').choices(['auto', 'tty', 'plain', 'json', 'quiet']))
    .addOption(new Option('--ansi <when>', 'colours').choices(['auto', 'never', 'always']));
}

function createOutput(ansi: 'auto' | 'never' | 'always', mesh?: string): Output {
  const colour = {
    stdout: wantsColour(ansi, process.stdout, process.env),
    stderr: wantsColour(ansi, process.stderr, process.env),
  };
  return new Output(process.stdout, process.stderr, colour, mesh);
}

/** Prints what went wrong. A bug keeps its stack, because that is what a report needs. */
function report(error: unknown, output = createOutput('auto')): number {
  if (error instanceof CommanderError) {
    // Commander has printed it; help and version end in success.
    return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  }
  const known = asMeshError(error);
  if (known === null) {
    output.note(`${output.tint('red', 'bug:')} ${error instanceof Error ? error.stack : String(error)}`);
    output.note('hint: this is a mistake in mesh itself; containers were left as they are');
    return exitCodes.failure;
  }
  if (known.details !== '') output.note(known.details);
  if (known.message !== '') output.note(`${output.tint('red', 'error:')} ${output.addressed(known.message)}`);
  if (known.hint !== '') output.note(`${output.tint('cyan', 'hint:')} ${output.addressed(known.hint)}`);
  return known.exitCode;
}

/** `mesh logs | head` ends us as it would end any other filter. */
function onBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(exitCodes.ok);
}

function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}

function seconds(value: string): number {
  const number = Number(value);
  if (!Number.isFinite(number) || number <= 0) throw new InvalidArgumentError('a number of seconds above 0 is expected.');
  return number;
}

function port(value: string): number {
  const number = Number(value);
  if (!/^\d{1,5}$/.test(value) || number > 65_535)
    throw new InvalidArgumentError('a port from 1 to 65535 is expected, or 0 for any free one.');
  return number;
}

function tail(value: string): number | null {
  if (value === 'all') return null;
  if (!/^\d+$/.test(value)) throw new InvalidArgumentError('a whole number of lines or `all` is expected.');
  return Number(value);
}
