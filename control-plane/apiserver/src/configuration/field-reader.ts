import { decodeYamlUnstructured } from "@tsukube/api";

export type Fields = Readonly<Record<string, unknown>>;

/** Reads a configuration and goes on after a mistake, so that all are known at once. What it cannot read it takes for empty. */
export class FieldReader {
  readonly mistakes: string[] = [];

  /** Of YAML or JSON. */
  decoded(text: string): unknown {
    const { object, problems } = decodeYamlUnstructured<unknown>(Buffer.from(text));
    this.mistakes.push(...problems);
    return object ?? {};
  }

  isOf(path: string, raw: unknown, kind: string, versions: readonly string[]): boolean {
    const given = this.members(path, raw);
    if (given["kind"] === kind && versions.some((version) => version === given["apiVersion"])) return true;
    this.wrong(path, `kind ${given["kind"]} of ${given["apiVersion"]}`, `${kind} of ${versions.join(" or ")}`);
    return false;
  }

  /** Those that are not null, and none but these. */
  fields(path: string, raw: unknown, known: readonly string[]): Fields {
    const given = this.members(path, raw);
    for (const name of Object.keys(raw ?? {}))
      if (isObject(raw) && !known.includes(name))
        this.wrong(within(path, name), "unknown", `one of ${known.join(", ")}`);
    return Object.fromEntries(Object.entries(given).filter(([name]) => known.includes(name)));
  }

  /** Those that are not null. */
  members(path: string, raw: unknown): Fields {
    if (isObject(raw)) return Object.fromEntries(Object.entries(raw).filter(([, value]) => value !== null));
    if (raw !== undefined && raw !== null) this.wrong(path, shown(raw), "an object");
    return {};
  }

  /** @returns what `read` makes of each. */
  list<T>(path: string, raw: unknown, read: (path: string, element: unknown) => T): readonly T[] {
    if (Array.isArray(raw)) return raw.map((element, index) => read(`${path}[${index}]`, element));
    if (raw !== undefined) this.wrong(path, shown(raw), "a list");
    return [];
  }

  some(path: string, raw: unknown): readonly unknown[] {
    if (Array.isArray(raw) && raw.length > 0) return raw;
    this.wrong(path, raw === undefined || Array.isArray(raw) ? "empty" : shown(raw), "a list of one at least");
    return [];
  }

  text(path: string, raw: unknown): string {
    if (typeof raw === "string") return raw;
    this.wrong(path, shown(raw), "text");
    return "";
  }

  needed(path: string, raw: unknown): string {
    if (raw !== undefined && raw !== "") return this.text(path, raw);
    this.wrong(path, "missing", "one");
    return "";
  }

  /** Absent: 0. */
  whole(path: string, raw: unknown): number {
    if (raw === undefined) return 0;
    if (Number.isSafeInteger(Number(raw)) && typeof raw !== "string") return Number(raw);
    this.wrong(path, typeof raw === "number" ? String(raw) : shown(raw), "a whole number");
    return 0;
  }

  wrong(path: string, state: string, expected: string): void {
    this.mistakes.push(`${path === "" ? "" : `${path}: `}${state}, expected ${expected}`);
  }
}

/** "plugins[0]" and "path" make "plugins[0].path". */
export function within(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

function isObject(raw: unknown): raw is object {
  return typeof raw === "object" && raw !== null && !Array.isArray(raw);
}

function shown(raw: unknown): string {
  if (raw === null || raw === undefined) return "nothing";
  return Array.isArray(raw) ? "a list" : `a ${typeof raw}`;
}
