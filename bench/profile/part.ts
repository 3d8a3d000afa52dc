/** One frame of a sampled stack. */
export interface Frame {
  readonly symbol: string;
  /** File of the code; `[kernel.kallsyms]` for the kernel, `perf-<pid>.map` for what V8 compiled. */
  readonly file: string;
}

/** A moment of a thread. */
export interface Sample {
  readonly thread: string;
  /** Innermost frame first. */
  readonly stack: readonly Frame[];
}

/** What the time of a proxy is divided into, in the order of the table. */
export const parts = [
  'kernel: socket writes, with what they cause on loopback',
  'kernel: socket reads',
  'kernel: waiting for events',
  'kernel: the rest',
  'OpenSSL',
  'libc: copies, malloc',
  'garbage collection',
  'Node and libuv in C++',
  'V8 in C++: calls in and out, strings, buffers',
  'Node’s JavaScript: streams, sockets',
  'ours: HTTP/1.1 and HTTP/2',
  'ours: sockets and tunnel',
  'ours: rules, exchange, metrics',
  'HAProxy itself',
] as const;
/** Where a sample belongs. */
export type Part = (typeof parts)[number];

/** Source file of a line of the bundle that a sidecar runs. */
export type SourceOf = (line: number) => string;

const systemCalls: readonly (readonly [RegExp, Part])[] = [
  [/^(__x64_sys|ksys)_(p?writev?|send(to|msg))$/, 'kernel: socket writes, with what they cause on loopback'],
  [/^(__x64_sys|ksys)_(p?readv?|recv(from|msg))$/, 'kernel: socket reads'],
  [/^__x64_sys_epoll_p?wait/, 'kernel: waiting for events'],
];
const collecting =
  /v8::internal::.*(Heap::(Collect|PerformGarbage|Scavenge)|Scaveng|Marking|MarkCompact|Sweep|Evacuat|ArrayBufferSweeper)/;
const openssl =
  /^(ossl_|OSSL_|OPENSSL_|SSL_|ssl\d?_|tls\d*_|TLS_|BIO_|bio_|EVP_|evp_|CRYPTO_|ERR_|RAND_|ASN1_|X509_|EC_|BN_|OBJ_|WPACKET_|gcm_|aes|AES|sha\d|SHA\d)/;

/** Where a sample of HAProxy or Node belongs. `sourceOf`: for Node. */
export function partOf({ thread, stack }: Sample, sourceOf: SourceOf | null): Part {
  const [leaf] = stack;
  if (thread.startsWith('V8Worker') || stack.some(({ symbol }) => collecting.test(symbol))) return 'garbage collection';
  if (leaf === undefined || leaf.file.startsWith('[k')) {
    for (const { symbol } of stack) for (const [name, part] of systemCalls) if (name.test(symbol)) return part;
    return 'kernel: the rest';
  }
  if (/\/libc[.-]/.test(leaf.file)) return 'libc: copies, malloc';
  if (/\/lib(ssl|crypto)\./.test(leaf.file) || openssl.test(leaf.symbol)) return 'OpenSSL';
  if (sourceOf === null) return 'HAProxy itself';
  // V8's built-in functions work for the one that called them.
  if (leaf.file.includes('/perf-') || leaf.symbol.startsWith('Builtins_'))
    for (const { symbol } of stack) {
      const [, file = '', line = ''] = /^JS:\S* (.*?):(\d+):\d+$/.exec(symbol) ?? [];
      if (file !== '') return partOfScript(file, sourceOf(Number(line)));
    }
  return /^(v8|Builtins|Bytecode)/.test(leaf.symbol) || leaf.file.includes('/perf-')
    ? 'V8 in C++: calls in and out, strings, buffers'
    : 'Node and libuv in C++';
}

function partOfScript(file: string, source: string): Part {
  if (file.startsWith('node:')) return 'Node’s JavaScript: streams, sockets';
  if (/proxy\/http[12]\//.test(source)) return 'ours: HTTP/1.1 and HTTP/2';
  return /proxy\/transport\/|src\/async\//.test(source) ? 'ours: sockets and tunnel' : 'ours: rules, exchange, metrics';
}
