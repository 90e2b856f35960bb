import { DECLARED } from "./declared.ts";

/** Reads a file of the facts folder, such as "kinds.json", as text. */
export type FactsReader = (name: string) => string;

/** A field as facts/README.md describes it. */
export interface FactField {
  readonly name: string;
  readonly type: string;
  readonly inline?: 1;
  readonly alias?: string;
  readonly pb?: number;
  readonly wire?: "varint" | "fixed64" | "bytes";
  readonly ptr?: 1;
  readonly req?: 1;
  readonly omit?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly listType?: "atomic" | "set" | "map";
  readonly listMapKeys?: readonly string[];
  readonly mapType?: "atomic" | "granular";
  readonly patchStrategy?: string;
  readonly patchMergeKey?: string;
}

/** A type as facts/README.md describes it. */
export interface FactType {
  readonly fields?: readonly FactField[];
  /** Instead of `fields`: a list that is a message of its own in protobuf. */
  readonly items?: { readonly type: string; readonly pb: number; readonly wire: "bytes" };
  readonly mapType?: "atomic" | "granular";
  readonly unions?: readonly unknown[];
  readonly proto?: 0;
  readonly openapi?: 0;
  readonly json?: "custom";
}

let reader: FactsReader = readBesideThisModule;
const texts = new Map<string, string>();
let typeLines: ReadonlyMap<string, string> | undefined;
const types = new Map<string, FactType>();

/** Replaces how facts are found, as a bundle or a browser must, before anything is read. */
export function setFactsReader(read: FactsReader): void {
  reader = read;
  texts.clear();
  types.clear();
  typeLines = undefined;
}

/** The text of a facts file; read once. */
export function factsText(name: string): string {
  let text = texts.get(name);
  if (text === undefined) {
    text = reader(name);
    texts.set(name, text);
  }
  return text;
}

/** The rows of a tab-separated facts file as objects keyed by its header line. */
export function factsTable(name: string): readonly Readonly<Record<string, string>>[] {
  const [header = "", ...lines] = factsText(name).trimEnd().split("\n");
  const columns = header.split("\t");
  return lines.map((line) => {
    const cells = line.split("\t");
    return Object.fromEntries(columns.map((column, index) => [column, cells[index] ?? ""]));
  });
}

/** The description of a type such as "core/v1.PodSpec"; parsed on first use. undefined when there is none. */
export function factsType(name: string): FactType | undefined {
  const known = types.get(name);
  if (known !== undefined) return known;
  typeLines ??= indexTypes(factsText("kinds.json"));
  const line = typeLines.get(name);
  const type = line === undefined ? DECLARED.types[name] : (JSON.parse(line) as FactType);
  if (type !== undefined) types.set(name, type);
  return type;
}

/** The names of all types, sorted; those that resources declare come last. */
export function factsTypeNames(): readonly string[] {
  typeLines ??= indexTypes(factsText("kinds.json"));
  return [...typeLines.keys(), ...Object.keys(DECLARED.types)];
}

/** One type a line: `"name":{...},`. Slicing is all that a start pays for kinds that nobody uses. */
function indexTypes(text: string): ReadonlyMap<string, string> {
  const index = new Map<string, string>();
  for (const line of text.split("\n")) {
    const end = line.indexOf('":{', 1);
    if (!line.startsWith('"') || end < 0) continue;
    index.set(line.slice(1, end), line.endsWith(",") ? line.slice(end + 2, -1) : line.slice(end + 2));
  }
  return index;
}

/**
 * In the sources facts stand beside `src/`, in a bundle beside the entry or one above its chunks. Node only; its modules are
 * looked up at run time so that a bundle for browsers stays free of them.
 */
function readBesideThisModule(name: string): string {
  const fs = globalThis.process?.getBuiltinModule?.("node:fs");
  if (fs === undefined)
    throw new Error(`Cannot read facts "${name}": no reader outside Node, expected setFactsReader()`);
  const places = ["../facts/", "./facts/"].map((folder) => new URL(folder + name, import.meta.url));
  const found = places.find((place) => fs.existsSync(place));
  if (found === undefined)
    throw new Error(`Cannot read facts "${name}": not found, expected one of ${places.join(", ")}`);
  return fs.readFileSync(found, "utf8");
}
