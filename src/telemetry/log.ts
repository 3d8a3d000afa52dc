/** Structured log: one JSON object per line. Not the access log, which has its own format. */
import { escapeLine } from '../text/escape.ts';

/** Importance of a line; lines below the set level are not built. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Values that a line may carry. An `Error` is written as its message (with its code), never its stack. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Writes lines of one component. Never throws. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** Settings of a log that tests and programs change. */
export interface LogOptions {
  /** @default 'info' */
  readonly level?: LogLevel;
  /** Wall clock in ms since the epoch; without it lines carry no time (the container log has one). */
  readonly now?: () => number;
}

const rank: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

/** Makes a log. `sink` gets whole lines without the newline. @default sink: stderr */
export function createLog(component: string, sink: (line: string) => void = toStderr, options: LogOptions = {}): Log {
  const least = rank[options.level ?? 'info'];
  const write = (level: LogLevel, message: string, fields?: LogFields): void => {
    if (rank[level] < least) return;
    const time = options.now === undefined ? {} : { time: new Date(options.now()).toISOString() };
    sink(toLine({ ...time, level, component, message, ...fields }));
  };
  return {
    debug: (message, fields) => write('debug', message, fields),
    info: (message, fields) => write('info', message, fields),
    warn: (message, fields) => write('warn', message, fields),
    error: (message, fields) => write('error', message, fields),
  };
}

function toStderr(line: string): void {
  process.stderr.write(`${line}\n`);
}

function toLine(value: unknown): string {
  let line: string;
  try {
    line = JSON.stringify(value, plain);
  } catch {
    line = '{"level":"error","message":"log line could not be written"}';
  }
  return escapeLine(line);
}

function plain(_key: string, value: unknown): unknown {
  if (value instanceof Error) return 'code' in value ? `${String(value.code)}: ${value.message}` : value.message;
  return typeof value === 'bigint' ? value.toString() : value;
}
