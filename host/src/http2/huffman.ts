/** Bits of each symbol's code, 0 to 255 and the end, in base 36: the codes follow from them (RFC 7541 appendix B). */
const LENGTHS =
  "dnsssssssoussussssssssusssssssss6aacd68baa8b8666555666666678f6ca" +
  "d67777777777777777777777878djde6f56565666577666567655677777fbeds" +
  "kmkkmmmnmnnnnnonoomnonnnnlmnmnnomlkmmnnlnmmolmnnllmlnmnnkmmmnmmn" +
  "qqkjmnmpqqqrrqopjlqrrqrollqqsrrrkoklmllnmmppooqnqrqqrrrrrsrrrrrq" +
  "u";
const END = 256;

/** What eight bits say: a symbol whose code ends among them, or where to look for what comes next. */
interface Node {
  /** By the next eight bits. Absent in a leaf. */
  readonly next?: Node[];
  readonly symbol: number;
  /** Bits of the last eight that belong to the symbol. */
  readonly bits: number;
}

let root: Node | undefined;

/** Text of Huffman code (RFC 7541 section 5.2), one character a byte. Undefined: it is none. */
export function huffmanText(bytes: Buffer, start: number, end: number): string | undefined {
  root ??= decodingTree();
  const out = Buffer.allocUnsafe(((end - start) * 8) / SHORTEST);
  let size = 0;
  let node = root;
  let held = 0;
  let bits = 0;
  let sinceSymbol = 0;
  for (let at = start; at < end; at += 1) {
    held = ((held << 8) | bytes[at]!) & 0xffff;
    bits += 8;
    sinceSymbol += 8;
    while (bits >= 8) {
      const next: Node | undefined = node.next![(held >>> (bits - 8)) & 0xff];
      if (next === undefined) return undefined;
      if (next.next === undefined) {
        out[size++] = next.symbol;
        bits -= next.bits;
        sinceSymbol = bits;
        node = root;
      } else {
        bits -= 8;
        node = next;
      }
    }
  }
  while (bits > 0) {
    const next: Node | undefined = node.next![(held << (8 - bits)) & 0xff];
    if (next === undefined || next.next !== undefined || next.bits > bits) break;
    out[size++] = next.symbol;
    bits -= next.bits;
    sinceSymbol = bits;
    node = root;
  }
  const padding = (1 << bits) - 1;
  // what is left is the beginning of the end's code, which is ones alone, and less than a byte
  return sinceSymbol > 7 || (held & padding) !== padding ? undefined : out.toString("latin1", 0, size);
}

const SHORTEST = 5;

function decodingTree(): Node {
  const tree: Node = { next: [], symbol: 0, bits: 0 };
  const symbols = Array.from(LENGTHS, (digit, symbol) => ({ symbol, bits: Number.parseInt(digit, 36) }));
  symbols.sort((a, b) => a.bits - b.bits || a.symbol - b.symbol);
  let code = 0;
  let last = 0;
  for (const { symbol, bits } of symbols) {
    code *= 2 ** (bits - last);
    last = bits;
    if (symbol !== END) insert(tree, symbol, code, bits);
    code += 1;
  }
  return tree;
}

function insert(tree: Node, symbol: number, code: number, bits: number): void {
  let node = tree;
  let left = bits;
  for (; left > 8; left -= 8) {
    const index = (code >>> (left - 8)) & 0xff;
    node.next![index] ??= { next: [], symbol: 0, bits: 0 };
    node = node.next![index]!;
  }
  const first = (code << (8 - left)) & 0xff;
  for (let index = first; index < first + (1 << (8 - left)); index += 1) node.next![index] = { symbol, bits: left };
}
