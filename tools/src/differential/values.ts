/** Takes a difference: where it is, and what either side has there. */
export type Report = (part: string, a: unknown, b: unknown) => void;

/** Reports where two JSON values differ, as deep inside as can be said. Lists of different lengths differ as a whole. */
export function compareValues(path: string, a: unknown, b: unknown, report: Report): void {
  if (Object.is(a, b)) return;
  // an entry more shifts all others: show the whole
  if ((path.endsWith(".managedFields") && Array.isArray(a)) || isAnotherLength(a, b)) {
    if (sortedText(a) !== sortedText(b)) report(path, a, b);
    return;
  }
  if (!isContainer(a) || !isContainer(b) || Array.isArray(a) !== Array.isArray(b)) {
    report(path === "" ? "body" : path, a, b);
    return;
  }
  const [left, right] = [a as Readonly<Record<string, unknown>>, b as Readonly<Record<string, unknown>>];
  for (const key of new Set([...Object.keys(left), ...Object.keys(right)]))
    compareValues(`${path}.${key}`, left[key], right[key], report);
}

function isAnotherLength(a: unknown, b: unknown): boolean {
  return Array.isArray(a) && Array.isArray(b) && a.length !== b.length;
}

/** A value whose lists of owners are in one order. */
export function withOwnersInOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withOwnersInOrder);
  if (!isContainer(value)) return value;
  const members = Object.entries(value).map(([name, member]) => [
    name,
    name === "managedFields" && Array.isArray(member)
      ? member.toSorted((x, y) => (sortedText(x) < sortedText(y) ? -1 : 1))
      : withOwnersInOrder(member),
  ]);
  return Object.fromEntries(members);
}

/** Members in one order: raw values have none that means anything. */
function sortedText(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    isContainer(member) && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([x], [y]) => (x < y ? -1 : 1)))
      : member,
  );
}

function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** One JSON value, or a list of those that stand one a line, as in a watch; undefined: neither. */
export function valueOrLines(text: string): unknown {
  try {
    const value = JSON.parse(text) as unknown;
    return isWatchEvent(value) ? [value] : value;
  } catch {
    return valuesOfLines(text);
  }
}

function isWatchEvent(value: unknown): boolean {
  return isContainer(value) && "type" in value && "object" in value && Object.keys(value).length === 2;
}

function valuesOfLines(text: string): unknown {
  try {
    return text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown);
  } catch {
    return undefined;
  }
}

/** A side of a difference as text. */
export function shown(value: unknown): string {
  return value === undefined ? "(absent)" : typeof value === "string" ? value : JSON.stringify(value);
}
