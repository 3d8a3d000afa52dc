/** Symbols of each code length, in the order of their codes: the code is canonical, so lengths say everything. 256 is EOS. @see RFC 7541 Appendix B */
const symbolsByLength: readonly (readonly [bits: number, symbols: readonly number[]])[] = [
  [5, letters('012aceiost')],
  [6, letters(' %-./3456789=A_bdfghlmnpru')],
  [7, letters(':BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz')],
  [8, letters('&*,;XZ')],
  [10, letters('!"()?')],
  [11, letters("'+|")],
  [12, letters('#>')],
  [13, [0, ...letters('$@[]~')]],
  [14, letters('^}')],
  [15, letters('<`{')],
  [19, [92, 195, 208]],
  [20, [128, 130, 131, 162, 184, 194, 224, 226]],
  [21, [153, 161, 167, 172, 176, 177, 179, 209, 216, 217, 227, 229, 230]],
  [
    22,
    [
      129, 132, 133, 134, 136, 146, 154, 156, 160, 163, 164, 169, 170, 173, 178, 181, 185, 186, 187, 189, 190, 196, 198, 228, 232,
      233,
    ],
  ],
  [
    23,
    [
      1, 135, 137, 138, 139, 140, 141, 143, 147, 149, 150, 151, 152, 155, 157, 158, 165, 166, 168, 174, 175, 180, 182, 183, 188,
      191, 197, 231, 239,
    ],
  ],
  [24, [9, 142, 144, 145, 148, 159, 171, 206, 215, 225, 236, 237]],
  [25, [199, 207, 234, 235]],
  [26, [192, 193, 200, 201, 202, 205, 210, 213, 218, 219, 238, 240, 242, 243, 255]],
  [27, [203, 204, 211, 212, 214, 221, 222, 223, 241, 244, 245, 246, 247, 248, 250, 251, 252, 253, 254]],
  [28, [2, 3, 4, 5, 6, 7, 8, 11, 12, ...range(14, 21), ...range(23, 31), 127, 220, 249]],
  [30, [10, 13, 22, 256]],
];

function letters(text: string): readonly number[] {
  return [...text].map(letter => letter.charCodeAt(0));
}

function range(from: number, to: number): readonly number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

const eos = 256;
/** Bits of an entry of `steps`: next state in the low byte, symbol in the second one. */
const emits = 1 << 16;
const fails = 1 << 17;

/** What four bits do in each of the 256 states (inner nodes of the code's tree). Small enough for the first-level cache, unlike whole bytes. */
const steps: Int32Array = new Int32Array(256 * 16);
/** 1 for states in which a string may end: at most seven bits of padding, all ones. */
const mayEnd: Uint8Array = new Uint8Array(256);
build();

function build(): void {
  /** Two children per node: another node, or `-1 - symbol`. */
  const tree: number[] = [0, 0];
  let code = 0;
  let length = 0;
  for (const [bits, symbols] of symbolsByLength) {
    code <<= bits - length;
    length = bits;
    for (const symbol of symbols) {
      let node = 0;
      for (let bit = bits - 1; bit > 0; bit--) {
        const slot = node * 2 + ((code >>> bit) & 1);
        if (tree[slot] === 0) tree[slot] = tree.push(0, 0) / 2 - 1;
        node = tree[slot] ?? 0;
      }
      tree[node * 2 + (code & 1)] = -1 - symbol;
      code++;
    }
  }
  for (let state = 0; state < 256; state++)
    for (let nibble = 0; nibble < 16; nibble++) steps[state * 16 + nibble] = step(tree, state, nibble);
  for (let node = 0, depth = 0; depth <= 7; depth++) {
    mayEnd[node] = 1;
    node = tree[node * 2 + 1] ?? 0;
  }
}

function step(tree: readonly number[], state: number, nibble: number): number {
  let node = state;
  let out = 0;
  for (let bit = 3; bit >= 0; bit--) {
    const next = tree[node * 2 + ((nibble >>> bit) & 1)] ?? 0;
    if (next === -1 - eos) return fails;
    if (next < 0) out = emits | ((-1 - next) << 8);
    node = next < 0 ? 0 : next;
  }
  return out | node;
}

/** The shortest code has 5 bits. */
let scratch: Buffer = Buffer.allocUnsafeSlow(8 * 1024);

/** Decodes bytes `from` to `to` into latin1 text; `null` where they are not properly coded. @see RFC 7541 §5.2 */
export function decodeHuffman(bytes: Uint8Array, from: number, to: number): string | null {
  const most = Math.ceil(((to - from) * 8) / 5);
  if (most > scratch.length) scratch = Buffer.allocUnsafeSlow(most);
  const out = scratch;
  let length = 0;
  let state = 0;
  for (let i = from; i < to; i++) {
    const byte = bytes[i] ?? 0;
    let entry = steps[state * 16 + (byte >>> 4)] ?? fails;
    if ((entry & (emits | fails)) !== 0) {
      if ((entry & fails) !== 0) return null;
      out[length++] = entry >>> 8;
    }
    entry = steps[(entry & 255) * 16 + (byte & 15)] ?? fails;
    if ((entry & (emits | fails)) !== 0) {
      if ((entry & fails) !== 0) return null;
      out[length++] = entry >>> 8;
    }
    state = entry & 255;
  }
  return mayEnd[state] === 1 ? out.toString('latin1', 0, length) : null;
}
