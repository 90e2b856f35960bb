import { TsukubeError } from "@tsukube/foundation";

/** Where a sparse file has content; the rest of it are holes. */
export interface SparseMap {
  /** In order, apart from each other. */
  readonly parts: readonly (readonly [offset: number, length: number])[];
  /** Of the whole file, in bytes. */
  readonly size: number;
}

const BLOCK = 512;
const MAX_PARTS = 1_000_000;

/** What the reader of the archive has at hand. */
interface Header {
  readonly block: Buffer;
  readonly type: string;
  readonly pax: Readonly<Record<string, Buffer>>;
  /** Of the entry in the archive. */
  readonly stored: number;
  readonly number: (block: Buffer, offset: number, length: number) => number;
  readonly more: (length: number) => Promise<Buffer | undefined>;
}

/**
 * The map of a sparse file as GNU tar writes it ("Storing Sparse Files" in its manual: old GNU, pax 0.0, 0.1 and 1.0), and how much of the
 * entry it took; undefined for other files.
 * @throws {TsukubeError} `invalid-tar`.
 */
export async function readSparseMap(
  header: Header,
): Promise<{ readonly map: SparseMap; readonly taken: number; readonly name?: string } | undefined> {
  const text = (name: string): string | undefined => header.pax[`GNU.sparse.${name}`]?.toString();
  const isPax = Object.keys(header.pax).some((name) => name.startsWith("GNU.sparse."));
  if (header.type === "S") return { map: checked(await oldMap(header), header.stored), taken: 0 };
  if (!isPax) return undefined;
  const size = Number(text("realsize") ?? text("size"));
  const named = text("name");
  const name = named === undefined ? {} : { name: named };
  if (text("major") === "1" && text("minor") === "0") {
    const { parts, taken } = await mapInBody(header);
    return { map: checked({ parts, size }, header.stored - taken), taken, ...name };
  }
  const map = text("map") ?? (text("numblocks") === "0" ? "" : undefined);
  if (map === undefined) throw malformed();
  const numbers = map === "" ? [] : map.split(",").map(Number);
  return { map: checked({ parts: pairs(numbers), size }, header.stored), taken: 0, ...name };
}

async function oldMap({ block, number, more }: Header): Promise<SparseMap> {
  const numbers: number[] = [];
  const add = (from: Buffer, at: number, count: number): void => {
    for (let index = 0; index < 2 * count; index++) numbers.push(number(from, at + 12 * index, 12));
  };
  add(block, 386, 4);
  for (let extended = block[482] === 1; extended; ) {
    const next = await more(BLOCK);
    if (next === undefined || numbers.length > 2 * MAX_PARTS) throw malformed();
    add(next, 0, 21);
    extended = next[504] === 1;
  }
  return { parts: pairs(numbers), size: number(block, 483, 12) };
}

/** Decimal numbers, a line each, the first of which counts the parts; whole blocks. */
async function mapInBody({ more, stored }: Header) {
  const numbers: number[] = [];
  let [line, wanted, taken] = ["", 1, 0];
  while (numbers.length < wanted) {
    const next = taken < stored && line.length < BLOCK ? await more(BLOCK) : undefined;
    if (next === undefined) throw malformed();
    taken += BLOCK;
    const lines = (line + next.toString("latin1")).split("\n");
    line = lines.pop() ?? "";
    for (const each of lines) numbers.push(Number(each));
    if (numbers.length > 0) wanted = 1 + 2 * numbers[0]!;
    if (!(wanted >= 1 && wanted <= 1 + 2 * MAX_PARTS)) throw malformed();
  }
  return { parts: pairs(numbers.slice(1, wanted)), taken };
}

function pairs(numbers: readonly number[]): SparseMap["parts"] {
  if (numbers.length % 2 !== 0) throw malformed();
  const parts = Array.from({ length: numbers.length / 2 }, (_, index) => [numbers[2 * index], numbers[2 * index + 1]]);
  return (parts as [number, number][]).filter(([, length]) => length !== 0);
}

function checked(map: SparseMap, stored: number): SparseMap {
  let at = 0;
  let content = 0;
  for (const [offset, length] of map.parts) {
    if (![offset, length].every((each) => Number.isSafeInteger(each) && each >= 0) || offset < at) throw malformed();
    at = offset + length;
    content += length;
  }
  if (!Number.isSafeInteger(map.size) || at > map.size || content !== stored) throw malformed();
  return map;
}

function malformed(): TsukubeError {
  return new TsukubeError("invalid-tar", "Cannot read archive: the map of a sparse file is malformed");
}
