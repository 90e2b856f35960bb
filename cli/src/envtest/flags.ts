import { TsukubeError } from "@tsukube/foundation";

/** A flag of the program that a command stands in for: what it takes, and what it is for. */
export interface Flag {
  /** Absent: a switch, on without a value. */
  readonly takes?: string;
  readonly help: string;
  /** What may be given: others are not offered. */
  readonly only?: readonly string[];
}

export type Flags = Readonly<Record<string, Flag>>;

/** What was given, each flag as often as it came. */
export type Given<Names extends string> = Readonly<Partial<Record<Names, readonly string[]>>>;

/**
 * Reads flags as Go's programs do: `--name=value`, `--name value`, one dash or two.
 * @param absent Flags that only upstream's program has.
 * @returns undefined for --help. @throws {TsukubeError} `usage` for what is no flag of the program, and for values that it has not.
 */
export function parseFlags<Names extends string>(
  program: string,
  flags: Readonly<Record<Names, Flag>>,
  args: readonly string[],
  absent: readonly string[] = [],
): Given<Names> | undefined {
  const given: Record<string, string[]> = {};
  const rest = [...args];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    const [, written = "", , value] = /^--?([^=-][^=]*)(=(.*))?$/s.exec(arg) ?? [];
    const name = written.replaceAll("_", "-");
    if (name === "help" || name === "h") return undefined;
    const flag = Object.hasOwn(flags, name) ? (flags as Flags)[name] : undefined;
    if (absent.includes(name))
      throw wrong(program, `--${name} is not offered yet`, "it left out: --help lists the flags that are here");
    if (flag === undefined) throw wrong(program, `unknown flag "${arg}"`, "one of those that --help lists");
    const taken = value ?? (flag.takes === undefined ? "true" : rest.shift());
    if (taken === undefined) throw wrong(program, `--${name} has no value`, `--${name}=${flag.takes}`);
    if (flag.only?.includes(taken) === false)
      throw wrong(program, `--${name} is "${taken}"`, `${flag.only.join(" or ")}: nothing else is offered yet`);
    given[name] = [...(given[name] ?? []), taken];
  }
  return given as unknown as Given<Names>;
}

/** One flag a line, as who looks for a flag in --help finds it. */
export function helpOf(program: string, description: string, flags: Flags): string {
  const heads = Object.entries(flags).map(([name, flag]) => [`--${name}`, flag.takes ?? "", helpText(flag)] as const);
  const width = Math.max(...heads.map(([name, takes]) => name.length + takes.length + 1));
  const lines = heads.map(([name, takes, help]) => `      ${`${name} ${takes}`.padEnd(width)}   ${help}`);
  return `${description}\n\nUsage:\n  ${program} [flags]\n\nFlags:\n${lines.join("\n")}\n`;
}

function helpText({ help, only }: Flag): string {
  return only === undefined ? help : `${help} Only ${only.join(" or ")}.`;
}

export function wrong(program: string, state: string, expected: string): TsukubeError {
  return new TsukubeError("usage", `Cannot start ${program}: ${state}, expected ${expected}`);
}
