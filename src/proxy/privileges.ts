import { readFileSync } from 'node:fs';
import { sidecarUid } from '../snapshot/ports.ts';

/** The process still holds rights that it must not keep. */
export class PrivilegeError extends Error {
  override readonly name = 'PrivilegeError';
}

/** Capability sets that must be empty afterwards: what can be used now, and what could be taken up again. */
const sets = ['CapInh', 'CapPrm', 'CapEff', 'CapAmb'] as const;

/**
 * Gives up root for good: no groups, uid and gid 1337, no capabilities. The kernel's own account of it is read back.
 * A process that is already 1337 only has it checked.
 * @throws PrivilegeError when anything is left
 */
export function dropPrivileges(): void {
  if (process.getuid?.() === 0) {
    process.setgroups?.([]);
    process.setgid?.(sidecarUid);
    process.setuid?.(sidecarUid);
  }
  checkPrivileges(readFileSync('/proc/self/status', 'latin1'));
}

/**
 * Judges the text of /proc/self/status.
 * @throws PrivilegeError
 */
export function checkPrivileges(status: string): void {
  const fields = new Map(
    status.split('\n').map(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
  );
  for (const field of ['Uid', 'Gid']) {
    const ids = fields.get(field)?.split(/\s+/) ?? [];
    if (ids.length !== 4 || ids.some(id => id !== String(sidecarUid))) {
      throw new PrivilegeError(`${field} is ${ids.join(' ')}, expected ${sidecarUid}`);
    }
  }
  if (fields.get('Groups') !== '') throw new PrivilegeError(`supplementary groups are left: ${fields.get('Groups')}`);
  for (const set of sets) {
    const value = fields.get(set) ?? 'unknown';
    if (!/^0+$/.test(value)) throw new PrivilegeError(`${set} is ${value}, expected none`);
  }
}
