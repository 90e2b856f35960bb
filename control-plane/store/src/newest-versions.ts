const LEAST = 64 * 1024;

/** Which revision of each key is its newest. Keys are told in their order; then versions are looked for in the order of their revisions, and of their keys within one. */
export class NewestVersions {
  /** All keys, one after the other. */
  #keys = Buffer.allocUnsafeSlow(LEAST);
  readonly #ends: number[] = [];
  readonly #revisions: number[] = [];
  /** Numbers of keys in the order of their revisions. */
  #order: Uint32Array | undefined;
  /** Of the one in the order that comes next. */
  #next = 0;

  add(bytes: Buffer, start: number, end: number, revision: number): void {
    const at = this.#ends.at(-1) ?? 0;
    const after = at + end - start;
    if (after > this.#keys.length) this.#grow(after);
    bytes.copy(this.#keys, at, start, end);
    this.#ends.push(after);
    this.#revisions.push(revision);
  }

  /** @returns the number of the key, from 0 on, if this is its newest version. */
  find(bytes: Buffer, start: number, end: number, revision: number): number | undefined {
    const number = this.#ordered[this.#next];
    if (number === undefined || this.#revisions[number] !== revision) return undefined;
    const at = number === 0 ? 0 : this.#ends[number - 1]!;
    if (this.#ends[number]! - at !== end - start) return undefined;
    // a call of Node's takes longer
    for (let index = start; index < end; index += 1)
      if (bytes[index] !== this.#keys[at + index - start]) return undefined;
    this.#next += 1;
    return number;
  }

  /** Whether the newest version of every key was found. */
  get isComplete(): boolean {
    return this.#next === this.#ends.length;
  }

  get #ordered(): Uint32Array {
    this.#order ??= orderOf(this.#revisions);
    return this.#order;
  }

  #grow(least: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(least, 2 * this.#keys.length));
    this.#keys.copy(larger);
    this.#keys = larger;
  }
}

const DIGITS = 2 ** 16;

/** Numbers in the order of their revisions, those of one revision in their own. It counts digits: a million comparisons take ten times as long. */
function orderOf(revisions: readonly number[]): Uint32Array<ArrayBuffer> {
  let order = Uint32Array.from(revisions.keys());
  let [least, greatest] = [Number.POSITIVE_INFINITY, 0];
  for (const revision of revisions) {
    least = Math.min(least, revision);
    greatest = Math.max(greatest, revision);
  }
  for (let unit = 1; unit <= greatest - least; unit *= DIGITS)
    order = sorted(order, (number) => Math.floor((revisions[number]! - least) / unit) % DIGITS);
  return order;
}

/** Numbers in the order of a digit that each has; those of one digit stay as they were. */
function sorted(numbers: Uint32Array, digitOf: (number: number) => number): Uint32Array<ArrayBuffer> {
  const ends = new Uint32Array(DIGITS + 1);
  for (const number of numbers) ends[digitOf(number) + 1]! += 1;
  for (let digit = 1; digit <= DIGITS; digit += 1) ends[digit]! += ends[digit - 1]!;
  const out = new Uint32Array(numbers.length);
  for (const number of numbers) {
    const digit = digitOf(number);
    out[ends[digit]!] = number;
    ends[digit]! += 1;
  }
  return out;
}
