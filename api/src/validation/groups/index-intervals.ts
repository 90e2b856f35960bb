/** Indexes of pods as jobs write them: "1,3-5". Each holds what is wrong with it, or how many it has. */
export type Indexes = { readonly total: number } | { readonly problem: string };

type Interval = readonly [first: number, last: number] | string;

/** @param completions Indexes are below this. */
export function parseIndexes(text: string, completions: number): Indexes {
  if (text === "") return { total: 0 };
  let previous: number | undefined;
  let total = 0;
  for (const part of text.split(",")) {
    const interval = parseInterval(part, completions);
    if (typeof interval === "string") return { problem: interval };
    const [first, last] = interval;
    if (previous !== undefined && previous >= first)
      return { problem: `non-increasing order, previous: ${previous}, current: ${first}` };
    total += last - first + 1;
    previous = last;
  }
  return { total };
}

function parseInterval(text: string, completions: number): Interval {
  const ends = text.split("-");
  if (ends.length > 2) {
    const quoted = JSON.stringify(text);
    return `the fragment ${quoted} violates the requirement that an index interval can have at most two parts separated by '-'`;
  }
  const numbers: number[] = [];
  for (const end of ends) {
    if (!/^\+?\d+$/.test(end)) return `cannot convert string to integer for index: ${JSON.stringify(end)}`;
    if (Number(end) >= completions) return `too large index: ${JSON.stringify(end)}`;
    numbers.push(Number(end));
  }
  const [first = 0, last = first] = numbers;
  if (ends.length === 2 && first >= last) return `non-increasing order, previous: ${first}, current: ${last}`;
  return [first, last];
}

/** The first index that both lists have; broken intervals have none. */
export function commonIndex(one: string, other: string, completions: number): number | undefined {
  const intervals = (text: string): readonly (readonly [number, number])[] =>
    text === ""
      ? []
      : text.split(",").flatMap((part) => {
          const interval = parseInterval(part, completions);
          return typeof interval === "string" ? [] : [interval];
        });
  const others = intervals(other);
  for (const [first, last] of intervals(one)) {
    const meeting = others.find(([start, end]) => first <= end && start <= last);
    if (meeting !== undefined) return Math.max(first, meeting[0]);
  }
  return undefined;
}
