/**
 * Address under which the host is seen by this pod: its default gateway, the host's end of the bridge. Connections to a published
 * port that were made on the host come from it. `null`: no default route, nobody is the host.
 * @param table text of /proc/net/route: addresses as eight hex digits in the machine's byte order, little-endian on x64 and arm64
 */
export function hostAddress(table: string): string | null {
  for (const line of table.split('\n')) {
    const [, destination, gateway, flags] = line.split('\t');
    // RTF_UP and RTF_GATEWAY
    if (destination !== '00000000' || gateway === undefined || (Number.parseInt(flags ?? '0', 16) & 3) !== 3) continue;
    const bytes = Buffer.from(gateway, 'hex').reverse();
    if (bytes.length === 4) return bytes.join('.');
  }
  return null;
}
