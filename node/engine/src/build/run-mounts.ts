import { posix } from "node:path";
import { type Instruction, invalid } from "./dockerfile/instruction.ts";
import { expand, type Scope } from "./scope.ts";

/** Who uses a cache at the same time: all, each a folder of its own, or one after the other. */
type CacheSharing = "shared" | "private" | "locked";

const SHARING: readonly CacheSharing[] = ["shared", "private", "locked"];

/** Options by type, besides `type` and the names of the target. */
const OPTIONS: Readonly<Record<string, readonly string[]>> = {
  bind: ["from", "source", "src", "rw", "readwrite", "ro", "readonly"],
  cache: ["id", "from", "source", "src", "ro", "readonly", "rw", "readwrite", "sharing", "mode", "uid", "gid"],
  tmpfs: ["size"],
  secret: ["id", "source", "src", "required", "mode", "uid", "gid", "env"],
  ssh: ["id", "required", "mode", "uid", "gid"],
};
const TARGETS = ["target", "dst", "destination"];

/** A `RUN --mount`. */
export type RunMount =
  | {
      readonly type: "bind";
      readonly target: string;
      readonly from?: string;
      readonly source: string;
      readonly writable: boolean;
    }
  | {
      readonly type: "cache";
      readonly target: string;
      readonly id: string;
      readonly sharing: CacheSharing;
      /** What it begins with; it begins empty without. */
      readonly beginning?: { readonly from: string; readonly source: string };
      readonly readonly: boolean;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    }
  | { readonly type: "tmpfs"; readonly target: string; readonly sizeBytes?: number }
  | LentMount;

interface Lent {
  readonly id: string;
  /** Whether the command cannot run without it. */
  readonly required: boolean;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

interface SecretMount extends Lent {
  readonly type: "secret";
  /** Absent for one that is a variable alone. */
  readonly target?: string;
  /** The variable that has the secret. */
  readonly env?: string;
}

interface AgentMount extends Lent {
  readonly type: "ssh";
  readonly target: string;
}

/** A secret or an ssh agent that the client of the build lends. */
export type LentMount = SecretMount | AgentMount;

/** The mounts of a RUN (Dockerfile reference, "RUN --mount"). @throws {TsukubeError} `invalid`. */
export function mountsOf(instruction: Instruction, scope: Scope, workingDir: string): readonly RunMount[] {
  return instruction.flags
    .filter(({ name }) => name === "mount")
    .map(({ value = "" }) => mountOf(instruction, optionsOf(expand(scope, instruction, value)), workingDir));
}

function mountOf({ at }: Instruction, options: ReadonlyMap<string, string>, workingDir: string): RunMount {
  const type = options.get("type") ?? "bind";
  refuseUnknown(at, type, options);
  const option = (...names: readonly string[]): string | undefined =>
    names.map((name) => options.get(name)).find((value) => value !== undefined);
  const flag = (...names: readonly string[]): boolean => {
    const value = option(...names);
    return value !== undefined && value !== "false";
  };
  const place = option(...TARGETS);
  const id = option("id");
  const owner = { uid: Number(option("uid") ?? 0), gid: Number(option("gid") ?? 0) };
  const modeOr = (usual: string): number => Number.parseInt(option("mode") ?? usual, 8);
  const lent = { ...owner, required: flag("required") };
  const absolute = place === undefined ? undefined : posix.resolve(workingDir || "/", place);
  if (type === "ssh") {
    const name = id ?? "default";
    return { ...lent, type, id: name, mode: modeOr("600"), target: absolute ?? `/run/ssh-agents/${name}` };
  }
  if (type === "secret") {
    const source = option("source", "src");
    if (id !== undefined && source !== undefined)
      throw invalid(at, `RUN --mount=type=secret has id=${id} and source=${source}, expected one of them`);
    const name = id ?? source ?? posix.basename(place ?? "");
    const env = option("env");
    if (name === "") throw invalid(at, "RUN --mount=type=secret lacks its id, expected id=NAME");
    const secret = { ...lent, type, id: name, mode: modeOr("400") } as const;
    if (env === undefined) return { ...secret, target: absolute ?? `/run/secrets/${posix.basename(name)}` };
    return { ...secret, env, ...(absolute === undefined ? {} : { target: absolute }) };
  }
  if (place === undefined) throw invalid(at, `RUN --mount=type=${type} lacks its target, expected target=/path`);
  const target = posix.resolve(workingDir || "/", place);
  switch (type) {
    case "bind": {
      const from = option("from");
      const source = option("source", "src") ?? "/";
      return { type, target, ...(from === undefined ? {} : { from }), source, writable: flag("rw", "readwrite") };
    }
    case "cache": {
      const sharing = SHARING.find((each) => each === (option("sharing") ?? "shared"));
      if (sharing === undefined)
        throw invalid(
          at,
          `RUN --mount=type=cache,sharing=${option("sharing")} is not understood, expected ${SHARING.join(", ")}`,
        );
      const about = { id: id ?? target, sharing, readonly: flag("ro", "readonly"), mode: modeOr("755") };
      const [from, source] = [option("from"), option("source", "src")];
      if (from === undefined && source !== undefined)
        throw invalid(at, `RUN --mount=type=cache,source=${source} lacks where that is, expected from=STAGE or IMAGE`);
      const beginning = from === undefined ? {} : { beginning: { from, source: source ?? "/" } };
      return { type, target, ...about, ...beginning, ...owner };
    }
    case "tmpfs": {
      const size = option("size");
      return { type, target, ...(size === undefined ? {} : { sizeBytes: bytesOf(size) }) };
    }
    default:
      throw unknownType(at, type);
  }
}

function unknownType(at: Instruction["at"], type: string): Error {
  return invalid(at, `RUN --mount=type=${type} is not understood, expected bind, cache, tmpfs, secret or ssh`);
}

function refuseUnknown(at: Instruction["at"], type: string, options: ReadonlyMap<string, string>): void {
  const known = OPTIONS[type];
  if (known === undefined) throw unknownType(at, type);
  const all = ["type", ...TARGETS, ...known];
  const unknown = [...options.keys()].find((name) => !all.includes(name));
  if (unknown !== undefined)
    throw invalid(
      at,
      `RUN --mount=type=${type} has no option "${unknown}", expected one of target, ${known.join(", ")}`,
    );
  for (const [name, { form, expected }] of Object.entries(NUMBERS))
    if (options.has(name) && !form.test(options.get(name) ?? ""))
      throw invalid(at, `RUN --mount=type=${type},${name}=${options.get(name)}: expected ${expected}`);
}

const UNITS: Readonly<Record<string, number>> = {
  ...{ "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 },
  ...{ t: 1024 ** 4, p: 1024 ** 5 },
};
const SIZE = /^(\d+(?:\.\d+)?) ?([kmgtp]?)i?b?$/i;

/** What the values of some options look like. */
const NUMBERS = {
  mode: { form: /^[0-7]+$/, expected: "an octal mode" },
  uid: { form: /^\d+$/, expected: "a number" },
  gid: { form: /^\d+$/, expected: "a number" },
  size: { form: SIZE, expected: "a number of bytes, or one with a unit like 64m" },
};

function bytesOf(size: string): number {
  const [, number, unit = ""] = SIZE.exec(size) ?? [];
  return Math.floor(Number(number) * (UNITS[unit.toLowerCase()] ?? 1));
}

function optionsOf(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split(",").map((part): [string, string] => {
      const equals = part.indexOf("=");
      return equals < 0 ? [part.toLowerCase(), ""] : [part.slice(0, equals).toLowerCase(), part.slice(equals + 1)];
    }),
  );
}
