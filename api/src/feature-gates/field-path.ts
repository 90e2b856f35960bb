type Tree = Readonly<Record<string, unknown>>;

interface Step {
  readonly names: readonly string[];
  readonly into: "member" | "list" | "map";
  /** It goes when nothing is left in it. */
  readonly isPruned: boolean;
}

/** Where fields of an object stand. */
export interface FieldPath {
  readonly steps: readonly Step[];
  /** A value that does not count as use. */
  readonly except: string | undefined;
}

/**
 * Reads "spec.(containers|initContainers)[].lifecycle?.stopSignal": members by name or several names, "[]" for each element of a list,
 * "{}" for each value of a map, "?" after a member that goes as well when it is left empty. "…restartPolicy!Always" leaves that value.
 */
export function fieldPath(text: string): FieldPath {
  const [path = "", except] = text.split("!");
  return { steps: path.split(".").map(parseStep), except };
}

function parseStep(text: string): Step {
  const [, names = "", suffix = ""] = /^\(?([\w|]+)\)?(\[\]|\{\}|\?)?$/.exec(text) ?? [];
  const into = suffix === "[]" ? "list" : suffix === "{}" ? "map" : "member";
  return { names: names.split("|"), into, isPruned: suffix === "?" };
}

/** Whether any of the fields has a value; false and 0 are values, an empty list is none. */
export function usesField(object: unknown, { steps, except }: FieldPath): boolean {
  return uses(object, steps, 0, except);
}

function uses(value: unknown, steps: readonly Step[], at: number, except: string | undefined): boolean {
  const step = steps[at];
  if (step === undefined) return value !== except && value !== "" && !(Array.isArray(value) && value.length === 0);
  for (const name of step.names) {
    const member = (value as Tree)[name];
    if (member === undefined || member === null) continue;
    for (const one of within(member, step)) if (uses(one, steps, at + 1, except)) return true;
  }
  return false;
}

function within(member: unknown, { into }: Step): readonly unknown[] {
  switch (into) {
    case "list":
      return (member as readonly unknown[] | null) ?? [];
    case "map":
      return Object.values(member as object);
    case "member":
      return [member];
  }
}

/** The object without the fields; the same where it has none of them. */
export function withoutField<T>(object: T, { steps, except }: FieldPath): T {
  return without(object, steps, 0, except) as T;
}

function without(value: unknown, steps: readonly Step[], at: number, except: string | undefined): unknown {
  const step = steps[at]!;
  let next = value as Tree;
  for (const name of step.names) {
    const member = next[name];
    if (member === undefined || member === null || (at === steps.length - 1 && member === except)) continue;
    const { [name]: _gone, ...rest } = next;
    if (at === steps.length - 1) {
      next = rest;
      continue;
    }
    const changed = mapped(member, step, (one) => without(one, steps, at + 1, except));
    if (changed === member) continue;
    next = step.isPruned && Object.keys(changed as object).length === 0 ? rest : { ...next, [name]: changed };
  }
  return next;
}

/** The same where nothing changes. */
function mapped(member: unknown, { into }: Step, change: (one: unknown) => unknown): unknown {
  if (into === "member") return change(member);
  if (into === "map") {
    const entries = Object.entries(member as Tree);
    const changed = entries.map(([key, one]): [string, unknown] => [key, change(one)]);
    return changed.every(([, one], index) => one === entries[index]?.[1]) ? member : Object.fromEntries(changed);
  }
  const list = member as readonly unknown[];
  const changed = list.map(change);
  return changed.every((one, index) => one === list[index]) ? member : changed;
}
