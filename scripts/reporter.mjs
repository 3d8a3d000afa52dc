// A reporter for `node --test`: a line per file, failures in full, and the counts as the last line for the script that runs it.
// Only tests without tests of their own are counted: a `describe` or a parent is not a test.
import { relative } from 'node:path';

const indent = text => text.replace(/^/gm, '    ');

function reason(error) {
  const cause = error?.cause ?? error;
  return indent(typeof cause === 'object' && cause !== null ? (cause.stack ?? cause.message ?? String(cause)) : String(cause));
}

/** Turns the runner's events into text. */
// biome-ignore lint/style/noDefaultExport: the runner takes a reporter module's default export and nothing else.
export default async function* reporter(events) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const files = new Map();
  const parents = new Set();
  const key = data => `${data.file}:${data.line}:${data.column}:${data.nesting}`;
  const open = new Map();
  for await (const { type, data } of events) {
    if (type === 'test:start') {
      // Everything open above a starting test has tests of its own.
      const stack = (open.get(data.file) ?? []).filter(item => item.nesting < data.nesting);
      for (const item of stack) parents.add(item.key);
      open.set(data.file, [...stack, { nesting: data.nesting, key: key(data) }]);
    } else if (type === 'test:stderr') {
      yield data.message;
    } else if (type === 'test:pass' || type === 'test:fail') {
      const group = data.details?.type === 'suite' || parents.has(key(data));
      const file = files.get(data.file) ?? { passed: 0, failed: 0, skipped: 0, ms: 0 };
      files.set(data.file, file);
      if (data.nesting === 0) file.ms += data.details.duration_ms;
      const skipped = data.skip !== undefined || data.todo !== undefined;
      const childrenFailed = data.details?.error?.failureType === 'subtestsFailed';
      if (type === 'test:fail' && !skipped && !childrenFailed) {
        counts.failed += 1;
        file.failed += 1;
        yield `\n✗ ${data.name}\n  ${relative(process.cwd(), data.file ?? '')}:${data.line}\n${reason(data.details?.error)}\n`;
      } else if (!group) {
        const kind = skipped ? 'skipped' : type === 'test:pass' ? 'passed' : 'failed';
        counts[kind] += 1;
        file[kind] += 1;
        if (kind === 'skipped') yield `- skipped: ${data.name}${typeof data.skip === 'string' ? ` (${data.skip})` : ''}\n`;
      }
    }
  }
  for (const [file, { passed, failed, skipped, ms }] of [...files].sort()) {
    const name = relative(process.cwd(), file ?? '').padEnd(52);
    yield `${failed > 0 ? '✗' : '✓'} ${name} ${String(passed).padStart(4)} passed${failed > 0 ? `, ${failed} failed` : ''}${skipped > 0 ? `, ${skipped} skipped` : ''}  ${(ms / 1000).toFixed(1)} s\n`;
  }
  yield `@counts ${JSON.stringify(counts)}\n`;
}
