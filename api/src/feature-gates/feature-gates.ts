import { parseBoolean, TsukubeError } from "@tsukube/foundation";
import { factsTable } from "../facts.ts";

/** A gate as kube-apiserver v1.37 has it: a row of facts/features.tsv and of facts/feature-rules.tsv. */
export interface FeatureGate {
  readonly name: string;
  readonly stage: "ALPHA" | "BETA" | "GA" | "DEPRECATED";
  readonly isOnByDefault: boolean;
  /** Its default cannot be changed. */
  readonly isLocked: boolean;
  /** Gates that must be on where it is. */
  readonly requires: readonly string[];
}

/** Gates that stand for all of a stage that are not named themselves. */
const GLOBAL: Readonly<Record<string, FeatureGate["stage"]>> = { AllAlpha: "ALPHA", AllBeta: "BETA" };

let table: ReadonlyMap<string, FeatureGate> | undefined;

/** Every gate, in order of names. */
export function allFeatureGates(): readonly FeatureGate[] {
  return [...gates().values()];
}

function gates(): ReadonlyMap<string, FeatureGate> {
  if (table !== undefined) return table;
  const rules = new Map(factsTable("feature-rules.tsv").map((row) => [row["feature"], row]));
  const rows = factsTable("features.tsv").map((row): FeatureGate => {
    const name = row["feature"] ?? "";
    const { locked = "", requires = "" } = rules.get(name) ?? {};
    return {
      name,
      stage: row["stage"] as FeatureGate["stage"],
      isOnByDefault: row["default"] === "on",
      isLocked: locked === "yes",
      requires: requires === "" ? [] : requires.split(","),
    };
  });
  table = new Map(rows.map((gate) => [gate.name, gate]));
  return table;
}

/** Which feature gates are on. */
export class FeatureGates {
  /** What upstream has by default. */
  static readonly defaults = new FeatureGates(new Map(), new Map());

  /** Those that were set by their own names. */
  readonly named: Readonly<Record<string, boolean>>;
  readonly #set: ReadonlyMap<string, boolean>;

  private constructor(named: ReadonlyMap<string, boolean>, set: ReadonlyMap<string, boolean>) {
    this.named = Object.fromEntries(named);
    this.#set = set;
  }

  /**
   * @param config As kube-apiserver's --feature-gates: "EvictionRequestAPI=true,AllBeta=true"; "" is upstream's default. What is named
   * counts before AllAlpha and AllBeta; of what is named twice the last counts.
   * @throws {TsukubeError} `usage` for a name that no gate has, a value that is no boolean, a gate that is locked, or one without those
   * that it requires.
   */
  static parse(config: string): FeatureGates {
    if (config === "") return FeatureGates.defaults;
    const named = parseEntries(config);
    const set = new Map<string, boolean>();
    for (const [name, value] of named) expandInto(set, name, value);
    for (const [name, value] of named) set.set(name, value);
    const parsed = new FeatureGates(named, set);
    parsed.#expectRequired();
    return parsed;
  }

  /** @throws {Error} for a name that no gate has. */
  isOn(name: string): boolean {
    const value = this.#set.get(name) ?? gates().get(name)?.isOnByDefault;
    if (value === undefined) throw new Error(`Cannot tell whether feature gate "${name}" is on: there is none`);
    return value;
  }

  #expectRequired(): void {
    const problems = allFeatureGates().flatMap(({ name, requires }) => {
      const missing = this.isOn(name) ? requires.filter((one) => !this.isOn(one)) : [];
      return missing.length === 0
        ? []
        : [`${name} is enabled, but depends on features that are disabled: ${missing.join(", ")}`];
    });
    if (problems.length > 0) throw wrong(problems.join("; "), "those enabled, too");
  }
}

function parseEntries(config: string): ReadonlyMap<string, boolean> {
  const named = new Map<string, boolean>();
  for (const entry of config.split(",").filter((part) => part !== "")) {
    const equals = entry.indexOf("=");
    const name = (equals < 0 ? entry : entry.slice(0, equals)).trim();
    if (equals < 0) throw wrong(`missing bool value for ${name}`, `${name}=true or ${name}=false`);
    const text = entry.slice(equals + 1).trim();
    const value = parseBoolean(text);
    if (value === undefined) throw wrong(`invalid value of ${name}=${text}`, "true or false");
    expectSettable(name, value);
    named.set(name, value);
  }
  return named;
}

function expectSettable(name: string, value: boolean): void {
  const gate = gates().get(name);
  if (gate === undefined) throw wrong(`unrecognized feature gate: ${name}`, `one of kube-apiserver v1.37${like(name)}`);
  if (gate.isLocked && gate.isOnByDefault !== value)
    throw wrong(`cannot set feature gate ${name} to ${value}`, `it to be left locked to ${gate.isOnByDefault}`);
}

/** Who misses the case of a letter is told. */
function like(name: string): string {
  const near = allFeatureGates().find((gate) => gate.name.toLowerCase() === name.toLowerCase());
  return near === undefined ? "" : `, such as ${near.name}`;
}

function expandInto(set: Map<string, boolean>, name: string, value: boolean): void {
  const stage = GLOBAL[name];
  if (stage === undefined) return;
  for (const gate of allFeatureGates())
    if (gate.stage === stage && GLOBAL[gate.name] === undefined) set.set(gate.name, value);
}

function wrong(what: string, expected: string): TsukubeError {
  return new TsukubeError("usage", `Cannot use the feature gates: ${what}, expected ${expected}`);
}
