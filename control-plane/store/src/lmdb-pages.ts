/**
 * Walks the pages of an LMDB file without LMDB: data version 2, as lmdb 3.5.6 writes it on a 64-bit machine with its least significant byte
 * first. Whatever the bytes are, a walk ends, and tells what does not fit.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";

const MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
const MAX_PAGE = 65_536;

/** Of a page's header. */
const HEADER = 24;
const FLAGS_AT = 18;
const LOWER_AT = 20;
const OVERFLOW_PAGES_AT = 20;
const BRANCH = 0x01;
const LEAF = 0x02;
const OVERFLOW = 0x04;
const META = 0x08;

/** Of a meta page. */
const VERSION_AT = HEADER + 4;
const PAGE_SIZE_AT = HEADER + 24;
const MAIN_AT = HEADER + 24 + 48;
const LAST_PAGE_AT = HEADER + 24 + 96;
const TRANSACTION_AT = LAST_PAGE_AT + 8;
const META_END = TRANSACTION_AT + 8;
/** Of what it says about a tree. */
const DEPTH_AT = 6;
const ENTRIES_AT = 32;
const ROOT_AT = 40;

/** Of a node: two halves of a size or of a page number, flags or the rest of the page number, the length of the key. */
const NODE = 8;
const BIG = 0x01;
const NO_PAGE = 2 ** 64;

/** Bytes read at a time: pages that follow each other in the tree mostly do so in the file. */
const WINDOW = 64 * 1024;
const WINDOWS = 128;

/** A key and its value, one after the other in a buffer, until the visitor returns. Views are for who needs them to make. */
export type VisitEntry = (bytes: Buffer, key: number, value: number, end: number) => void;

interface Root {
  readonly page: number;
  readonly depth: number;
  readonly entries: number;
  readonly pageSize: number;
  readonly lastPage: number;
}

/** An LMDB file, open to be read. Nobody may write to it meanwhile. */
export class LmdbPages {
  readonly #file: WindowedFile;
  /** Of the newest transaction. */
  readonly #root: Root;
  /** One bit for each page of the tree: a damaged one could lead in a circle. */
  #seen = new Uint8Array(0);
  #passesOver = false;

  /** @throws when it is not a file of LMDB. */
  constructor(path: string) {
    this.#file = new WindowedFile(path);
    try {
      this.#root = rootOf(this.#file);
    } catch (error) {
      this.#file.close();
      throw error;
    }
  }

  close(): void {
    this.#file.close();
  }

  get entries(): number {
    return this.#root.entries;
  }

  /** Shows every entry, in order. @throws when something is not as LMDB writes it. */
  walk(visit: VisitEntry): void {
    let count = 0;
    this.#run((bytes, key, value, end) => {
      count += 1;
      visit(bytes, key, value, end);
    });
    if (count !== this.entries) throw new Error(`${count} entries in pages, expected ${this.entries}`);
  }

  /** Shows every entry that can be reached, in order: what is not as LMDB writes it is passed over. */
  walkWhole(visit: VisitEntry): void {
    this.#passesOver = true;
    try {
      this.#each(1, () => this.#run(visit));
    } finally {
      this.#passesOver = false;
    }
  }

  /** @throws when something on the way to the key is not as LMDB writes it. */
  get(wanted: Uint8Array): Buffer | undefined {
    let found: Buffer | undefined;
    this.#run((bytes, key, value, end) => {
      if (bytes.subarray(key, value).equals(wanted)) found = Buffer.from(bytes.subarray(value, end));
    }, wanted);
    return found;
  }

  /** @param only Goes to the leaf with this key alone. */
  #run(visit: VisitEntry, only?: Uint8Array): void {
    if (this.#root.page === NO_PAGE) return;
    this.#seen = new Uint8Array(Math.ceil((this.#root.lastPage + 1) / 8));
    this.#descend(this.#root.page, 1, visit, only);
  }

  #descend(number: number, depth: number, visit: VisitEntry, only: Uint8Array | undefined): void {
    this.#see(number);
    const { pageSize } = this.#root;
    const { bytes, at } = this.#file.page(number, pageSize);
    const isLeaf = depth === this.#root.depth;
    expectPage(bytes, at, number, isLeaf ? LEAF : BRANCH);
    const nodes = bytes.readUInt16LE(at + LOWER_AT) >> 1;
    if (HEADER + 2 * nodes > pageSize) throw new Error(`page ${number} has ${nodes} nodes`);
    if (isLeaf) this.#each(nodes, (node) => this.#leaf(bytes, at, node, number, visit));
    else {
      const children = this.#children(bytes, at, nodes, number, only);
      this.#each(children.length, (index) => this.#descend(children[index]!, depth + 1, visit, only));
    }
  }

  /** Passes over what cannot be read, if it is to. */
  #each(count: number, read: (index: number) => void): void {
    for (let index = 0; index < count; index += 1) {
      try {
        read(index);
      } catch (error) {
        if (!this.#passesOver) throw error;
      }
    }
  }

  #see(number: number): void {
    if (!(number >= 2 && number <= this.#root.lastPage)) throw new Error(`page ${number} is not there`);
    const mask = 1 << (number & 7);
    if ((this.#seen[number >>> 3]! & mask) !== 0) throw new Error(`page ${number} stands in the tree twice`);
    this.#seen[number >>> 3]! |= mask;
  }

  /** All at once: their page may be forgotten while they are read. */
  #children(bytes: Buffer, at: number, nodes: number, number: number, only: Uint8Array | undefined): readonly number[] {
    const children: number[] = [];
    for (let index = 0; index < nodes; index += 1) {
      const node = this.#node(bytes, at, index, number);
      const key = bytes.subarray(node + NODE, node + NODE + bytes.readUInt16LE(node + 6));
      // the first has everything before the second, whatever key stands there
      if (only !== undefined && index > 0 && Buffer.compare(key, only) > 0) break;
      children.push(bytes.readUInt32LE(node) + bytes.readUInt16LE(node + 4) * 2 ** 32);
    }
    return only === undefined ? children : children.slice(-1);
  }

  #leaf(bytes: Buffer, at: number, index: number, number: number, visit: VisitEntry): void {
    const node = this.#node(bytes, at, index, number);
    const length = bytes.readUInt32LE(node);
    const flags = bytes.readUInt16LE(node + 4);
    const key = node + NODE;
    const value = key + bytes.readUInt16LE(node + 6);
    const end = value + (flags === BIG ? 8 : length);
    if (flags > BIG) throw new Error(`page ${number} has a node with flags ${flags}`);
    if (end > at + this.#root.pageSize) throw new Error(`page ${number} ends within a value`);
    if (flags === BIG) this.#big(bytes.subarray(key, value), wide(bytes, value), length, visit);
    else visit(bytes, key, value, end);
  }

  /** A value in pages of its own. */
  #big(key: Buffer, number: number, length: number, visit: VisitEntry): void {
    const { pageSize } = this.#root;
    const pages = Math.ceil((HEADER + length) / pageSize);
    for (let page = number; page < number + pages; page += 1) this.#see(page);
    const bytes = this.#file.read(number * pageSize, HEADER + length);
    expectPage(bytes, 0, number, OVERFLOW);
    if (bytes.readUInt32LE(OVERFLOW_PAGES_AT) !== pages) throw new Error(`page ${number} has another length`);
    const entry = Buffer.concat([key, bytes.subarray(HEADER)]);
    visit(entry, 0, key.length, entry.length);
  }

  #node(bytes: Buffer, at: number, index: number, number: number): number {
    const { pageSize } = this.#root;
    const offset = HEADER + bytes.readUInt16LE(at + HEADER + 2 * index);
    const fits = offset + NODE <= pageSize && offset + NODE + bytes.readUInt16LE(at + offset + 6) <= pageSize;
    if (!fits) throw new Error(`page ${number} ends within a node`);
    return at + offset;
  }
}

const NOTHING: Root = { page: NO_PAGE, depth: 0, entries: 0, pageSize: 4096, lastPage: 0 };

function rootOf(file: WindowedFile): Root {
  if (file.size === 0) return NOTHING; // it was about to be made
  const first = metaIn(file.read(0, META_END), 0);
  const second = metaIn(file.read(first.pageSize, META_END), 1);
  const { transaction: _number, ...root } = first.transaction >= second.transaction ? first : second;
  return root;
}

function metaIn(bytes: Buffer, number: number): Root & { readonly transaction: number } {
  const isMeta = (bytes.readUInt16LE(FLAGS_AT) & META) !== 0 && bytes.readUInt32LE(HEADER) === MAGIC;
  if (!isMeta) throw new Error(`page ${number} is not one that LMDB begins with`);
  const version = bytes.readUInt32LE(VERSION_AT) & 0xffff;
  if (version !== DATA_VERSION)
    throw new Error(`page ${number} tells data version ${version}, expected ${DATA_VERSION}`);
  const pageSize = bytes.readUInt32LE(PAGE_SIZE_AT);
  const lastPage = wide(bytes, LAST_PAGE_AT);
  if (pageSize < 256 || pageSize > MAX_PAGE || (pageSize & (pageSize - 1)) !== 0 || lastPage >= 2 ** 32)
    throw new Error(`page ${number} tells of ${lastPage} pages of ${pageSize} bytes`);
  return {
    ...{ pageSize, lastPage },
    page: wide(bytes, MAIN_AT + ROOT_AT),
    depth: bytes.readUInt16LE(MAIN_AT + DEPTH_AT),
    entries: wide(bytes, MAIN_AT + ENTRIES_AT),
    transaction: wide(bytes, TRANSACTION_AT),
  };
}

function expectPage(bytes: Buffer, at: number, number: number, kind: number): void {
  const isIt = bytes.readUInt16LE(at + FLAGS_AT) === kind && wide(bytes, at) === number;
  if (!isIt) throw new Error(`page ${number} is not what its tree says`);
}

function wide(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32;
}

/** A file that is read in windows, of which the newest stay. */
class WindowedFile {
  readonly #file: number;
  readonly size: number;
  readonly #windows = new Map<number, Buffer>();

  constructor(path: string) {
    this.#file = openSync(path, "r");
    this.size = fstatSync(this.#file).size;
  }

  close(): void {
    closeSync(this.#file);
  }

  page(number: number, size: number): { readonly bytes: Buffer; readonly at: number } {
    const position = number * size;
    const at = position % WINDOW;
    const bytes = this.#window(position - at);
    if (at + size > bytes.length) throw new Error(`the file ends before the end of page ${number}`);
    return { bytes, at };
  }

  /** @throws when the file is not so long. */
  read(position: number, length: number): Buffer {
    if (position + length > this.size) throw new Error(`the file ends before byte ${position + length}`);
    return this.#readInto(Buffer.allocUnsafeSlow(length), position);
  }

  #readInto(bytes: Buffer, position: number): Buffer {
    const { length } = bytes;
    for (let read = 0; read < length; ) {
      const count = readSync(this.#file, bytes, read, length - read, position + read);
      if (count === 0) throw new Error("the file became shorter while it was read");
      read += count;
    }
    return bytes;
  }

  /** The window that was read first is used again for another: pages are there until the next one is asked for. */
  #window(start: number): Buffer {
    const present = this.#windows.get(start);
    if (present !== undefined) return present;
    const memory = this.#freeWindow();
    const bytes = memory.subarray(0, Math.max(0, Math.min(WINDOW, this.size - start)));
    this.#windows.set(start, this.#readInto(bytes, start));
    return bytes;
  }

  #freeWindow(): Buffer {
    const [oldest] = this.#windows;
    if (oldest === undefined || this.#windows.size < WINDOWS) return Buffer.allocUnsafeSlow(WINDOW);
    const [start, { buffer }] = oldest;
    this.#windows.delete(start);
    return Buffer.from(buffer);
  }
}
