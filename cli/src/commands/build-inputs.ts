import { existsSync, readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { TsukubeError } from "@tsukube/foundation";

interface Flags {
  /** "id=token,src=path" or "id=token,env=TOKEN". */
  readonly secret: readonly string[];
  /** "default", or "id=socket". */
  readonly ssh: readonly string[];
}

/** What `--secret` and `--ssh` lend to a build, as `POST /build/inputs` takes it; undefined for nothing. @throws {TsukubeError} `usage`. */
export function inputsOf(
  { secret, ssh }: Flags,
  env: NodeJS.ProcessEnv,
):
  | { readonly secrets: Readonly<Record<string, string>>; readonly agents: Readonly<Record<string, string>> }
  | undefined {
  if (secret.length === 0 && ssh.length === 0) return undefined;
  return {
    secrets: Object.fromEntries(secret.map((flag) => secretOf(flag, env))),
    agents: Object.fromEntries(ssh.map((flag) => agentOf(flag, env))),
  };
}

function secretOf(flag: string, env: NodeJS.ProcessEnv): readonly [id: string, base64: string] {
  const parts = new Map(
    flag.split(",").map((part): [string, string] => {
      const at = part.indexOf("=");
      return at < 0 ? [part, ""] : [part.slice(0, at), part.slice(at + 1)];
    }),
  );
  const id = parts.get("id") ?? "";
  const unknown = [...parts.keys()].find((name) => !["id", "src", "source", "env", "type"].includes(name));
  if (id === "" || unknown !== undefined)
    throw new TsukubeError("usage", `Cannot use --secret ${flag}: expected id=NAME,src=FILE or id=NAME,env=VARIABLE`);
  const named = parts.get("env") ?? (parts.get("type") === "env" ? (parts.get("src") ?? id) : undefined);
  const file = parts.get("src") ?? parts.get("source");
  const variable = named ?? (file === undefined && env[id] !== undefined ? id : undefined);
  if (variable !== undefined) {
    const value = env[variable];
    if (value === undefined)
      throw new TsukubeError("usage", `Cannot use --secret ${flag}: variable ${variable} is not set`);
    return [id, Buffer.from(value).toString("base64")];
  }
  const path = resolve(file ?? id);
  if (!existsSync(path)) throw new TsukubeError("usage", `Cannot use --secret ${flag}: there is no file ${path}`);
  return [id, readFileSync(path).toString("base64")];
}

function agentOf(flag: string, env: NodeJS.ProcessEnv): readonly [id: string, socket: string] {
  const at = flag.indexOf("=");
  const id = at < 0 ? flag : flag.slice(0, at);
  const socket = at < 0 ? env["SSH_AUTH_SOCK"] : flag.slice(at + 1);
  if (socket === undefined)
    throw new TsukubeError(
      "usage",
      `Cannot use --ssh ${flag}: SSH_AUTH_SOCK is not set, expected an agent; ssh-agent starts one`,
    );
  if (!existsSync(socket) || !statSync(socket).isSocket())
    throw new TsukubeError("usage", `Cannot use --ssh ${flag}: ${socket} is no socket, expected that of an ssh agent`);
  return [id, resolve(socket)];
}
