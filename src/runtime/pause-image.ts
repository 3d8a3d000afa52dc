/**
 * The image that holds a pod's network namespace: one static program of some 180 bytes, written here byte by byte, so that neither a
 * registry nor a compiler is needed. It waits for SIGTERM or SIGINT and exits 0; as process 1 it must block the signals and fetch them
 * itself, for the kernel drops those that process 1 leaves at their default (signal(7), pid_namespaces(7)).
 */
import { createHash } from 'node:crypto';
import type { Docker, EngineInfo } from './docker.ts';
import { tarStream } from './image-tar.ts';
import { RuntimeError } from './runtime-error.ts';

/** Start of the program in memory: the usual address of a static executable. */
const loadAddress = 0x400000n;
const headerBytes = 64 + 56;

/** SIGINT (2) and SIGTERM (15) as a kernel signal set. */
const signalSet = 0x4002;

// rt_sigprocmask(SIG_BLOCK, {INT, TERM}, 0, 8); do rt_sigtimedwait(set, 0, 0, 8) while it fails (EINTR); exit(0)
const x64Code = Buffer.from(
  [
    `68${le32(signalSet)}`, // push signalSet
    '4889e6', // mov rsi, rsp
    '31ff', // xor edi, edi
    '31d2', // xor edx, edx
    '6a08415a', // push 8; pop r10
    '6a0e58', // push 14 (rt_sigprocmask); pop rax
    '0f05', // syscall
    '4889e7', // again: mov rdi, rsp
    '31f6', // xor esi, esi
    '31d2', // xor edx, edx
    'b880000000', // mov eax, 128 (rt_sigtimedwait)
    '0f05', // syscall
    '85c0', // test eax, eax
    '78ee', // js again
    '6a3c58', // push 60 (exit); pop rax
    '31ff', // xor edi, edi
    '0f05', // syscall
  ].join(''),
  'hex',
);

const arm64Code = words(
  0xd2800000 + signalSet * 32 + 9, // mov x9, signalSet
  0xf81f0fe9, // str x9, [sp, #-16]!
  0xd2800000, // mov x0, 0
  0x910003e1, // mov x1, sp
  0xd2800002, // mov x2, 0
  0xd2800103, // mov x3, 8
  0xd2800000 + 135 * 32 + 8, // mov x8, 135 (rt_sigprocmask)
  0xd4000001, // svc 0
  0x910003e0, // again: mov x0, sp
  0xd2800001, // mov x1, 0
  0xd2800002, // mov x2, 0
  0xd2800103, // mov x3, 8
  0xd2800000 + 137 * 32 + 8, // mov x8, 137 (rt_sigtimedwait)
  0xd4000001, // svc 0
  0xb7ffff40, // tbnz x0, 63, again
  0xd2800000, // mov x0, 0
  0xd2800000 + 93 * 32 + 8, // mov x8, 93 (exit)
  0xd4000001, // svc 0
);

/** The program as an ELF executable for the engine's architecture. */
export function pauseProgram(arch: 'amd64' | 'arm64'): Buffer {
  const code = arch === 'amd64' ? x64Code : arm64Code;
  const size = BigInt(headerBytes + code.length);
  const header = Buffer.alloc(headerBytes);
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // magic, 64 bit, little-endian, version
  header.writeUInt16LE(2, 16); // executable
  header.writeUInt16LE(arch === 'amd64' ? 62 : 183, 18); // machine
  header.writeUInt32LE(1, 20); // version
  header.writeBigUInt64LE(loadAddress + BigInt(headerBytes), 24); // entry
  header.writeBigUInt64LE(64n, 32); // program headers start here
  header.writeUInt16LE(64, 52); // size of this header
  header.writeUInt16LE(56, 54); // size of a program header
  header.writeUInt16LE(1, 56); // one of them
  header.writeUInt32LE(1, 64); // load
  header.writeUInt32LE(5, 68); // readable, executable
  header.writeBigUInt64LE(loadAddress, 80);
  header.writeBigUInt64LE(loadAddress, 88);
  header.writeBigUInt64LE(size, 96);
  header.writeBigUInt64LE(size, 104);
  header.writeBigUInt64LE(0x10000n, 112); // alignment: the largest page size of arm64
  return Buffer.concat([header, code]);
}

/** `localmesh-pause:<hash of the program>`. @throws RuntimeError for an architecture without a program */
export function pauseImageRef(engine: EngineInfo): string {
  return `localmesh-pause:${createHash('sha256').update(programFor(engine)).digest('hex').slice(0, 12)}`;
}

/** Imports the image; the id. */
export function makePauseImage(docker: Docker, engine: EngineInfo): Promise<string> {
  const tar = tarStream([{ kind: 'bytes', path: 'pause', mode: 0o755, bytes: programFor(engine) }]);
  return docker.importImage(tar, pauseImageRef(engine), ['ENTRYPOINT ["/pause"]', 'LABEL dev.localmesh.image=pause']);
}

function programFor({ arch }: EngineInfo): Buffer {
  if (arch === 'amd64' || arch === 'x86_64') return pauseProgram('amd64');
  if (arch === 'arm64' || arch === 'aarch64') return pauseProgram('arm64');
  throw new RuntimeError('engine-error', `The engine runs on ${arch}; pods need amd64 or arm64.`);
}

function le32(value: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes.toString('hex');
}

function words(...values: readonly number[]): Buffer {
  return Buffer.concat(values.map(value => Buffer.from(le32(value >>> 0), 'hex')));
}
