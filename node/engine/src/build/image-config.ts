import { posix } from "node:path";
import type { ImageConfig, ImageHealthcheck } from "../images/image-document.ts";
import { type Instruction, invalid } from "./dockerfile/instruction.ts";
import { readInstruction } from "./dockerfile/scan.ts";
import { splitPairs, splitWords } from "./dockerfile/words.ts";
import { expand, type Scope } from "./scope.ts";

const DEFAULT_SHELL = ["/bin/sh", "-c"];
/** Of an image from scratch. */
export const DEFAULT_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export interface Configured {
  readonly config: ImageConfig;
  /** CMD was set in this stage: an ENTRYPOINT leaves it. */
  readonly ownCmd: boolean;
}

/** Pure: the configuration after an instruction that changes nothing else. @throws {TsukubeError} `invalid`. */
export function configure({ config, ownCmd }: Configured, instruction: Instruction, scope: Scope): Configured {
  const next = (changes: Partial<ImageConfig>): Configured => ({ config: { ...config, ...changes }, ownCmd });
  const word = (text: string): string => expand(scope, instruction, text);
  const { args } = instruction;
  switch (instruction.keyword) {
    case "CMD":
      return { config: { ...config, Cmd: commandOf(config, instruction) }, ownCmd: true };
    case "ENTRYPOINT": {
      const { Cmd, ...others } = config;
      const Entrypoint = commandOf(config, instruction);
      return { config: { ...others, ...(ownCmd && Cmd != null ? { Cmd } : {}), Entrypoint }, ownCmd };
    }
    case "ENV":
      return next({ Env: withEnv(config.Env ?? [], pairsOf(instruction, scope)) });
    case "EXPOSE":
      return next({
        ExposedPorts: { ...config.ExposedPorts, ...portsOf(instruction, splitWords(args, scope.escapeChar).map(word)) },
      });
    case "HEALTHCHECK":
      return next({ Healthcheck: healthcheckOf(instruction) });
    case "LABEL":
      return next({ Labels: { ...config.Labels, ...Object.fromEntries(pairsOf(instruction, scope)) } });
    case "ONBUILD":
      return next({ OnBuild: [...(config.OnBuild ?? []), triggerOf(instruction, scope)] });
    case "SHELL":
      if (instruction.json === undefined)
        throw invalid(instruction.at, 'SHELL is not a JSON array, expected SHELL ["program", "argument"]');
      return next({ Shell: instruction.json });
    case "STOPSIGNAL":
      return next({ StopSignal: word(args) });
    case "USER":
      return next({ User: word(args) });
    case "VOLUME": {
      const volumes = (instruction.json ?? splitWords(args, scope.escapeChar)).map(word);
      return next({ Volumes: { ...config.Volumes, ...Object.fromEntries(volumes.map((path) => [path, {}])) } });
    }
    case "WORKDIR":
      return next({ WorkingDir: posix.resolve("/", config.WorkingDir ?? "", word(args)) });
    default:
      throw invalid(instruction.at, `${instruction.keyword} is not understood here`);
  }
}

/** The words that run: of a JSON array as they are, else of the shell. */
export function commandOf(config: ImageConfig, { args, json }: Instruction): readonly string[] {
  return json ?? (args === "" ? [] : [...shellOf(config), args]);
}

export function shellOf({ Shell }: ImageConfig): readonly string[] {
  return Shell ?? DEFAULT_SHELL;
}

function pairsOf(instruction: Instruction, scope: Scope): readonly (readonly [string, string])[] {
  const pairs = splitPairs(instruction.args, scope.escapeChar);
  if (pairs === undefined)
    throw invalid(instruction.at, `${instruction.text} lacks a value, expected ${instruction.keyword} NAME=VALUE`);
  return pairs.map(([name, value]) => [expand(scope, instruction, name), expand(scope, instruction, value)]);
}

function withEnv(env: readonly string[], pairs: readonly (readonly [string, string])[]): readonly string[] {
  const all = new Map(env.map((entry) => [entry.split("=", 1)[0] as string, entry]));
  for (const [name, value] of pairs) all.set(name, `${name}=${value}`);
  return [...all.values()];
}

function portsOf({ at }: Instruction, ports: readonly string[]): Readonly<Record<string, object>> {
  const out: Record<string, object> = {};
  for (const port of ports) {
    const [, first = "", last = first, protocol = "tcp"] = /^(\d+)(?:-(\d+))?(?:\/(tcp|udp|sctp))?$/i.exec(port) ?? [];
    const from = Number(first);
    const to = Number(last);
    if (first === "" || to > 65_535 || from > to)
      throw invalid(at, `"${port}" is no port, expected a number up to 65535, as in 8080 or 53/udp`);
    for (let number = from; number <= to; number++) out[`${number}/${protocol.toLowerCase()}`] = {};
  }
  return out;
}

function triggerOf(instruction: Instruction, scope: Scope): string {
  const trigger = readInstruction(instruction.args, instruction.at, scope.escapeChar);
  if (["FROM", "MAINTAINER", "ONBUILD"].includes(trigger.keyword))
    throw invalid(instruction.at, `ONBUILD cannot keep ${trigger.keyword}, expected another instruction`);
  return instruction.args;
}

const DURATIONS: Readonly<Record<string, "Interval" | "Timeout" | "StartPeriod" | "StartInterval">> = {
  interval: "Interval",
  timeout: "Timeout",
  "start-period": "StartPeriod",
  "start-interval": "StartInterval",
};

function healthcheckOf(instruction: Instruction): ImageHealthcheck {
  const { args, flags, at } = instruction;
  const [kind = "", command = ""] = [args.split(/\s+/, 1)[0]?.toUpperCase(), args.replace(/^\S+\s*/, "")];
  if (kind === "NONE") return { Test: ["NONE"] };
  if (kind !== "CMD" || command === "")
    throw invalid(at, `HEALTHCHECK ${args} is not understood, expected HEALTHCHECK CMD command or NONE`);
  const inner = readInstruction(`CMD ${command}`, at, "\\");
  const Test = inner.json === undefined ? ["CMD-SHELL", command] : ["CMD", ...inner.json];
  const options = flags.map(({ name, value = "" }) => {
    if (name === "retries" && /^\d+$/.test(value)) return ["Retries", Number(value)];
    const member = DURATIONS[name];
    const nanoseconds = durationOf(value);
    if (member === undefined || nanoseconds === undefined)
      throw invalid(at, `--${name}=${value} is not understood, expected as in --interval=30s or --retries=3`);
    return [member, nanoseconds];
  });
  return { Test, ...Object.fromEntries(options) };
}

const UNITS: Readonly<Record<string, number>> = { h: 3.6e12, m: 6e10, s: 1e9, ms: 1e6, us: 1e3, µs: 1e3, ns: 1 };

/** Go's form, "1m30s", in nanoseconds. */
function durationOf(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(h|ms|m|s|us|µs|ns))+$/.test(text)) return undefined;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)/g)];
  return parts.reduce((sum, [, number, unit = ""]) => sum + Number(number) * (UNITS[unit] ?? 0), 0);
}
