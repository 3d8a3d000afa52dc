import { after, before } from 'node:test';
import { systemClock } from '../../src/async/clock.ts';
import type { Docker } from '../../src/runtime/docker.ts';
import { connectDocker } from '../../src/runtime/dockerode-adapter.ts';
import { hasBusybox, importBusybox } from '../support/busybox-image.ts';
import { FakeDocker } from '../support/fake-docker.ts';
import { dockerContract } from './docker-contract.ts';

const fake = new FakeDocker();
fake.addImage('fake-busybox:1');
dockerContract('in memory', () => ({ docker: fake, image: 'fake-busybox:1', prefix: 'fake' }));

const prefix = `meshcontract${process.pid}-${Math.floor(systemClock.now() / 1000)}`;
const image = `${prefix}:1`;
const real: Docker | null = await connectDocker({
  env: process.env,
  home: process.env['HOME'] ?? '/',
  platform: process.platform,
  uid: process.getuid?.() ?? null,
}).catch(() => null);

if (real !== null && (await hasBusybox())) {
  before(() => importBusybox(real, image));
  after(async () => {
    await Promise.all((await real.listContainers({ test: prefix })).map(one => real.removeContainer(one.id)));
    await Promise.all((await real.listNetworks({ test: prefix })).map(one => real.removeNetwork(one.id)));
    await Promise.all((await real.listVolumes({ test: prefix })).map(one => real.removeVolume(one.name)));
    await real.removeImage(image);
  });
  dockerContract('dockerode on a real engine', () => ({ docker: real, image, prefix }));
}
