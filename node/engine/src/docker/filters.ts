import { TsukubeError } from "@tsukube/foundation";

/** The `filters` of a request: several values of one name are alternatives, names must all fit. */
export class Filters {
  readonly #values: ReadonlyMap<string, readonly string[]>;

  /** Both forms of clients: {"label":["a"]} and {"label":{"a":true}}. @throws {TsukubeError} `invalid`. */
  constructor(query: URLSearchParams, known?: readonly string[]) {
    this.#values = parse(query.get("filters"));
    for (const name of this.#values.keys())
      if (known !== undefined && !known.includes(name)) throw new TsukubeError("invalid", `invalid filter '${name}'`);
  }

  of(name: string): readonly string[] | undefined {
    const values = this.#values.get(name);
    return values === undefined || values.length === 0 ? undefined : values;
  }

  /** Whether nothing was asked for, or one of the values fits. */
  fits(name: string, isFitting: (value: string) => boolean): boolean {
    return this.of(name)?.some(isFitting) ?? true;
  }

  /** "true", "1" and the like. @throws {TsukubeError} `invalid`. */
  flag(name: string): boolean | undefined {
    const values = this.of(name);
    if (values === undefined) return undefined;
    const isTrue = values.some((value) => ["1", "t", "true", "True", "TRUE"].includes(value));
    if (isTrue || values.some((value) => ["0", "f", "false", "False", "FALSE"].includes(value))) return isTrue;
    throw new TsukubeError("invalid", `invalid filter '${name}=[${values.join(" ")}]'`);
  }

  /** `label` (every one must fit: "a" or "a=b"), and `label!` (none may). */
  fitsLabels(labels: Readonly<Record<string, string>> | null | undefined): boolean {
    const fits = (wanted: string): boolean => {
      const [name = "", ...rest] = wanted.split("=");
      const value = labels?.[name];
      return value !== undefined && (rest.length === 0 || value === rest.join("="));
    };
    return (this.of("label") ?? []).every(fits) && !(this.of("label!") ?? []).some(fits);
  }
}

function parse(text: string | null): ReadonlyMap<string, readonly string[]> {
  if (text === null || text === "") return new Map();
  try {
    const parsed = JSON.parse(text) as Readonly<Record<string, readonly string[] | Readonly<Record<string, boolean>>>>;
    return new Map(
      Object.entries(parsed).map(([name, value]) => [name, Array.isArray(value) ? value : Object.keys(value)]),
    );
  } catch {
    throw new TsukubeError("invalid", `Cannot read the filters ${text}: expected a JSON object`);
  }
}

/** What `name` filters of containers, volumes and networks accept: a part, or a regular expression. */
export function matchesText(text: string, wanted: string): boolean {
  try {
    return text.includes(wanted) || new RegExp(wanted).test(text);
  } catch {
    return false;
  }
}
