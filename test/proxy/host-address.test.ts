import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostAddress } from '../../src/proxy/listener/host-address.ts';

const head = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n';

test('the gateway of the default route is the host', () => {
  const routes = `${head}eth0\t00000000\t010012AC\t0003\t0\t0\t0\t00000000\t0\t0\t0\neth0\t000012AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n`;
  assert.equal(hostAddress(routes), '172.18.0.1');
});

test('without a default route nobody is the host', () => {
  assert.equal(hostAddress(`${head}eth0\t000012AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n`), null);
  assert.equal(hostAddress(''), null);
});
