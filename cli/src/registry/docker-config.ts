import { mkdir, readFile, realpath } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { codeOf, TsukubeError } from "@tsukube/foundation";
import { writeAtomically } from "@tsukube/host";

/** What `config.json` of the docker command says of logins; it has more, which stays as it is. */
export interface DockerConfig {
  /** By server: "https://index.docker.io/v1/", "localhost:5000". */
  readonly auths?: Readonly<Record<string, StoredAuth>>;
  /** The helper that keeps the logins: NAME of docker-credential-NAME. */
  readonly credsStore?: string;
  /** Those for single registries. */
  readonly credHelpers?: Readonly<Record<string, string>>;
}

export interface StoredAuth {
  /** base64 of "username:password". */
  readonly auth?: string;
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
}

/** Where docker and others have it: in `$DOCKER_CONFIG`, or in `~/.docker`. */
export function dockerConfigPath(env: NodeJS.ProcessEnv): string {
  return join(env["DOCKER_CONFIG"] || join(env["HOME"] || homedir(), ".docker"), "config.json");
}

/** {} when there is none. @throws {TsukubeError} `usage` for what is no JSON object. */
export async function readDockerConfig(path: string): Promise<DockerConfig> {
  try {
    const text = await readFile(path, "utf8");
    const document: unknown = text.trim() === "" ? {} : JSON.parse(text);
    if (typeof document === "object" && document !== null && !Array.isArray(document)) return document;
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return {};
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new TsukubeError("usage", `Cannot read logins from "${path}": no JSON object, expected docker's configuration`);
}

/** Changes the logins alone. Where the file is a link, what it leads to is replaced. */
export async function writeDockerConfig(path: string, config: DockerConfig): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const real = await realpath(path).catch(() => path);
  await writeAtomically(real, `${JSON.stringify(config, undefined, "\t")}\n`, { mode: 0o600 });
}
