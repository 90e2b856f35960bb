import { createHash } from "node:crypto";
import { chmod, chown, mkdir } from "node:fs/promises";
import { posix } from "node:path";
import { type Instruction, invalid } from "./dockerfile/instruction.ts";
import { expand, type Scope } from "./scope.ts";

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
  const option = (...names: readonly string[]): string | undefined =>
    names.map((name) => options.get(name)).find((value) => value !== undefined);
  const flag = (...names: readonly string[]): boolean => {
    const value = option(...names);
    return value !== undefined && value !== "false";
  };
  const place = option("target", "dst", "destination");
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
    const name = id ?? posix.basename(place ?? "");
    const env = option("env");
    if (name === "") throw invalid(at, "RUN --mount=type=secret lacks its id, expected id=NAME");
    const secret = { ...lent, type, id: name, mode: modeOr("400") } as const;
    if (env === undefined) return { ...secret, target: absolute ?? `/run/secrets/${name}` };
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
      return { type, target, id: id ?? target, readonly: flag("ro", "readonly"), mode: modeOr("755"), ...owner };
    }
    case "tmpfs": {
      const size = option("size");
      return { type, target, ...(size === undefined ? {} : { sizeBytes: Number(size) }) };
    }
    default:
      throw invalid(at, `RUN --mount=type=${type} is not understood, expected bind, cache, tmpfs, secret or ssh`);
  }
}

function optionsOf(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split(",").map((part): [string, string] => {
      const equals = part.indexOf("=");
      return equals < 0 ? [part.toLowerCase(), ""] : [part.slice(0, equals).toLowerCase(), part.slice(equals + 1)];
    }),
  );
}

/** The folder of a cache mount, made with its owner when it is new. */
export async function cacheFolder(
  root: string,
  { id, mode, uid, gid }: Extract<RunMount, { type: "cache" }>,
): Promise<string> {
  const folder = `${root}/${createHash("sha256").update(id).digest("hex").slice(0, 24)}`;
  if ((await mkdir(folder, { recursive: true })) !== undefined) {
    await chmod(folder, mode);
    await chown(folder, uid, gid);
  }
  return folder;
}
