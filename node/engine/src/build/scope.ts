import { OWN_PLATFORM, type Platform } from "../images/platform.ts";
import { expandText, expandWord } from "./dockerfile/expand.ts";
import { type Instruction, invalid } from "./dockerfile/instruction.ts";
import { splitWords } from "./dockerfile/words.ts";

/** ARGs that need no declaration, and that say nothing about the result (Dockerfile reference, "Predefined ARGs"). */
const PREDEFINED = ["http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"].flatMap((name) => [
  name,
  name.toUpperCase(),
]);

/** The variables of one stage at one place: its ENV, and the ARGs declared so far. */
export interface Scope {
  readonly escapeChar: string;
  readonly env: readonly string[];
  readonly args: ReadonlyMap<string, string>;
  /** What declared ARGs get: of the request, and before the first FROM. */
  readonly given: Given;
}

interface Given {
  /** `--build-arg`. */
  readonly buildArgs: ReadonlyMap<string, string>;
  /** ARGs before the first FROM, with their values, and those of the platform. */
  readonly globals: ReadonlyMap<string, string>;
}

/** TARGETPLATFORM and its like (Dockerfile reference, "Automatic platform ARGs"). */
export function platformArgs(target: Platform, stage: string): ReadonlyMap<string, string> {
  const named = (prefix: string, { os = "linux", architecture = "", variant }: Platform): [string, string][] => [
    [`${prefix}PLATFORM`, [os, architecture, variant].filter((part) => (part ?? "") !== "").join("/")],
    [`${prefix}OS`, os],
    [`${prefix}ARCH`, architecture],
    [`${prefix}VARIANT`, variant ?? ""],
  ];
  return new Map([...named("TARGET", target), ...named("BUILD", OWN_PLATFORM), ["TARGETSTAGE", stage]]);
}

/** ENV wins over ARG. */
function lookup({ env, args }: Scope, name: string): string | undefined {
  const entry = env.find((other) => other.startsWith(`${name}=`));
  return entry === undefined ? args.get(name) : entry.slice(name.length + 1);
}

export function expand(scope: Scope, instruction: Instruction, word: string): string {
  return located(instruction, () => expandWord(word, (name) => lookup(scope, name), scope.escapeChar));
}

export function expandHeredoc(scope: Scope, instruction: Instruction, content: string): string {
  return located(instruction, () => expandText(content, (name) => lookup(scope, name), scope.escapeChar));
}

function located(instruction: Instruction, work: () => string): string {
  try {
    return work();
  } catch (error) {
    throw invalid(instruction.at, `${instruction.keyword}: ${(error as Error).message}`);
  }
}

/** The scope after an ARG: the given value, that before the first FROM, or its default. */
export function withArgs(scope: Scope, instruction: Instruction): Scope {
  const args = new Map(scope.args);
  for (const word of splitWords(instruction.args, scope.escapeChar)) {
    const equals = word.indexOf("=");
    const name = expand(scope, instruction, equals < 0 ? word : word.slice(0, equals));
    if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name))
      throw invalid(instruction.at, `"${name}" cannot name a variable, expected letters, digits and "_"`);
    const fallback =
      equals < 0 ? scope.given.globals.get(name) : expand({ ...scope, args }, instruction, word.slice(equals + 1));
    const value = scope.given.buildArgs.get(name) ?? fallback;
    if (value !== undefined) args.set(name, value);
    else args.delete(name);
  }
  return { ...scope, args };
}

/** What a command sees beside the image's ENV. `counted` says whether it belongs to the result. */
export function commandArgs(
  scope: Scope,
): readonly { readonly name: string; readonly value: string; readonly counted: boolean }[] {
  const own = new Set(scope.env.map((entry) => entry.split("=", 1)[0]));
  const declared = [...scope.args].filter(([name]) => !own.has(name));
  const silent = PREDEFINED.filter((name) => scope.given.buildArgs.has(name) && !scope.args.has(name));
  return [
    ...declared.map(([name, value]) => ({ name, value, counted: !PREDEFINED.includes(name) })),
    ...silent.map((name) => ({ name, value: scope.given.buildArgs.get(name) ?? "", counted: false })),
  ];
}
