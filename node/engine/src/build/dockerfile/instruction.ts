import { TsukubeError } from "@tsukube/foundation";

/** Where something stands in a Dockerfile; both from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface Flag {
  readonly name: string;
  /** Absent in "--link". */
  readonly value?: string;
}

/** Lines that follow an instruction: `<<EOF`. */
export interface Heredoc {
  readonly name: string;
  readonly content: string;
  /** Whether variables in it are replaced: its name was not quoted. */
  readonly expand: boolean;
}

/** One instruction, with continued lines joined and comments taken out. */
export interface Instruction {
  /** In capitals. */
  readonly keyword: string;
  readonly flags: readonly Flag[];
  /** What follows the flags. */
  readonly args: string;
  /** `args` where they are a JSON array of strings. */
  readonly json?: readonly string[];
  readonly heredocs: readonly Heredoc[];
  readonly at: Position;
  /** The instruction as people recognize it. */
  readonly text: string;
}

export function flagOf(instruction: Instruction, name: string): string | undefined {
  return instruction.flags.find((flag) => flag.name === name)?.value;
}

/** "--link" and "--link=true". */
export function isSet(instruction: Instruction, name: string): boolean {
  const flag = instruction.flags.find((other) => other.name === name);
  return flag !== undefined && flag.value !== "false";
}

/** An error that says where it is. */
export function invalid({ file, line, column }: Position, problem: string): TsukubeError {
  return new TsukubeError("invalid", `${file}:${line}:${column}: ${problem}`);
}
