import { flagOf, type Instruction, invalid } from "./instruction.ts";
import { scanDockerfile } from "./scan.ts";

/** A Dockerfile: what FROM lines may use, and the stages. */
export interface Dockerfile {
  readonly file: string;
  readonly escapeChar: string;
  /** ARGs before the first FROM. */
  readonly globals: readonly Instruction[];
  /** At least one. */
  readonly stages: readonly Stage[];
}

export interface Stage {
  readonly index: number;
  /** Lower case. */
  readonly name?: string;
  /** What FROM names, with variables. */
  readonly base: string;
  readonly platform?: string;
  readonly from: Instruction;
  /** After FROM. */
  readonly instructions: readonly Instruction[];
}

/** @throws {TsukubeError} `invalid` with file, line and column. */
export function parseDockerfile(text: string, file: string): Dockerfile {
  const { escapeChar, instructions } = scanDockerfile(text, file);
  const globals: Instruction[] = [];
  const stages: { -readonly [Key in keyof Stage]: Stage[Key] }[] = [];
  for (const instruction of instructions) {
    const last = stages.at(-1);
    if (instruction.keyword === "FROM") stages.push(openStage(instruction, stages));
    else if (last !== undefined) last.instructions = [...last.instructions, instruction];
    else if (instruction.keyword === "ARG") globals.push(instruction);
    else throw invalid(instruction.at, `${instruction.keyword} stands before the first FROM, expected only ARG there`);
  }
  if (stages.length === 0) throw invalid({ file, line: 1, column: 1 }, "it has no FROM, expected at least one");
  return { file, escapeChar, globals, stages };
}

/** The stage that `reference` names: by name, or by number. Only stages before `limit` count. */
export function stageNamed(stages: readonly Stage[], reference: string, limit = stages.length): Stage | undefined {
  const name = reference.toLowerCase();
  const before = stages.slice(0, limit);
  return before.findLast((stage) => stage.name === name) ?? (/^\d+$/.test(name) ? before[Number(name)] : undefined);
}

function openStage(from: Instruction, before: readonly Stage[]): Stage {
  const words = from.args.trim().split(/\s+/);
  const [base = "", as, name] = words;
  if (words.length !== 1 && !(words.length === 3 && as?.toUpperCase() === "AS"))
    throw invalid(from.at, `FROM ${from.args} is not understood, expected FROM IMAGE or FROM IMAGE AS NAME`);
  const stage = name?.toLowerCase();
  if (stage !== undefined && !/^[a-z][a-z0-9_.-]*$/.test(stage))
    throw invalid(from.at, `"${name}" cannot name a stage, expected letters, digits, "-", "_" and "." after a letter`);
  if (stage !== undefined && before.some((other) => other.name === stage))
    throw invalid(from.at, `a stage before has the name "${name}", expected another`);
  const platform = flagOf(from, "platform");
  return {
    index: before.length,
    ...(stage === undefined ? {} : { name: stage }),
    base,
    ...(platform === undefined ? {} : { platform }),
    from,
    instructions: [],
  };
}
