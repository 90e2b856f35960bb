import { hasFormat } from "../crd/formats.ts";
import { labelKeyProblems, labelValueProblems } from "../selectors/label-syntax.ts";
import { dns1035Label, dnsLabel, dnsSubdomain } from "../validation/names.ts";
import { CelError } from "./cel-error.ts";
import { noOverload } from "./operators.ts";
import { CelMap, CelObject, CelOpaque, CelOptional, CelUint, entryOf, keysOf, textOf } from "./values.ts";

type Problems = (text: string) => readonly string[];

class CelFormat extends CelOpaque {
  readonly typeName = "kubernetes.NamedFormat";
  readonly text: string;
  readonly problems: Problems;

  constructor(name: string, problems: Problems) {
    super();
    this.text = name;
    this.problems = problems;
  }
}

/** A prefix may end in a dash where the name may not. */
const prefix =
  (problems: Problems): Problems =>
  (text) =>
    problems(text.length > 1 && text.endsWith("-") ? `${text.slice(0, -2)}a` : text);
const strfmt =
  (format: string, message: string): Problems =>
  (text) =>
    hasFormat(text, format) ? [] : [message];

const FORMATS: Readonly<Record<string, Problems>> = {
  dns1123Label: dnsLabel,
  dns1123Subdomain: dnsSubdomain,
  dns1035Label,
  qualifiedName: labelKeyProblems,
  dns1123LabelPrefix: prefix(dnsLabel),
  dns1123SubdomainPrefix: prefix(dnsSubdomain),
  dns1035LabelPrefix: prefix(dns1035Label),
  labelValue: labelValueProblems,
  uri: (text) => (hasFormat(text, "uri") ? [] : [`parse ${JSON.stringify(text)}: invalid URI for request`]),
  uuid: strfmt("uuid", "does not match the UUID format"),
  byte: strfmt("byte", "invalid base64"),
  date: strfmt("date", "invalid date"),
  datetime: strfmt("date-time", "invalid datetime"),
};

/** Kubernetes' library of named formats: `format.dns1123Label().validate(x)` has what is wrong, if anything is. */
export const FORMAT_FUNCTIONS: Readonly<Record<string, (...args: readonly unknown[]) => unknown>> = {
  ...Object.fromEntries(
    Object.entries(FORMATS).map(([name, problems]) => [`format.${name}`, () => new CelFormat(name, problems)]),
  ),
  "format.named": (name) => {
    const problems = typeof name === "string" ? FORMATS[name] : undefined;
    return problems === undefined ? CelOptional.none : CelOptional.of(new CelFormat(String(name), problems));
  },
  "strings.quote": (value) => {
    if (typeof value !== "string") throw noOverload("strings.quote", value);
    return JSON.stringify(value);
  },
};

export const FORMAT_METHODS = {
  validate: (format: unknown, text: unknown) => {
    if (!(format instanceof CelFormat) || typeof text !== "string") throw noOverload("validate", format, text);
    const problems = format.problems(text);
    return problems.length === 0 ? CelOptional.none : CelOptional.of(problems);
  },
  format: (template: unknown, args: unknown) => {
    if (typeof template !== "string" || !Array.isArray(args)) throw noOverload("format", template, args);
    return formatted(template, args);
  },
};

/** The verbs of CEL's string.format. */
function formatted(template: string, args: readonly unknown[]): string {
  let next = 0;
  return template.replaceAll(/%(%|(?:\.(\d+))?([sdfeboxX]))|%/g, (whole, escaped, precision, verb) => {
    if (escaped === "%") return "%";
    if (verb === undefined) throw new CelError(`could not parse formatting clause: unrecognized formatting clause`);
    if (next >= args.length) throw new CelError(`index ${next} out of range`);
    const value = args[next];
    next += 1;
    return clause(String(verb), precision === undefined ? undefined : Number(precision), value, String(whole));
  });
}

function clause(verb: string, precision: number | undefined, value: unknown, whole: string): string {
  switch (verb) {
    case "s":
      return shown(value);
    case "d":
      return shown(integer(value, whole));
    case "f":
      return number(value, whole).toFixed(precision ?? 6);
    case "e":
      return number(value, whole)
        .toExponential(precision ?? 6)
        .replace(/e([+-])(\d)$/, "e$10$2");
    case "b":
      return typeof value === "boolean" ? String(Number(value)) : integer(value, whole).toString(2);
    case "o":
      return integer(value, whole).toString(8);
    default: {
      const hex =
        typeof value === "string" || value instanceof Uint8Array
          ? [...(typeof value === "string" ? new TextEncoder().encode(value) : value)]
              .map((byte) => byte.toString(16).padStart(2, "0"))
              .join("")
          : integer(value, whole).toString(16);
      return verb === "X" ? hex.toUpperCase() : hex;
    }
  }
}

function integer(value: unknown, whole: string): bigint {
  if (typeof value === "bigint") return value;
  if (value instanceof CelUint) return value.value;
  throw new CelError(`error during formatting: ${whole} takes integers only`);
}

function number(value: unknown, whole: string): number {
  if (typeof value === "number") return value;
  if (typeof value === "bigint" || value instanceof CelUint) return Number(integer(value, whole));
  throw new CelError(`error during formatting: ${whole} takes numbers only`);
}

function shown(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return `[${value.map(shown).join(", ")}]`;
  if (value instanceof CelMap || value instanceof CelObject) {
    const entries = keysOf(value).map((key) => [shown(key), shown(entryOf(value, key))] as const);
    return `{${entries
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, one]) => `${key}: ${one}`)
      .join(", ")}}`;
  }
  return textOf(value);
}
