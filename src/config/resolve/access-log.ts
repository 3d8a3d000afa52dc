import type { AccessLogConfig } from '../mesh-config.ts';
import type { AccessLogSpec } from '../schema/access-log.ts';

/** The access log of sidecars. `format`: where none is written; a filter is for lines, so that one alone turns them on. */
export function resolveAccessLog(
  spec: AccessLogSpec | undefined,
  format: AccessLogConfig['accessLog'] = 'text',
): AccessLogConfig {
  const usual = format === 'off' && spec !== undefined ? 'text' : format;
  return { accessLog: spec?.format ?? usual, ...(spec?.filter === undefined ? {} : { accessLogFilter: spec.filter }) };
}
