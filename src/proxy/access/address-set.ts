import { BlockList, isIP } from 'node:net';

const mapped = /^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i;

/** Makes the test whether an IP address is one of these addresses or lies in one of these blocks (`10.0.0.0/8`). @throws for what is neither */
export function compileAddresses(values: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const value of values) {
    const [address = '', bits] = value.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return address => {
    const plain = address.replace(mapped, '');
    const version = isIP(plain);
    return version !== 0 && list.check(plain, version === 6 ? 'ipv6' : 'ipv4');
  };
}
