/** Each bucket ends at the end of the one before it times 2^(2^-SCHEMA), as upstream asks for (a factor of at most 1.1). */
const SCHEMA = 3;
const COARSEST_SCHEMA = -4;
/** Past so many buckets they are made twice as wide, as upstream has it. */
const MOST_BUCKETS = 160;
/** Values up to this count as zero. */
export const ZERO_THRESHOLD = 2 ** -128;

/** Consecutive buckets: how many keys after the end of the one before, and their counts. */
export interface BucketSpan {
  readonly offset: number;
  readonly counts: readonly number[];
}

/** Buckets of a native histogram: none where nothing was observed, the finer the less values are apart. */
export class NativeBuckets {
  readonly #positive = new Keyed();
  #negative: Keyed | undefined;
  /** 2^schema. */
  #scale = 2 ** SCHEMA;
  schema = SCHEMA;
  zeros = 0;

  observe(value: number): void {
    if (value > ZERO_THRESHOLD) this.#count(this.#positive, value);
    else if (value < -ZERO_THRESHOLD) this.#count((this.#negative ??= new Keyed()), -value);
    else if (!Number.isNaN(value)) this.zeros += 1;
  }

  get positive(): readonly BucketSpan[] {
    return this.#positive.spans();
  }

  get negative(): readonly BucketSpan[] {
    return this.#negative?.spans() ?? [];
  }

  #count(buckets: Keyed, size: number): void {
    const last = 1024 * this.#scale + 1; // of infinity
    const isNew = buckets.add(size === Infinity ? last : Math.ceil(Math.log2(size) * this.#scale), 1);
    if (isNew) while (this.#used > MOST_BUCKETS && this.schema > COARSEST_SCHEMA) this.#coarsen();
  }

  get #used(): number {
    return this.#positive.used + (this.#negative?.used ?? 0);
  }

  #coarsen(): void {
    this.schema -= 1;
    this.#scale /= 2;
    this.#positive.halve();
    this.#negative?.halve();
  }
}

/** Counts of the keys between the lowest and the highest that came. */
class Keyed {
  #first = 0;
  #counts: number[] = [];
  used = 0;

  /** @returns whether the key had none. */
  add(key: number, count: number): boolean {
    let at = key - this.#first;
    if (at < 0 || at >= this.#counts.length) at = this.#makeRoom(key);
    const before = this.#counts[at]!;
    this.#counts[at] = before + count;
    if (before > 0) return false;
    this.used += 1;
    return true;
  }

  halve(): void {
    const [first, counts] = [this.#first, this.#counts];
    this.#counts = [];
    this.used = 0;
    for (const [index, count] of counts.entries()) if (count > 0) this.add(Math.ceil((first + index) / 2), count);
  }

  spans(): readonly BucketSpan[] {
    const spans: { offset: number; counts: number[] }[] = [];
    let next = 0;
    this.#counts.forEach((count, index) => {
      if (count === 0) return;
      const key = this.#first + index;
      const last = spans.at(-1);
      // a short gap is written shorter as empty buckets
      if (last === undefined || key - next > 2) spans.push({ offset: key - next, counts: [count] });
      else last.counts.push(...new Array<number>(key - next).fill(0), count);
      next = key + 1;
    });
    return spans;
  }

  #makeRoom(key: number): number {
    if (this.#counts.length === 0) this.#first = key;
    const missing = this.#first - key;
    if (missing > 0) {
      this.#counts = [...new Array<number>(missing).fill(0), ...this.#counts];
      this.#first = key;
    } else while (this.#counts.length <= key - this.#first) this.#counts.push(0);
    return key - this.#first;
  }
}
