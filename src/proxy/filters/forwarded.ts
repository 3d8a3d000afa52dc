import { isIP } from 'node:net';
import { bit, field } from '../http1/known-field.ts';
import type { RequestFilter } from './filter.ts';

/**
 * At a gateway: makes what tells of the client true before anything asks for it. With `hops` proxies in front, the real client is the one that the outermost
 * of them saw, the n-th from the right of `x-forwarded-for`, and the list is continued; without any, the list begins here.
 * @see Envoy, `xff_num_trusted_hops` with `use_remote_address`
 */
export function forwardedFilter(hops: number): RequestFilter {
  const own = bit(field.forwardedFor) | bit(field.forwardedProto) | bit(field.clientCert);
  return (head, { address, scheme, clientCertificate = null }, decision) => {
    const came = hops === 0 ? null : head.named('x-forwarded-for');
    const proto = hops === 0 ? null : head.named('x-forwarded-proto');
    decision.clientAddress = came === null ? '' : trusted(came, hops);
    head.set('x-forwarded-client-cert', clientCertificate);
    head.set('x-forwarded-for', came === null || came === '' ? address : `${came},${address}`);
    head.set('x-forwarded-proto', proto === 'http' || proto === 'https' ? proto : scheme);
    decision.replaced |= own;
    return null;
  };
}

/** The n-th address from the right; empty where there are not so many, or it is none. */
function trusted(list: string, hops: number): string {
  const written = list.split(',').at(-hops)?.trim() ?? '';
  const bare =
    /^\[(.+)\](?::\d+)?$/.exec(written)?.[1] ?? (written.match(/:/g)?.length === 1 ? written.replace(/:.*/, '') : written);
  return isIP(bare) === 0 ? '' : bare;
}
