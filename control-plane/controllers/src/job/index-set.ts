interface Interval {
  readonly first: number;
  readonly last: number;
}

/**
 * Completion indexes, kept as ordered, disjoint, not adjacent intervals: a Job may have 100000 of them. As text they are
 * what `status.completedIndexes` holds: "1,3-5,7,8".
 */
export class IndexSet {
  static readonly EMPTY = new IndexSet([]);
  readonly #intervals: readonly Interval[];

  private constructor(intervals: readonly Interval[]) {
    this.#intervals = intervals;
  }

  static of(indexes: Iterable<number>): IndexSet {
    return new IndexSet(normalized([...indexes].map((index) => ({ first: index, last: index }))));
  }

  /** Reads the text form. Parts that are not indexes below `limit` are left out: a status may be older than the spec. */
  static parse(text: string, limit: number): IndexSet {
    const intervals = text.split(",").flatMap((part): Interval[] => {
      const match = /^(\d{1,15})(?:-(\d{1,15}))?$/.exec(part.trim());
      if (match === null) return [];
      const first = Number(match[1]);
      const last = Math.min(Number(match[2] ?? match[1]), limit - 1);
      return first <= last ? [{ first, last }] : [];
    });
    return new IndexSet(normalized(intervals));
  }

  get size(): number {
    return this.#intervals.reduce((total, { first, last }) => total + last - first + 1, 0);
  }

  has(index: number): boolean {
    let [low, high] = [0, this.#intervals.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#intervals[middle]!.last < index) low = middle + 1;
      else high = middle;
    }
    return (this.#intervals[low]?.first ?? Number.POSITIVE_INFINITY) <= index;
  }

  with(other: IndexSet): IndexSet {
    return new IndexSet(normalized([...this.#intervals, ...other.#intervals]));
  }

  /** How many indexes both have. */
  overlap(other: IndexSet): number {
    let total = 0;
    for (let a = 0, b = 0; a < this.#intervals.length && b < other.#intervals.length; ) {
      const [one, two] = [this.#intervals[a]!, other.#intervals[b]!];
      total += Math.max(0, Math.min(one.last, two.last) - Math.max(one.first, two.first) + 1);
      if (one.last < two.last) a += 1;
      else b += 1;
    }
    return total;
  }

  /** The lowest `count` indexes below `limit` that are not in the set. */
  missing(count: number, limit: number): readonly number[] {
    const found: number[] = [];
    let next = 0;
    for (const { first, last } of [...this.#intervals, { first: limit, last: limit }]) {
      for (; next < Math.min(first, limit) && found.length < count; next += 1) found.push(next);
      next = Math.max(next, last + 1);
    }
    return found;
  }

  toString(): string {
    return this.#intervals.map(textOf).join(",");
  }
}

function textOf({ first, last }: Interval): string {
  if (first === last) return String(first);
  return last === first + 1 ? `${first},${last}` : `${first}-${last}`;
}

function normalized(intervals: readonly Interval[]): readonly Interval[] {
  const merged: Interval[] = [];
  for (const interval of [...intervals].sort((a, b) => a.first - b.first)) {
    const before = merged.at(-1);
    if (before === undefined || interval.first > before.last + 1) merged.push(interval);
    else merged[merged.length - 1] = { first: before.first, last: Math.max(before.last, interval.last) };
  }
  return merged;
}
