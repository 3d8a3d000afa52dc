/** What every engine behind the port `Docker` does: run by the fake and by the real adapter. */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import type { ContainerBody, Docker, EngineEvent } from '../../src/runtime/docker.ts';
import { tarBuffer } from '../../src/runtime/image-tar.ts';
import { ImageMissing, PortTaken, RuntimeError } from '../../src/runtime/runtime-error.ts';
import { eventually } from '../support/eventually.ts';

export interface DockerUnderTest {
  readonly docker: Docker;
  /** Image with `/bin/busybox`. */
  readonly image: string;
  /** Prefix of all names; whatever has the label `test=<prefix>` is removed afterwards by the caller. */
  readonly prefix: string;
}

const never = new AbortController().signal;

/** Declares the suite; `subject` is called by each test. */
export function dockerContract(name: string, subject: () => DockerUnderTest): void {
  describe(`the port Docker: ${name}`, () => {
    const label = () => ({ test: subject().prefix });
    const body = (
      script: string,
      more: Partial<ContainerBody> = {},
      host: Partial<ContainerBody['HostConfig']> = {},
    ): ContainerBody => ({
      Image: subject().image,
      Entrypoint: ['/bin/busybox'],
      Cmd: script === '' ? ['sleep', '600'] : ['sh', '-c', script],
      Labels: label(),
      StopTimeout: 0,
      ...more,
      HostConfig: { NetworkMode: 'none', ...host },
    });
    const create = (suffix: string, ...rest: Parameters<typeof body>) =>
      subject().docker.createContainer(`${subject().prefix}-${suffix}`, body(...rest));
    const outputOf = async (id: string, tail: number | null = null, since = '') => {
      let [stdout, stderr] = ['', ''];
      for await (const chunk of subject().docker.logs(id, { follow: false, since, tail, timestamps: false, signal: never })) {
        if (chunk.stream === 'stdout') stdout += chunk.data.toString();
        else stderr += chunk.data.toString();
      }
      return { stdout, stderr };
    };

    it('says what engine it is', async () => {
      const info = await subject().docker.info();
      assert.equal(info.os, 'linux');
      assert.match(info.apiVersion, /^1\.\d+$/);
    });

    it('takes absent containers, images, networks and volumes for done', async () => {
      const { docker } = subject();
      assert.equal(await docker.inspectContainer('absent-x'), null);
      assert.equal(await docker.inspectImage('absent-x:1'), null);
      assert.equal(await docker.inspectVolume('absent-x'), null);
      await docker.stopContainer('absent-x', 0);
      await docker.killContainer('absent-x');
      await docker.removeContainer('absent-x');
      await docker.removeNetwork('absent-x');
      await docker.removeVolume('absent-x');
      await docker.removeImage('absent-x:1');
    });

    it('refuses a container of an image that is not there, and fetches nothing', async () => {
      await assert.rejects(
        create('noimage', '', { Image: 'absent.invalid/x:1' }),
        error => error instanceof ImageMissing && error.image === 'absent.invalid/x:1',
      );
    });

    it('creates, starts (twice), lists by label, stops and removes', async () => {
      const { docker } = subject();
      const id = await create('life', '', { Labels: { ...label(), extra: 'yes' } });
      assert.equal((await docker.inspectContainer(id))?.state, 'created');
      await docker.startContainer(id);
      await docker.startContainer(id);
      const listed = await docker.listContainers({ ...label(), extra: 'yes' });
      assert.deepEqual(
        listed.map(one => [one.id, one.state, one.exitCode]),
        [[id, 'running', null]],
      );
      assert.deepEqual(await docker.listContainers({ ...label(), extra: 'no' }), []);
      await docker.stopContainer(id, 0);
      assert.equal((await docker.inspectContainer(id))?.state, 'exited');
      await docker.removeContainer(id);
      assert.equal(await docker.inspectContainer(id), null);
    });

    it('refuses a name twice', async () => {
      await create('twice', '');
      await assert.rejects(create('twice', ''), error => error instanceof RuntimeError && error.code === 'name-taken');
    });

    it('gives the exit code and the output of both streams', async () => {
      const { docker } = subject();
      const id = await create('ends', 'echo one; echo two; echo oops >&2; exit 3');
      await docker.startContainer(id);
      assert.equal(await docker.waitContainer(id, 'not-running', never), 3);
      assert.equal((await docker.inspectContainer(id))?.exitCode, 3);
      assert.deepEqual(await outputOf(id), { stdout: 'one\ntwo\n', stderr: 'oops\n' });
    });

    it('gives the tail of a log, and what came since a time as containers have it', async () => {
      const { docker } = subject();
      const id = await create('tail', 'echo one; echo two; exit 0');
      await docker.startContainer(id);
      await docker.waitContainer(id, 'not-running', never);
      assert.equal((await outputOf(id, 1)).stdout, 'two\n');
      assert.equal((await outputOf(id, null, '2026-01-01T00:00:00.000000001Z')).stdout, 'one\ntwo\n');
    });

    it('stops waiting when told', async () => {
      const { docker } = subject();
      const id = await create('wait', '');
      await docker.startContainer(id);
      const abort = new AbortController();
      const waiting = docker.waitContainer(id, 'not-running', abort.signal);
      abort.abort();
      await assert.rejects(waiting, { name: 'AbortError' });
    });

    it('follows a log until it is told to stop', async () => {
      const { docker } = subject();
      const id = await create('follow', 'echo ready; sleep 600');
      await docker.startContainer(id);
      const abort = new AbortController();
      let seen = '';
      for await (const { data } of docker.logs(id, {
        follow: true,
        since: '',
        tail: null,
        timestamps: false,
        signal: abort.signal,
      })) {
        seen += data.toString();
        abort.abort();
      }
      assert.equal(seen, 'ready\n');
    });

    it('publishes ports, tells who holds them, and refuses one that is taken', async () => {
      const { docker } = subject();
      const network = await docker.createNetwork(`${subject().prefix}-ports`, label());
      const publish = (HostPort: string) => ({
        NetworkMode: `${subject().prefix}-ports`,
        PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort }] },
      });
      const first = await create('port1', '', { ExposedPorts: { '80/tcp': {} } }, publish(''));
      await docker.startContainer(first);
      const facts = await docker.inspectContainer(first);
      const port = facts?.published[0]?.hostPort ?? 0;
      assert.ok(port > 0);
      assert.match(facts?.addresses[`${subject().prefix}-ports`] ?? '', /^172\.|^10\.|^192\.168\./);
      assert.equal((await docker.listPorts()).find(one => one.hostPort === port)?.containerName, `${subject().prefix}-port1`);
      const second = await create('port2', '', { ExposedPorts: { '80/tcp': {} } }, publish(String(port)));
      await assert.rejects(docker.startContainer(second), error => error instanceof PortTaken && error.port === port);
      await Promise.all([docker.removeContainer(first), docker.removeContainer(second)]);
      await docker.removeNetwork(network);
    });

    it('joins a namespace only while its owner runs', async () => {
      const { docker } = subject();
      const owner = await create('owner', '');
      const guest = await create('guest', '', {}, { NetworkMode: `container:${owner}` });
      await assert.rejects(docker.startContainer(guest), RuntimeError);
      await docker.startContainer(owner);
      await docker.startContainer(guest);
      assert.equal((await docker.inspectContainer(guest))?.state, 'running');
    });

    it('runs a command in a container', async () => {
      const { docker } = subject();
      const id = await create('exec', '');
      await docker.startContainer(id);
      const output: string[] = [];
      const code = await docker.exec(id, {
        command: ['/bin/busybox', 'sh', '-c', 'echo inside; exit 7'],
        tty: false,
        user: null,
        workingDir: null,
        environment: {},
        stdin: null,
        onOutput: chunk => output.push(chunk.data.toString()),
        signal: never,
      });
      assert.equal(code, 7);
      assert.equal(output.join(''), 'inside\n');
    });

    it('unpacks files into a container before it starts', async () => {
      const { docker } = subject();
      const id = await create('files', 'cat /run/secrets/key; exit 0');
      await docker.putArchive(
        id,
        '/',
        await tarBuffer([{ kind: 'bytes', path: 'run/secrets/key', mode: 0o444, bytes: Buffer.from('s3cret') }]),
      );
      await docker.startContainer(id);
      await docker.waitContainer(id, 'not-running', never);
      assert.equal((await outputOf(id)).stdout, 's3cret');
    });

    it('imports an image and removes it', async () => {
      const { docker, prefix } = subject();
      const tar = await tarBuffer([{ kind: 'bytes', path: 'hello', mode: 0o644, bytes: Buffer.from('x') }]);
      const id = await docker.importImage(Readable.from([tar]), `${prefix}-imported:1`, ['ENTRYPOINT ["/hello"]']);
      assert.equal((await docker.inspectImage(`${prefix}-imported:1`))?.id, id);
      await docker.removeImage(`${prefix}-imported:1`);
      assert.equal(await docker.inspectImage(`${prefix}-imported:1`), null);
    });

    it('tells the TCP ports that an image exposes', async () => {
      const { docker, prefix } = subject();
      const base = await create('exposing', '');
      const ref = `${prefix}-exposing:1`;
      await docker.commitContainer(base, ref, ['EXPOSE 6379', 'EXPOSE 8080/tcp', 'EXPOSE 53/udp']);
      const ports = (await docker.inspectImage(ref))?.exposedPorts ?? [];
      assert.deepEqual([...ports].sort(), [6379, 8080]);
      await docker.removeImage(ref);
    });

    it('lists images by label, and keeps one that a container uses', async () => {
      const { docker, prefix } = subject();
      const ref = `${prefix}-labelled:1`;
      const id = await docker.importImage(Readable.from([await tarBuffer([])]), ref, [
        `LABEL test=${prefix}`,
        'ENTRYPOINT ["/x"]',
      ]);
      const listed = await docker.listImages(label());
      assert.deepEqual(
        listed.map(one => [one.id, one.tags]),
        [[id, [ref]]],
      );
      assert.ok((listed[0]?.createdAtMs ?? 0) > Date.UTC(2020));
      const user = await create('image-user', '', { Image: ref });
      await docker.removeImage(ref);
      assert.equal((await docker.inspectImage(ref))?.id, id);
      await docker.removeContainer(user);
      await docker.removeImage(ref);
      assert.deepEqual(await docker.listImages(label()), []);
    });

    it('keeps networks and volumes apart by label', async () => {
      const { docker, prefix } = subject();
      const network = await docker.createNetwork(`${prefix}-net`, label());
      await docker.createVolume(`${prefix}-vol`, { driver: null, driverOpts: {}, labels: label() });
      assert.deepEqual(
        (await docker.listNetworks(label())).map(one => one.name),
        [`${prefix}-net`],
      );
      assert.deepEqual(
        (await docker.listVolumes(label())).map(one => one.name),
        [`${prefix}-vol`],
      );
      assert.deepEqual(await docker.listNetworks({ test: 'another' }), []);
      await docker.removeNetwork(network);
      await docker.removeVolume(`${prefix}-vol`);
      assert.deepEqual(await docker.listNetworks(label()), []);
      assert.equal(await docker.inspectVolume(`${prefix}-vol`), null);
    });

    it('tells events of the labels only, without those of exec', async () => {
      const { docker } = subject();
      const abort = new AbortController();
      const seen: EngineEvent[] = [];
      const open = Promise.withResolvers<void>();
      const following = (async () => {
        for await (const event of docker.events({ ...label(), watched: 'yes' }, abort.signal, open.resolve)) seen.push(event);
      })();
      await open.promise;
      const other = await create('unwatched', '');
      const id = await create('watched', '', { Labels: { ...label(), watched: 'yes' } });
      await docker.startContainer(other);
      await docker.startContainer(id);
      await docker.exec(id, {
        command: ['/bin/busybox', 'true'],
        tty: false,
        user: null,
        workingDir: null,
        environment: {},
        stdin: null,
        onOutput: () => {},
        signal: never,
      });
      await docker.killContainer(id);
      await docker.removeContainer(id);
      await eventually(() => assert.ok(seen.some(event => event.action === 'destroy')));
      abort.abort();
      await following;
      assert.deepEqual(
        seen.map(event => event.action),
        ['create', 'start', 'die', 'destroy'],
      );
      assert.deepEqual([...new Set(seen.map(event => event.containerId))], [id]);
    });
  });
}
